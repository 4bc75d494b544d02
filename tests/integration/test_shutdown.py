"""SIGTERM: the CSMS hears a goodbye, what is pending is written, and nothing useless is left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from agent.app.boot_reason import SERVICE_RESULT
from agent.sim.csms import Csms
from hal.guard.spawn import end_guard
from tests.integration.csms_doubles import answer, scripted_csms
from tests.integration.station_process import StationProcess
from tests.patience import PATIENT_S

SERVICE_MANAGER_WAITS_S = 15.0
"""See TimeoutStopSec in systemd/stationd.service."""


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(ping_interval_s=None, station_timeout_s=5) as running:
        yield running


@pytest.fixture
async def station(tmp_path: Path, csms: Csms) -> AsyncIterator[StationProcess]:
    process = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",))
    yield process
    await process.dispose()


def guards(station: StationProcess) -> list[int]:
    return [
        pid
        for pid in station.helpers()
        if b"hal.guard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


async def test_the_csms_hears_that_the_station_goes_away(tmp_path: Path) -> None:
    async def script(socket: ServerConnection) -> None:
        try:
            while True:
                await answer(socket)
        except ConnectionClosed:
            closed.set_result(socket.close_code)

    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    async with scripted_csms(script, subprotocols=[Subprotocol("ocpp2.0.1")]) as url:
        station = StationProcess(tmp_path, url, ("ocpp2.0.1",))
        try:
            await station.start()
            await station.says("online, speaking")
            assert await station.stop() == 0
            assert await asyncio.wait_for(closed, PATIENT_S) == 1001
        finally:
            await station.dispose()


async def test_a_csms_that_does_not_say_goodbye_holds_nobody_up(tmp_path: Path) -> None:
    async def script(socket: ServerConnection) -> None:
        await answer(socket)
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    over = asyncio.Event()
    async with scripted_csms(script, subprotocols=[Subprotocol("ocpp2.0.1")]) as url:
        station = StationProcess(tmp_path, url, ("ocpp2.0.1",))
        try:
            await station.start()
            await asyncio.sleep(0.3)
            assert await asyncio.wait_for(station.stop(), SERVICE_MANAGER_WAITS_S) == 0
        finally:
            over.set()
            await station.dispose()


async def test_an_idle_station_takes_its_guard_along(station: StationProcess, csms: Csms) -> None:
    await station.start()
    await csms.wait_for_station("CS001", PATIENT_S)
    await station.until(lambda e: e["pilot_state"] == "A" and e["limit_a"] > 0)
    await asyncio.sleep(0.3)
    assert len(guards(station)) == 1
    assert await station.stop() == 0
    assert guards(station) == []


async def test_a_session_keeps_its_guard_and_goes_on_afterwards(
    station: StationProcess, csms: Csms
) -> None:
    await station.start()
    known = await csms.wait_for_station("CS001", PATIENT_S)
    transaction = await station.charge()
    before = guards(station)
    assert await station.stop() == 0
    assert guards(station) == before
    known.expect_boot()
    await station.start()
    evse = await station.until(lambda e: e["contactor_closed"] and e["meter"]["power_w"] > 4000)
    assert evse["transaction"]["id"] == transaction
    assert evse["last_leave_to_open_ms"] is None
    await station.bench("swipe", token="DEADBEEF")
    await station.until(lambda e: e["transaction"] is None)
    record = known.transactions[transaction]
    await csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
    assert [event.seq_no for event in record.events] == list(range(len(record.events)))
    assert csms.faults == []


@pytest.mark.requirement("B01.FR.09")
async def test_each_start_tells_how_the_last_run_ended(station: StationProcess, csms: Csms) -> None:
    async def starts() -> str | None:
        boots = len(known.boots)
        known.expect_boot()
        await station.start()
        await csms.wait_for(lambda _: len(known.boots) > boots, PATIENT_S)
        return known.boots[-1].facts.reason

    await station.start()
    known = await csms.wait_for_station("CS001", PATIENT_S)
    await csms.wait_for(lambda _: bool(known.boots), PATIENT_S)
    assert known.boots[-1].facts.reason == "PowerUp"
    assert await station.stop() == 0
    assert await starts() == "LocalReset"
    await station.kill()
    assert await starts() == "Unknown"
    await station.kill()
    (station.folder / "state" / SERVICE_RESULT).write_text("watchdog\n")
    assert await starts() == "Watchdog"
    boots = len(known.boots)
    await csms.wait_for(lambda _: known.registration == "Accepted", PATIENT_S)
    assert (await known.reset("Immediate")).accepted
    await csms.wait_for(lambda _: len(known.boots) > boots, PATIENT_S)
    assert known.boots[-1].facts.reason == "RemoteReset"


async def test_a_guard_of_a_service_manager_is_left_alone() -> None:
    other = await asyncio.create_subprocess_exec("sleep", "30")
    try:
        assert not await asyncio.to_thread(end_guard, other.pid)
        assert other.returncode is None
    finally:
        other.kill()
        await other.wait()
