"""What happens to a car that charges while the daemon dies: held, resumed, or stopped in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.sim.csms import Csms
from hal.mock.backends import BoardControl
from tests.integration.station_process import StationProcess
from tests.patience import PATIENT_S


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(ping_interval_s=None, station_timeout_s=5) as running:
        yield running


@pytest.fixture
async def station(tmp_path: Path, csms: Csms) -> AsyncIterator[StationProcess]:
    process = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",))
    await process.start()
    await csms.wait_for_station("CS001", PATIENT_S)  # until then no unknown token is accepted
    yield process
    await process.dispose()


async def charge(station: StationProcess) -> str:
    await station.bench("plug_in")
    await station.bench("swipe", token="DEADBEEF")
    evse = await station.until(lambda e: e["contactor_closed"] and e["meter"]["power_w"] > 20_000)
    transaction: str = evse["transaction"]["id"]
    return transaction


@pytest.mark.requirement("E01.FR.07")
async def test_a_car_keeps_charging_while_the_daemon_is_killed_and_restarted(
    station: StationProcess, csms: Csms
) -> None:
    transaction = await charge(station)
    before = await station.evse()
    await station.kill()
    csms.station("CS001").expect_boot()
    await asyncio.sleep(1.0)
    await station.start()
    after = await station.until(lambda e: e["duty"] > 0.5 and e["meter"]["power_w"] > 20_000)
    assert after["transaction"]["id"] == transaction
    assert after["contactor_closed"]
    assert after["meter"]["energy_wh"] > before["meter"]["energy_wh"]
    await station.bench("swipe", token="DEADBEEF")
    await station.until(lambda e: e["transaction"] is None)
    record = csms.station("CS001").transactions[transaction]
    await csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
    numbers = [event.seq_no for event in record.events]
    assert numbers == list(range(len(numbers)))
    assert csms.faults == []


async def test_without_the_daemon_the_guard_offers_the_fallback_current(
    station: StationProcess,
) -> None:
    await charge(station)
    await station.kill()
    await asyncio.sleep(2.0)
    await station.start()
    # The lease of the new daemon raises the offer again, but not before the pilot may change.
    held = await station.evse()
    assert held["contactor_closed"]
    assert held["duty"] == pytest.approx(0.1) or held["duty"] > 0.5


async def test_a_daemon_that_stays_away_ends_in_a_graceful_stop_by_the_guard(
    tmp_path: Path, csms: Csms
) -> None:
    station = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",), grace_s=1.0)
    await station.start()
    try:
        await csms.wait_for_station("CS001", PATIENT_S)  # until then no unknown token is accepted
        transaction = await charge(station)
        board = station.board()
        await station.kill()
        csms.station("CS001").expect_boot()
        await until_open(board)
        await board.close()
        await station.start()
        stopped = await station.until(lambda e: e["transaction"] is not None)
        stopped_wh = Decimal(str(stopped["meter"]["energy_wh"]))
        assert stopped["transaction"]["id"] == transaction
        await station.until(lambda e: e["meter"]["power_w"] > 20_000, PATIENT_S)
        await station.bench("plug_out")
        await station.until(lambda e: e["transaction"] is None)
        record = csms.station("CS001").transactions[transaction]
        await csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
        assert record.end_wh is not None
        assert record.end_wh > stopped_wh
        assert record.stopped_reason == "EVDisconnected"
    finally:
        await station.dispose()


async def until_open(board: BoardControl, within_s: float = PATIENT_S) -> None:
    """Wait until the contactor is open, which nobody but the guard can have done."""
    async with asyncio.timeout(within_s):
        while True:
            state: Any = await board.operate({"op": "state"})
            if not state["evses"][0]["contactor_closed"]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.requirement("E06.FR.16")
async def test_a_car_that_left_while_the_daemon_was_dead_ends_the_transaction(
    station: StationProcess, csms: Csms
) -> None:
    transaction = await charge(station)
    control = station.board()
    await station.kill()
    csms.station("CS001").expect_boot()
    assert (await control.operate({"op": "plug_out"}))["ok"]
    await asyncio.sleep(0.5)
    await control.close()
    await station.start()
    await station.until(lambda e: e["transaction"] is None and not e["plugged_in"])
    record = csms.station("CS001").transactions[transaction]
    await csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
    assert record.stopped_reason == "EVDisconnected"
    truth = await station.evse()
    assert record.energy_wh == pytest.approx(
        Decimal(str(truth["delivered_wh"])), abs=Decimal("0.01")
    )


async def test_a_power_failure_ends_the_transaction_with_the_last_register(
    station: StationProcess, csms: Csms
) -> None:
    transaction = await charge(station)
    csms.station("CS001").expect_boot()
    with contextlib.suppress(OSError):
        await station.bench("power_fail")
    assert station.process is not None
    await asyncio.wait_for(station.process.wait(), PATIENT_S)
    await station.start()
    await station.until(lambda e: e["transaction"] is None)
    record = csms.station("CS001").transactions[transaction]
    await csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
    assert record.stopped_reason == "PowerLoss"
    truth = await station.evse()
    assert record.energy_wh == pytest.approx(
        Decimal(str(truth["delivered_wh"])), abs=Decimal("0.01")
    )


async def test_the_daemon_stops_cleanly_when_told_to(station: StationProcess) -> None:
    assert await station.stop() == 0
