"""The demo: a station, a CSMS and a car on this machine, one charging session, and the verdict."""

import asyncio
import signal

from agent.sim.csms import Csms
from agent.sim.csms_model import AuthorizationStatus
from agent.sim.demo_bench import StationSilent, kept_transaction
from agent.sim.demo_station import IDENTITY, DemoStation, StationNotStarted
from agent.sim.demo_verdict import REMEDY, Evidence, judge, pyocmf_is_missing
from agent.sim.demo_view import DemoView, terminal
from agent.sim.story import PAUSES_S, TOKEN, Pace, StepFailed, Story

OK = 0
FAILED = 1

_START_LIMIT_S = 10.0
_WHOLE_LIMIT_S = 55.0


def run_demo(version: str, speed: float = 1.0, *, show_frames: bool = False) -> int:
    """Show a session in an OCPP subprotocol; return 0 if everything was seen and agreed, else 1.

    `speed` divides the pauses; electricity and processes are real time.
    """
    view = DemoView(terminal(), show_frames=show_frames)
    if pyocmf_is_missing():
        view.failure(REMEDY)
        return FAILED
    try:
        return asyncio.run(_demo(version, speed, view))
    except (KeyboardInterrupt, asyncio.CancelledError):
        view.failure("interrupted; every process has been stopped")
        return FAILED


async def _demo(version: str, speed: float, view: DemoView) -> int:
    _stop_on_termination()
    csms = Csms(
        versions=[version],
        tokens={TOKEN: AuthorizationStatus.ACCEPTED},
        on_frame=view.frame,
        ping_interval_s=None,
    )
    view.title(f"A charging session in {version}: -> to the CSMS, <- from the CSMS, == at the plug")
    async with csms, DemoStation(csms.url, version) as processes:
        try:
            async with asyncio.timeout(_limit_s(speed)):
                await processes.start()
                evidence = await _evidence(csms, processes, view, speed)
        except TimeoutError:
            view.failure(f"the session took more than {_limit_s(speed):g} s", processes.log_tail())
            return FAILED
        except (StepFailed, StationNotStarted, StationSilent) as error:
            view.failure(str(error), processes.log_tail())
            return FAILED
        view.faults(csms.station(IDENTITY))
    view.heading("Do the signed records hold, and do all energies agree?")
    return OK if view.verdict(judge(evidence)) else FAILED


async def _evidence(csms: Csms, processes: DemoStation, view: DemoView, speed: float) -> Evidence:
    station = csms.station(IDENTITY)
    async with await processes.connect(processes.bench_socket, _START_LIMIT_S) as bench:
        told = await Story(station, bench, view, processes.trouble, Pace(speed)).play()
    async with await processes.connect(processes.api_socket, _START_LIMIT_S) as local_api:
        kept = await kept_transaction(local_api)
    return Evidence(
        transactions=tuple(station.transactions.values()),
        faults=tuple(csms.faults),
        plant_begin_wh=told.begin.energy_wh,
        plant_end_wh=told.end.energy_wh,
        own_records=kept.records,
        own_public_key=kept.public_key,
    )


def _limit_s(speed: float) -> float:
    """Return how long a session may take; slowing the pauses down gives it more time."""
    return _WHOLE_LIMIT_S + PAUSES_S * max(0.0, 1 / speed - 1)


def _stop_on_termination() -> None:
    """Let SIGTERM end the demo the way Ctrl-C does, so that its processes are stopped."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
