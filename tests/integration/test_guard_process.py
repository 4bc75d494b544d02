"""The guard as a real process on the simulated board: sessions, kills, restarts."""

import asyncio
import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from hal.api import Fault, GuardGone, GuardStatus, Lease, LeaseState, PilotMode, PilotState
from hal.guard import endpoint, spawn
from hal.guard.client import GuardClient
from hal.guard.exit_codes import ALREADY_RUNNING, FAILED
from hal.mock.backends import BoardControl
from tests.patience import PATIENT_S

OFFER = Lease(1, PilotMode.OFFER, 16.0)
STANDBY = Lease(1, PilotMode.STANDBY)
RENEWAL_S = 0.1

CONFIG = """
[station]
state_dir = "state"
[guard]
grace_s = {grace_s}
min_closing_interval_s = 0.5
[[evse]]
id = 1
connector_type = "sType2"
max_current_a = 32
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
"""
SHUT_OFF = 'shut_off = { backend = "mock" }\n'
HANGING = """
import sys, time
from pathlib import Path
from hal.guard import process
from hal.guard.settings import load
from tests.unit.hal.guard.board import MemoryBoard

board = MemoryBoard()
board.refresh_line = board.refresh

def refresh():
    board.refresh_line()
    if board.refreshes == 20:
        time.sleep(60)

board.refresh = refresh
process.HANG_LIMIT_S = 0.3
process.run(load(Path(sys.argv[1])), board.open)
"""

SERVICES = """
import asyncio, sys
from pathlib import Path
from hal.api import Lease, PilotMode
from hal.guard.client import GuardClient

async def main():
    async with GuardClient(Path(sys.argv[1])) as client:
        while True:
            await client.grant(Lease(1, PilotMode.OFFER, 16.0))
            await asyncio.sleep(0.1)

asyncio.run(main())
"""


class Site:
    """A state folder with its configuration, bench and processes."""

    def __init__(self, folder: Path, grace_s: float = 20.0) -> None:
        self.folder = folder
        self.config = folder / "station.toml"
        self.config.write_text(CONFIG.format(grace_s=grace_s))
        self.socket = folder / "state" / "guard.sock"
        self.log = folder / "guard.log"

    @contextmanager
    def guard(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hal.guard", "run", "--config", self.config, *options],
                stderr=log,
            )
        with ending(process):
            yield process

    @contextmanager
    def services(self) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([sys.executable, "-c", SERVICES, self.socket])
        with ending(process):
            yield process

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hal.guard", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENT_S,
            check=False,
        )


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENT_S)


class Watcher:
    """Follows the guard's statuses and renews a lease as long as there is one."""

    def __init__(self, client: GuardClient) -> None:
        self.client = client
        self.lease: Lease | None = None
        self.events: list[tuple[float, GuardStatus | GuardGone]] = []
        self._arrived = asyncio.Event()

    async def follow(self) -> None:
        async for event in self.client.statuses():
            self.events.append((time.monotonic(), event))
            self._arrived.set()

    async def renew(self) -> None:
        while True:
            if self.lease is not None:
                await self.client.grant(self.lease)
            await asyncio.sleep(RENEWAL_S)

    async def until(self, wanted: Callable[[GuardStatus | GuardGone], bool]) -> GuardStatus:
        """Wait until the newest event is as wanted."""
        async with asyncio.timeout(PATIENT_S):
            while not self.events or not wanted(self.events[-1][1]):
                self._arrived.clear()
                await self._arrived.wait()
        return self.events[-1][1]  # type: ignore[return-value]

    async def until_status(self, **wanted: object) -> GuardStatus:
        def fits(event: GuardStatus | GuardGone) -> bool:
            return isinstance(event, GuardStatus) and all(
                getattr(event, name) == value for name, value in wanted.items()
            )

        return await self.until(fits)

    async def grant(self, lease: Lease) -> None:
        self.lease = lease
        await self.client.grant(lease)


@asynccontextmanager
async def watching(site: Site) -> AsyncIterator[Watcher]:
    async with GuardClient(site.socket) as client:
        watcher = Watcher(client)
        tasks = [asyncio.create_task(watcher.follow()), asyncio.create_task(watcher.renew())]
        try:
            yield watcher
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
async def bench(site: Site) -> AsyncIterator[BoardControl]:
    control = BoardControl(site.folder / "state")
    yield control
    await control.close()


async def operate(bench: BoardControl, op: str, **request: object) -> dict[str, object]:
    answer = await bench.operate({"op": op, "evse": 1} | request)
    assert answer["ok"] is True, answer
    return answer


async def evse_facts(bench: BoardControl) -> dict[str, object]:
    listed = (await operate(bench, "state"))["evses"]
    assert isinstance(listed, list)
    facts = listed[0]
    assert isinstance(facts, dict)
    return facts


async def start_charging(watcher: Watcher, bench: BoardControl) -> None:
    await operate(bench, "plug_in")
    await watcher.grant(OFFER)
    await watcher.until_status(contactor_closed=True)


async def until_contactor(bench: BoardControl, *, closed: bool) -> None:
    async with asyncio.timeout(PATIENT_S):
        while True:
            if (await evse_facts(bench))["contactor_closed"] is closed:
                return
            await asyncio.sleep(0.01)


async def test_a_session_from_plug_to_unplug(site: Site, bench: BoardControl) -> None:
    with site.guard():
        async with watching(site) as watcher:
            assert (await watcher.until_status(faults=frozenset())).pilot_state is PilotState.A
            await start_charging(watcher, bench)
            status = await watcher.until_status(pilot_state=PilotState.C)
            assert status.offered_a == pytest.approx(16.0)
            assert status.lease is LeaseState.LIVE
            assert status.lock_engaged
            assert status.cable_rating_a == 32
            assert (await evse_facts(bench))["contactor_closed"] is True
            await watcher.grant(STANDBY)
            await watcher.until_status(contactor_closed=False)
            await operate(bench, "plug_out")
            status = await watcher.until_status(pilot_state=PilotState.A, lock_engaged=False)
            assert not status.faults


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("rcd", Fault.RCD),
        ("diode", Fault.DIODE),
        ("cp_short", Fault.PILOT_SHORT),
        ("cp_negative", Fault.PILOT_NEGATIVE),
        ("pe", Fault.PROTECTIVE_EARTH),
        ("over_temperature", Fault.OVER_TEMPERATURE),
        ("over_current", Fault.OVER_CURRENT),
        ("under_voltage", Fault.UNDER_VOLTAGE),
        ("contactor_stuck_open", Fault.CONTACTOR_STUCK_OPEN),
        ("lock", Fault.LOCK),
        ("estop", Fault.EMERGENCY_STOP),
        ("ventilation", Fault.VENTILATION),
        ("other", Fault.OTHER),
    ],
)
async def test_every_fault_under_load_opens_the_coil_line_in_time(
    site: Site,
    bench: BoardControl,
    record_property: Callable[[str, object], None],
    code: str,
    fault: Fault,
) -> None:
    with site.guard():
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            await operate(bench, "error", code=code, on=True)
            status = await watcher.until(
                lambda event: isinstance(event, GuardStatus) and fault in event.faults
            )
            assert not status.contactor_commanded
            facts = await evse_facts(bench)
            assert facts["coil"] is False
            record_property("fault_to_open_ms", facts["last_fault_to_open_ms"])


async def test_unplugging_under_load_opens_the_coil_line(
    site: Site, bench: BoardControl, record_property: Callable[[str, object], None]
) -> None:
    with site.guard():
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            await operate(bench, "plug_out")
            await watcher.until_status(contactor_closed=False)
            record_property("leave_to_open_ms", (await evse_facts(bench))["last_leave_to_open_ms"])


async def test_a_welded_contactor_is_found_when_it_should_open(
    site: Site, bench: BoardControl
) -> None:
    with site.guard():
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            await operate(bench, "error", code="contactor_welded", on=True)
            await watcher.grant(STANDBY)
            status = await watcher.until_status(faults=frozenset({Fault.CONTACTOR_WELDED}))
            assert status.contactor_closed
            assert status.lock_engaged


async def test_a_killed_agent_interrupts_nothing_and_a_new_one_goes_on(
    site: Site, bench: BoardControl, record_property: Callable[[str, object], None]
) -> None:
    with site.guard():
        with site.services() as services:
            await operate(bench, "plug_in")
            await until_contactor(bench, closed=True)
            services.kill()
            services.wait(PATIENT_S)
        async with watching(site) as watcher:
            status = await watcher.until_status(lease=LeaseState.FALLBACK)
            assert status.contactor_closed
            await watcher.grant(OFFER)
            status = await watcher.until_status(lease=LeaseState.LIVE)
            assert status.contactor_closed
        closings = site.log.read_text().count("told to close")
        assert closings == 1


async def test_a_hung_agent_falls_back_after_its_lease_and_stops_after_the_grace_time(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, grace_s=0.5)
    bench = BoardControl(tmp_path / "state")
    with site.guard():
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            watcher.lease = None
            await watcher.until_status(lease=LeaseState.FALLBACK, contactor_closed=True)
            status = await watcher.until_status(lease=LeaseState.EXPIRED, contactor_closed=False)
            assert status.duty == 1.0
            assert not status.faults
    await bench.close()


async def test_a_killed_guard_lets_the_contactor_fall_and_its_successor_takes_over(
    site: Site, bench: BoardControl
) -> None:
    async with watching(site) as watcher:
        with site.guard() as guard:
            await start_charging(watcher, bench)
            guard.kill()
            guard.wait(PATIENT_S)
            await watcher.until(lambda event: isinstance(event, GuardGone))
            await until_contactor(bench, closed=False)
        with site.guard():
            status = await watcher.until_status(contactor_closed=True)
            events = [event for _, event in watcher.events]
            gone = max(n for n, event in enumerate(events) if isinstance(event, GuardGone))
            states = {one.pilot_state for one in events[gone + 1 :] if isinstance(one, GuardStatus)}
            assert states <= {PilotState.B, PilotState.C}, "nobody unplugged"
            assert not status.faults


async def test_stopping_the_guard_under_load_lets_the_vehicle_leave_first(
    site: Site, bench: BoardControl
) -> None:
    with site.guard() as guard:
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            guard.terminate()
            gone = await watcher.until(lambda event: isinstance(event, GuardGone))
            assert await asyncio.to_thread(guard.wait, PATIENT_S) == 0
            assert isinstance(gone, GuardGone)
            statuses = [event for _, event in watcher.events if isinstance(event, GuardStatus)]
            assert any(one.contactor_closed and one.duty == 1.0 for one in statuses)
            assert not statuses[-1].contactor_closed
    assert not site.socket.exists()
    assert (await evse_facts(bench))["coil"] is False


async def test_a_lost_board_is_told_and_found_again(site: Site, bench: BoardControl) -> None:
    with site.guard():
        async with watching(site) as watcher:
            await watcher.until_status(faults=frozenset())
            await operate(bench, "power_fail")
            await watcher.until_status(faults=frozenset({Fault.LINES_LOST}))
            await watcher.until_status(faults=frozenset(), pilot_state=PilotState.A)


def test_a_second_guard_is_refused(site: Site) -> None:
    with site.guard():
        wait_for_guard(site)
        second = site.command("run", "--config", str(site.config))
        assert second.returncode == ALREADY_RUNNING
        assert "another guard runs" in second.stderr
        safe = site.command("safe", "--config", str(site.config))
        assert safe.returncode == ALREADY_RUNNING
        assert spawn.is_alive(site.socket)


async def test_safe_drives_the_lines_low_and_leaves(site: Site, bench: BoardControl) -> None:
    with site.guard() as guard:
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            guard.kill()
            guard.wait(PATIENT_S)
            watcher.lease = None
    done = await asyncio.to_thread(site.command, "safe", "--config", str(site.config))
    assert done.returncode == 0, done.stderr
    facts = await evse_facts(bench)
    assert (facts["coil"], facts["contactor_closed"]) == (False, False)


async def test_a_tripped_shut_off_stays_through_guards_until_a_person_resets_it(
    site: Site, bench: BoardControl
) -> None:
    site.config.write_text(site.config.read_text() + SHUT_OFF)
    config = ("--config", str(site.config))
    with site.guard() as guard:
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            await operate(bench, "error", code="contactor_welded", on=True)
            await operate(bench, "plug_out")
            await watcher.until_status(shut_off=True)
            guard.kill()
            guard.wait(PATIENT_S)
    await asyncio.to_thread(site.command, "safe", *config)
    assert (await evse_facts(bench))["shut_off"] is True
    refused = await asyncio.to_thread(site.command, "reset", *config)
    assert refused.returncode == FAILED
    assert "EVSE 1: the contactor still reads closed; replace it" in refused.stderr
    await operate(bench, "error", code="contactor_welded", on=False)
    with site.guard():
        async with watching(site) as watcher:
            status = await watcher.until_status(shut_off=True)
            assert status.faults == {Fault.CONTACTOR_WELDED}
            running = await asyncio.to_thread(site.command, "reset", *config)
            assert running.returncode == ALREADY_RUNNING
    done = await asyncio.to_thread(site.command, "reset", *config)
    assert (done.returncode, done.stdout) == (0, "second shut-off released: 1\n")
    assert (await evse_facts(bench))["shut_off"] is False
    again = await asyncio.to_thread(site.command, "reset", *config)
    assert again.stdout == "second shut-off released: none was tripped\n"
    with site.guard():
        async with watching(site) as watcher:
            await watcher.until_status(shut_off=False, faults=frozenset())


def test_a_guard_that_hangs_ends_and_says_where(site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING, site.config],
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    assert done.returncode == -signal.SIGALRM
    assert "in refresh" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("max_current_a = 32", "", "max_current_a is missing"),
        ('pilot = { backend = "mock" }', 'pilot = { backend = "tea" }', "'tea'"),
        ("[guard]", '[guard]\ngroup = "no-such-group"', "no-such-group"),
        ("[guard]", "[guard", "is not TOML"),
        ("[guard]", "# \udcfc\n[guard]", "is not TOML"),
    ],
)
def test_a_wrong_configuration_ends_with_a_reason(
    site: Site, old: str, new: str, complaint: str
) -> None:
    attached = site.config.read_text().replace("sType2", "cType2")
    site.config.write_text(attached.replace(old, new), errors="surrogateescape")
    done = site.command("run", "--config", str(site.config))
    assert done.returncode == FAILED
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_guard_is_started_once_and_outlives_its_starter(site: Site) -> None:
    starter = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from hal.guard.spawn import ensure_guard\n"
        "ensure_guard(Path(sys.argv[1]), Path(sys.argv[2])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter, site.config, site.socket], timeout=PATIENT_S, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert spawn.is_alive(site.socket)
    guard = site.socket.stat().st_ino
    spawn.ensure_guard(site.config, site.socket)
    assert site.socket.stat().st_ino == guard, "the same guard answers"
    site.socket.unlink()
    lock = site.socket.with_name("guard.sock.lock")
    wait_until(lambda: is_free(lock))


def test_a_guard_that_cannot_start_says_why(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace("max_current_a = 32", ""))
    with pytest.raises(spawn.GuardNotStarted, match="max_current_a is missing"):
        spawn.ensure_guard(site.config, site.socket)


def test_a_guard_whose_socket_was_replaced_leaves(site: Site) -> None:
    with site.guard("--exit-when-orphaned", "1000") as guard:
        wait_for_guard(site)
        with endpoint.listen(site.socket):
            assert guard.wait(PATIENT_S) == 0
        assert site.socket.exists(), "it is not ours to remove"


def test_a_long_state_folder_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 90) / ("y" * 90)
    folder.mkdir(parents=True)
    site = Site(folder)
    with site.guard() as guard:
        wait_for_guard(site)
        guard.terminate()
        assert guard.wait(PATIENT_S) == 0


def wait_for_guard(site: Site) -> None:
    wait_until(lambda: spawn.is_alive(site.socket))


def wait_until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENT_S
    while not true():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.01)


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_the_guard_keeps_its_folder_private(site: Site) -> None:
    with site.guard():
        wait_for_guard(site)
        assert site.socket.stat().st_mode & 0o077 == 0


async def test_a_guard_that_is_to_be_renewed_leaves_when_the_vehicle_has_left(
    site: Site, bench: BoardControl
) -> None:
    with site.guard() as guard:
        async with watching(site) as watcher:
            await start_charging(watcher, bench)
            guard.send_signal(signal.SIGHUP)
            await watcher.grant(STANDBY)
            await watcher.until_status(contactor_closed=False)
            with pytest.raises(subprocess.TimeoutExpired):
                await asyncio.to_thread(guard.wait, 1.0)
            await operate(bench, "plug_out")
            assert await asyncio.to_thread(guard.wait, PATIENT_S) == 0
