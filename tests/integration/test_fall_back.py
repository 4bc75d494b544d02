"""Two real versions of the product on one state directory: this one, and one to fall back to.

The older one is taken from the repository's history as it was. It must start on everything that
this version leaves behind: database, queue, session in progress, keys, and an update under way.
"""

import contextlib
import io
import sqlite3
import subprocess
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from agent.core.event_documents import SCHEMA
from agent.core.firmware_order import FirmwareOrder
from agent.core.firmware_update import FirmwareUpdate, Stage
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from agent.store.database import Database
from agent.store.endurance import Endurance
from agent.store.enduring_journal import EnduringJournal
from agent.store.enduring_settings import EnduringDocuments
from agent.store.firmware_update import StoredFirmwareUpdate
from agent.store.journal import StoredJournal
from agent.store.migrate import Migration, apply, migrations, schema_version
from agent.store.outbox import Outbox, Stamp
from agent.store.sessions import Sessions
from agent.store.settings import Documents
from tests.integration.station_process import TOKEN, StationProcess
from tests.patience import PATIENT_S

ROOT = Path(__file__).parents[2]
OLDER = "c496003"
"""The version that is fallen back to: the last one before the product could be updated."""
KNOWS_THE_RULE = "bb9b111"
"""The first version that works on tables which a newer one has added to."""
SETTING = "OCPPCommCtrlr.RetryBackOffRepeatTimes"
"""One that no answer to BootNotification changes."""
STAMP = Stamp("boot", 0.0, 1)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return as_it_was(OLDER, tmp_path / "older")


def as_it_was(commit: str, tree: Path) -> Path:
    """Return the product as it was at some time."""
    archive = subprocess.run(
        ["/usr/bin/env", "git", "archive", commit, "agent", "hal", "config"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        pytest.skip(f"the history of this checkout does not reach back to {commit}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(tree, filter="data")
    return tree


def add_to_the_tables(folder: Path) -> int:
    """Do what a later version's migration does; return the schema that it leaves."""
    step = Migration(
        len(migrations()) + 1,
        "later.sql",
        f"-- usable from schema {len(migrations())} on\n"
        "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;"
        "ALTER TABLE dropped ADD COLUMN later TEXT NOT NULL DEFAULT ''",
    )
    with contextlib.closing(sqlite3.connect(folder / "state" / "stationd.db")) as connection:
        connection.isolation_level = None
        apply(connection, step)
        return schema_version(connection)


async def leave_an_update(folder: Path) -> None:
    """Leave an update on trial behind, with a status that was not told."""
    database = await Database.open(folder / "state" / "stationd.db")
    outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=SCHEMA)
    endurance = Endurance()
    stored = StoredJournal(database, outbox, await Sessions(database).load_all())
    journal = EnduringJournal(stored, endurance, lambda: STAMP)
    store = StoredFirmwareUpdate(
        EnduringDocuments(await Documents.open(database), endurance), journal
    )
    now = datetime.now(UTC)
    order = FirmwareOrder(request_id=7, location="https://files.example/x", retrieve_at=now)
    update = FirmwareUpdate(order=order, from_version="0", accepted_at=now, stage=Stage.ON_TRIAL)
    status = FirmwareProgress(status=FirmwareStatus.INSTALL_REBOOTING, request_id=7)
    await store.record(update, [status])
    await outbox.close()
    await database.close()


async def the_update_left(folder: Path) -> FirmwareUpdate | None:
    database = await Database.open(folder / "state" / "stationd.db")
    try:
        text = (await Documents.open(database)).get("firmware_update", "latest")
    finally:
        await database.close()
    return None if text is None else StoredFirmwareUpdate(_Texts(text), None).found  # type: ignore[arg-type]


class _Texts:
    def __init__(self, text: str) -> None:
        self._text = text

    def get(self, _kind: str, _key: str) -> str:
        return self._text


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    csms = Csms(ping_interval_s=None, station_timeout_s=5)
    await csms.start()
    yield csms
    await csms.stop()


@pytest.fixture
async def station(tmp_path: Path, csms: Csms) -> AsyncIterator[StationProcess]:
    station = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",))
    yield station
    await station.dispose()


async def is_accepted(csms: Csms) -> Station:
    record = csms.station("CS001")
    await record.wait_for(lambda s: s.registration == "Accepted", PATIENT_S)
    return record


async def is_killed_while_it_charges(station: StationProcess, csms: Csms) -> str:
    """Let this version charge, queue events, and be killed; return the transaction."""
    await station.start()
    record = await is_accepted(csms)
    await record.set_variables({SETTING: "7"})
    running = await station.charge()
    await record.wait_for(lambda s: running in s.transactions, PATIENT_S)
    await csms.stop(abort=True)
    delivered_wh = (await station.evse())["delivered_wh"]
    await station.until(lambda evse: evse["delivered_wh"] > delivered_wh + 4)
    await station.kill()
    await leave_an_update(station.folder)
    return running


async def goes_on(station: StationProcess, csms: Csms, running: str) -> None:
    """Let the other version start on it, end the transaction, and tell everything."""
    await csms.start()
    csms.station("CS001").expect_boot()
    await station.start()
    evse = await station.until(lambda evse: evse["transaction"] is not None)
    assert evse["transaction"]["id"] == running
    record = await is_accepted(csms)
    assert (await record.get_variables([SETTING]))[0].value == "7"
    await station.bench("swipe", token=TOKEN)
    await station.bench("plug_out")
    await record.wait_for(lambda s: s.transactions[running].ended, PATIENT_S)
    assert await station.stop() == 0
    assert "'FirmwareProgress' is no kind of stored event" in station.log, "it was the older one"


async def test_the_version_before_goes_on_with_everything_after_a_fall_back(
    station: StationProcess, csms: Csms, older: Path
) -> None:
    running = await is_killed_while_it_charges(station, csms)
    key = station.folder / "state" / "keys" / "meter_signing.pem"
    key_before = key.read_bytes()
    station.tree = older
    await goes_on(station, csms, running)
    assert key.read_bytes() == key_before

    left = await the_update_left(station.folder)
    assert left is not None
    assert (left.stage, left.order.request_id) == (Stage.ON_TRIAL, 7)
    station.tree = None
    csms.station("CS001").expect_boot()
    await station.start()
    record = await is_accepted(csms)
    truth = await station.evse()
    billed = sum((t.energy_wh or Decimal(0) for t in record.transactions.values()), Decimal(0))
    assert abs(billed - Decimal(str(truth["delivered_wh"]))) < Decimal(1)
    assert list(record.transactions) == [running]


async def test_the_version_before_goes_on_with_tables_that_a_newer_one_has_added_to(
    station: StationProcess, csms: Csms, tmp_path: Path
) -> None:
    running = await is_killed_while_it_charges(station, csms)
    schema = add_to_the_tables(station.folder)
    station.tree = as_it_was(KNOWS_THE_RULE, tmp_path / "older")
    await goes_on(station, csms, running)
    with contextlib.closing(sqlite3.connect(station.folder / "state" / "stationd.db")) as found:
        assert schema_version(found) == schema
        assert found.execute("SELECT count(*) FROM later").fetchone() == (0,)
    assert "set aside" not in station.log
