"""Storage that is damaged when the daemon starts, or fails while it charges: real processes."""

import asyncio
import os
import resource
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.sim.csms import Csms
from agent.sim.csms_model import TransactionRecord
from tests.integration.station_process import StationProcess
from tests.patience import PATIENT_S

FULL_AT_BYTES = 32 * 1024
"""Small enough for SQLite's log to be beyond it, large enough for the daemon's own messages."""

VARIABLES = """
"AuthCtrlr.OfflineTxForUnknownIdEnabled" = true
"OCPPCommCtrlr.RetryBackOffRepeatTimes" = 0
"""


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(ping_interval_s=None, station_timeout_s=5) as running:
        yield running


@pytest.fixture
async def station(tmp_path: Path, csms: Csms) -> AsyncIterator[StationProcess]:
    process = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",), variables=VARIABLES)
    yield process
    await process.dispose()


def storage_of(station: StationProcess, *, works: bool) -> None:
    """Let the kernel refuse the daemon's writes, or take them again."""
    assert station.process is not None
    most = resource.RLIM_INFINITY if works else FULL_AT_BYTES
    limits = (most, resource.RLIM_INFINITY)
    resource.prlimit(station.process.pid, resource.RLIMIT_FSIZE, limits)


def is_whole(record: TransactionRecord) -> bool:
    numbers = [event.seq_no for event in record.events]
    return record.ended and numbers == list(range(len(numbers)))


async def run_session(station: StationProcess) -> str:
    transaction = await station.charge()
    await asyncio.sleep(0.2)
    await end_session(station)
    return transaction


async def end_session(station: StationProcess) -> None:
    await station.bench("swipe", token="DEADBEEF")
    await station.until(lambda e: e["transaction"] is None)
    await station.bench("plug_out")
    await station.until(lambda e: not e["plugged_in"])


@pytest.mark.requirement("E04.FR.01")
async def test_a_station_whose_storage_fails_charges_and_tells_everything(
    station: StationProcess, csms: Csms
) -> None:
    await station.start()
    known = await csms.wait_for_station("CS001", PATIENT_S)
    transactions = [await station.charge()]
    storage_of(station, works=False)
    await station.says("the storage refuses writes")
    await end_session(station)

    # A whole session that the disk never saw, while the CSMS is away.
    await csms.stop(abort=True)
    transactions.append(await run_session(station))
    await csms.start()
    await csms.wait_for(lambda _: len(known.transactions) == 2, PATIENT_S)
    records = [known.transactions[name] for name in transactions]
    await csms.wait_for(lambda _: all(map(is_whole, records)), PATIENT_S)
    kinds = [event.type for event in known.security_events]
    assert {"StorageFailure", "MemoryExhaustion"} & set(kinds)
    assert len(kinds) == len(set(kinds))
    assert [fault.message for fault in csms.faults] == []


async def test_what_waited_in_memory_survives_the_process_once_the_storage_works(
    station: StationProcess, csms: Csms
) -> None:
    await station.start()
    known = await csms.wait_for_station("CS001", PATIENT_S)
    storage_of(station, works=False)
    transaction = await station.charge()
    await csms.stop(abort=True)
    storage_of(station, works=True)
    await station.says("takes writes again")
    await station.kill()
    await csms.start()
    known.expect_boot()
    await station.start()
    await station.until(lambda e: e["transaction"] is not None)
    assert (await station.evse())["transaction"]["id"] == transaction
    await station.bench("swipe", token="DEADBEEF")
    await station.until(lambda e: e["transaction"] is None)
    await csms.wait_for(lambda _: is_whole(known.transactions[transaction]), PATIENT_S)
    assert known.transactions[transaction].duplicates <= 1
    assert [fault.message for fault in csms.faults] == []


def truncate(state: Path) -> None:
    os.truncate(state / "stationd.db", 8192)


def zero_a_page(state: Path) -> None:
    with (state / "stationd.db").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def put_a_foreign_file(state: Path) -> None:
    for file in state.glob("stationd.db*"):
        file.unlink()
    with sqlite3.connect(state / "stationd.db") as other:
        other.execute("CREATE TABLE photos (id)")
    other.close()


def put_noise(state: Path) -> None:
    (state / "stationd.db").write_bytes(os.urandom(50_000))


def lose_the_database(state: Path) -> None:
    (state / "stationd.db").unlink()


DAMAGES = (truncate, zero_a_page, put_a_foreign_file, put_noise, lose_the_database)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_recovered_and_reported(
    station: StationProcess, csms: Csms, damage: Callable[[Path], None]
) -> None:
    await station.start()
    known = await csms.wait_for_station("CS001", PATIENT_S)
    state = station.folder / "state"
    if damage is lose_the_database:
        await station.kill()
        assert (state / "stationd.db-wal").stat().st_size > 0
    else:
        # Until it is stopped in order, the write-ahead log holds all pages that matter.
        await station.stop()
    damage(state)
    known.expect_boot()
    await station.start()
    await csms.wait_for(
        lambda _: "StorageRecovered" in {event.type for event in known.security_events}, PATIENT_S
    )
    assert await run_session(station) in known.transactions
    assert "Traceback" not in station.log


async def ends_at_once(station: StationProcess) -> tuple[int, str]:
    """Run the daemon to its end; return its exit code and what it said."""
    file = station.configure()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", "run", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), PATIENT_S)
    assert process.returncode is not None
    return process.returncode, said.decode()


def says_one_thing(said: str, *words: str) -> bool:
    complaints = [line for line in said.splitlines() if "CRITICAL" in line]
    return len(complaints) == 1 and all(word in complaints[0] for word in words)


async def test_a_newer_database_ends_the_daemon_with_one_message(
    station: StationProcess, csms: Csms
) -> None:
    await station.start()
    await station.kill()
    with sqlite3.connect(station.folder / "state" / "stationd.db") as database:
        database.execute("CREATE TABLE tariff (id)")
        database.execute("PRAGMA user_version = 77")
    database.close()
    code, said = await ends_at_once(station)
    assert code == 1
    assert says_one_thing(said, "stationd.db", "schema 77", "install the newer version"), said
    assert "Traceback" not in said


async def test_two_daemons_cannot_have_one_state_directory(
    station: StationProcess, csms: Csms
) -> None:
    await station.start()
    await csms.wait_for_station("CS001", PATIENT_S)
    code, said = await ends_at_once(station)
    assert code == 1
    assert says_one_thing(said, "state"), said
    assert "Traceback" not in said
    assert (await station.evse())["status"] == "Available"


async def test_a_state_directory_that_cannot_be_made_ends_the_daemon_with_one_message(
    station: StationProcess,
) -> None:
    (station.folder / "state").write_text("a file")
    code, said = await ends_at_once(station)
    assert code == 1
    assert says_one_thing(said, "state"), said
    assert "Traceback" not in said


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv to become nobody")
async def test_a_state_directory_of_somebody_else_ends_the_daemon_with_one_message(
    station: StationProcess,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the superuser can become somebody else")
    state = station.folder / "state"
    state.mkdir(mode=0o755)
    for folder in (station.folder, *station.folder.parents):
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    file = station.configure()
    file.chmod(0o644)
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--reuid=65534", "--clear-groups"),
        *(sys.executable, "-m", "agent", "run", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), PATIENT_S))[0].decode()
    if "Permission denied" in said and "CRITICAL" not in said:
        pytest.skip("nobody cannot run this interpreter")
    assert process.returncode == 1
    assert says_one_thing(said, str(state), "writable"), said
