"""Smart charging: the composite schedule, a change of profile on its way to the pilot, memory."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from agent.core.smart_charging.ceilings import Supply
from agent.core.smart_charging.composite import composite
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.profiles import (
    MAX_PERIODS,
    MAX_PROFILES,
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.smart_charging.site import Place, Site
from agent.core.smart_charging.timeline import micros
from agent.core.vocabulary import ProfilePurpose, RateUnit
from hal.mock.backends import BoardControl
from tests.benchmarks import processes
from tests.benchmarks.effort import Effort
from tests.benchmarks.footprint import SETTLE_S, TOKEN, idle
from tests.benchmarks.loopback_csms import LoopbackCsms, Payload
from tests.benchmarks.report import Figure, spread
from tests.benchmarks.station import BenchStation

DAY_S = 86_400
PROFILES = 20
QUARTERS = 96
AIMS_MS = {QUARTERS: 2.0, MAX_PERIODS: 15.0}
PURPOSES = (ProfilePurpose.STATION_MAX, ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX)
TRANSACTION = "7f6d3a52"
EVSE_MA = 32_000
PACE_S = 5.3
"""IEC 61851-1 and the guard let a pilot change every 5 s."""
LOOK_S = 0.0005
REST_S = 0.05
"""Between two CALLs; the station takes 50 a second in the long run."""
VERSION = "ocpp2.0.1"


async def measure(effort: Effort) -> list[Figure]:
    """Measure the engine by itself, then a station."""
    figures = _engine(effort)
    figures += await _station(effort)
    return figures + await _memory(effort)


# --- The engine by itself.


def _engine(effort: Effort) -> list[Figure]:
    figures = []
    for periods, aim_ms in AIMS_MS.items():
        for evses in (1, 2):
            aims = {0.5: aim_ms} if evses == 1 else {}
            what = f"composite of 24 h, {PROFILES} profiles of {periods}, {evses} EVSE"
            samples = _composites_ms(periods, evses, effort.times(200, 30))
            figures += spread(f"{what}, processor time", "ms", samples, (0.5, 0.99), aims)[:2]
    return figures


def _composites_ms(periods: int, evses: int, times: int) -> list[float]:
    now = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    plan = plan_of(_installed(number, periods, now) for number in range(PROFILES))
    site = Site(now_us=micros(now), places=tuple(_place(n + 1, now) for n in range(evses)))
    return _timed_ms(lambda: composite(plan, site, 1, RateUnit.AMPERE, DAY_S), times)


def _timed_ms(work: Callable[[], object], times: int) -> list[float]:
    """Return the processor time of some work, again and again: it waits for nothing else."""
    taken_ms = []
    for _ in range(times):
        begin_s = time.thread_time()
        work()
        taken_ms.append((time.thread_time() - begin_s) * 1000)
    return taken_ms


def _place(evse: int, now: datetime) -> Place:
    return Place(
        evse=evse,
        supply=Supply(),
        most_ma=EVSE_MA,
        transaction_id=TRANSACTION,
        active=True,
        ready_us=micros(now),
    )


def _installed(number: int, periods: int, now: datetime) -> InstalledProfile:
    """Return one of several profiles: of all purposes, recurring daily, no two alike."""
    purpose = PURPOSES[number % len(PURPOSES)]
    steps = tuple(SchedulePeriod(at_s, Decimal(a)) for at_s, a in _steps(number, periods))
    start = now - timedelta(hours=1, seconds=number)
    profile = ChargingProfile(
        id=number + 1,
        stack_level=number // len(PURPOSES),
        purpose=purpose,
        kind=ProfileKind.RECURRING,
        schedules=(ChargingSchedule(RateUnit.AMPERE, steps, start, DAY_S),),
        recurrency=Recurrency.DAILY,
        transaction_id=TRANSACTION if purpose is ProfilePurpose.TX else None,
    )
    return InstalledProfile(int(purpose is not ProfilePurpose.STATION_MAX), profile, start)


def _steps(seed: int, periods: int) -> list[tuple[int, str]]:
    dice = Random(seed)  # noqa: S311 - the same schedule each time
    length_s = DAY_S // periods
    return [(n * length_s, f"{dice.randint(60, 320) / 10:g}") for n in range(periods)]


# --- A station.


async def _station(effort: Effort) -> list[Figure]:
    figures = []
    folder = effort.subfolder("charging")
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, VERSION) as station:
        await idle(station, csms)
        board = station.board()
        await station.operate("plug_in", evse=1)
        await station.until(lambda state: state["evses"][0]["plugged_in"])
        await station.operate("swipe", token=TOKEN)
        await station.until(lambda state: state["evses"][0]["contactor_closed"])
        for periods in AIMS_MS:
            await _fills(csms, PROFILES, periods)
            order = {"evseId": 1, "duration": DAY_S, "chargingRateUnit": "A"}
            trips = await _trips_ms(csms, "GetCompositeSchedule", order, effort.times(60, 10))
            name = f"GetCompositeSchedule, {PROFILES} profiles of {periods}"
            figures += spread(name, "ms", trips, (0.5, 0.99))[:2]
            figures += await _changes(csms, board, periods, effort.times(15, 4))
    return figures


async def _fills(csms: LoopbackCsms, profiles: int, periods: int) -> None:
    """Install profiles, but the last one, to which they leave the pilot."""
    await csms.call("ClearChargingProfile", {"chargingProfileId": profiles})
    for number in range(profiles - 1):
        steps: list[tuple[int, float]] = [(at, float(a)) for at, a in _steps(number, periods)]
        await _sets(csms, number + 1, number, steps)
        await asyncio.sleep(REST_S)


async def _changes(
    csms: LoopbackCsms, board: BoardControl, periods: int, times: int
) -> list[Figure]:
    """Change the leading profile again and again; look at the answer and at the pilot."""
    answered_ms, offered_ms = [], []
    length_s = DAY_S // periods
    for turn in range(times):
        await asyncio.sleep(PACE_S)
        limit_a = 10.0 + turn % 2 * 6
        steps = [(n * length_s, limit_a) for n in range(periods)]
        begin_s = time.monotonic()
        took_s = await _sets(csms, PROFILES, PROFILES, steps)
        await _offers(board, limit_a)
        offered_ms.append((time.monotonic() - begin_s) * 1000)
        answered_ms.append(took_s * 1000)
    name = f"SetChargingProfile of {periods} beside {PROFILES - 1}"
    return [
        *spread(f"{name}, to the answer", "ms", answered_ms, (0.5,)),
        *spread(f"{name}, to the pilot", "ms", offered_ms, (0.5,)),
    ]


async def _offers(board: BoardControl, limit_a: float) -> None:
    """Wait until the pilot's duty cycle says a limit (IEC 61851-1: 0.6 A for each percent)."""
    while True:
        state = await board.operate({"op": "state"})
        if abs(state["evses"][0]["duty"] * 60 - limit_a) < 0.1:
            return
        await asyncio.sleep(LOOK_S)


async def _sets(
    csms: LoopbackCsms, number: int, level: int, steps: Sequence[tuple[int, float]]
) -> float:
    """Set a TxDefaultProfile; return in how many seconds it was accepted."""
    start = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    schedule: Payload = {
        "id": 1,
        "startSchedule": start,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": at, "limit": a} for at, a in steps],
    }
    profile: Payload = {
        "id": number,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": [schedule],
    }
    order = {"evseId": 1, "chargingProfile": profile}
    answer, took_s = await csms.call("SetChargingProfile", order)
    if answer["status"] != "Accepted":
        raise RuntimeError(f"profile {number} was refused: {answer}")
    return took_s


async def _trips_ms(csms: LoopbackCsms, action: str, payload: Payload, times: int) -> list[float]:
    taken_ms = []
    for _ in range(times):
        answer, took_s = await csms.call(action, payload)
        if answer["status"] != "Accepted":
            raise RuntimeError(f"{action} was refused: {answer}")
        taken_ms.append(took_s * 1000)
        await asyncio.sleep(REST_S)
    return taken_ms


# --- Memory.


async def _memory(effort: Effort) -> list[Figure]:
    """Install as much as the station takes, look, start it anew, and look again."""
    folder = effort.subfolder("charging-memory")
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, VERSION) as station:
        pid = (await idle(station, csms))["agent"]
        figures = [_footprint("without a profile", pid)]
        await _fills(csms, MAX_PROFILES + 1, MAX_PERIODS)
        await asyncio.sleep(SETTLE_S)
        figures.append(_footprint(f"with {MAX_PROFILES} profiles of {MAX_PERIODS}", pid))
        await station.stop()
        booted = csms.count("BootNotification")
        station.start()
        await csms.until(lambda: csms.count("BootNotification") > booted)
        await station.until(lambda state: state["csms"]["online"])
        await asyncio.sleep(SETTLE_S)
        assert station.pid is not None
        figures.append(_footprint("with them, started anew", station.pid))
    return figures


def _footprint(when: str, pid: int) -> Figure:
    name = f"memory of agent, {VERSION}, {when}, PSS"
    return Figure(name=name, unit="MB", measured=processes.proportional_mb(pid))
