"""Password renewal over real sockets, with the daemon killed at the worst moments (A01)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.ocpp.endpoint import SecurityProfile
from agent.sim.csms import Csms
from tests.integration.station_process import StationProcess, until_true
from tests.patience import PATIENT_S

OLD = "old-password-0123456789"
NEW = "new-password-0123456789"
VARIABLE = "SecurityCtrlr.BasicAuthPassword"


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(ping_interval_s=None, password=OLD) as running:
        yield running


@pytest.fixture
async def station(tmp_path: Path, csms: Csms) -> AsyncIterator[StationProcess]:
    password = tmp_path / "password"
    password.write_text(OLD)
    password.chmod(0o600)
    process = StationProcess(
        tmp_path,
        csms.url,
        ("ocpp2.0.1",),
        profile=SecurityProfile.BASIC,
        csms=f'password_file = "{password}"',
        log_level="debug",
    )
    try:
        await process.start()
        yield process
        for secret in (OLD, NEW):
            assert secret not in process.log
    finally:
        await process.dispose()


def statuses(csms: Csms) -> list[int]:
    return [int(shake.status) for shake in csms.handshakes]


@pytest.mark.requirement("A01", "A01.FR.02", "A01.FR.11", "A01.FR.12", "A00.FR.203")
async def test_a_new_password_is_used_at_once(station: StationProcess, csms: Csms) -> None:
    known = await csms.wait_for_station("CS001", PATIENT_S)
    csms.password = NEW
    result = await known.set_variables({VARIABLE: NEW})
    assert result[0].status == "Accepted"
    await csms.wait_for(lambda _: known.connections == 2, PATIENT_S)
    assert statuses(csms) == [101, 101]
    assert "ReconfigurationOfSecurityParameters" in await station.security_log()
    await until_true(lambda: not kept_passwords(station))


def kept_passwords(station: StationProcess) -> int:
    """Look into the database for the old password's document, as a thief would."""
    path = station.folder / "state" / "stationd.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        query = "SELECT count(*) FROM document WHERE kind = 'network' AND key = 'old_password'"
        return int(connection.execute(query).fetchone()[0])


@pytest.mark.requirement("A01", "A01.FR.02")
@pytest.mark.parametrize("csms_has_stored_it", [True, False])
async def test_a_daemon_killed_right_after_the_answer_finds_the_csms_again(
    station: StationProcess, csms: Csms, csms_has_stored_it: bool
) -> None:
    known = await csms.wait_for_station("CS001", PATIENT_S)
    result = await known.set_variables({VARIABLE: NEW})
    assert result[0].status == "Accepted"
    await station.kill()
    csms.password = NEW if csms_has_stored_it else OLD
    known.expect_boot()
    tried = len(csms.handshakes)
    await station.start()
    await csms.wait_for(lambda _: 101 in statuses(csms)[tried:], PATIENT_S)
    assert statuses(csms)[tried:] == ([101] if csms_has_stored_it else [401, 101])
    await csms.wait_for_station("CS001", PATIENT_S)


@pytest.mark.requirement("A01", "A01.FR.02")
@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.005, 0.01, 0.02])
async def test_a_daemon_killed_while_it_stores_the_password_finds_either_csms(
    station: StationProcess, csms: Csms, delay_s: float
) -> None:
    known = await csms.wait_for_station("CS001", PATIENT_S)
    setting = asyncio.create_task(known.set_variables({VARIABLE: NEW}))
    await asyncio.sleep(delay_s)
    await station.kill()
    answered = not isinstance((await asyncio.gather(setting, return_exceptions=True))[0], Exception)
    csms.password = NEW if answered else OLD
    known.expect_boot()
    await station.start()
    await csms.wait_for_station("CS001", PATIENT_S)


@pytest.mark.requirement("A01.FR.02")
async def test_a_daemon_killed_in_doubt_knows_both_passwords_for_as_long_as_it_takes(
    station: StationProcess, csms: Csms
) -> None:
    known = await csms.wait_for_station("CS001", PATIENT_S)
    await known.set_variables({VARIABLE: NEW})
    await station.kill()
    for password in (OLD, NEW):
        csms.password = password
        known.expect_boot()
        await station.start()
        await csms.wait_for_station("CS001", PATIENT_S)
        await station.kill()
