"""Whole stories against golden transcripts: every frame, in order, with its instant."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.transcript import compare_with_golden
from tests.stories.words import TOKEN
from tests.stories.world import World

QUIET = {"SampledDataCtrlr.TxUpdatedInterval": "30"}


@pytest.mark.requirement("B01", "E02", "E07", "S16-BOOT-12", "S16-TXN-01", "S16-TXN-03")
async def test_a_local_session_frame_by_frame(world: World, bench: Bench, csms: Desk) -> None:
    await world.start(QUIET)
    await bench.plug_in()
    await world.pass_s(5)
    await bench.swipe(TOKEN)
    await world.pass_s(70)
    await bench.car_pauses()
    await world.pass_s(20)
    await bench.car_resumes()
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    await bench.unplug()
    await world.pass_s(5)
    compare_with_golden(world.version, "local_session", csms.station)


@pytest.mark.requirement("F01", "F03", "K01", "S16-RTX-01", "S16-RTX-07", "S16-SC-06")
async def test_a_remote_session_frame_by_frame(world: World, bench: Bench, csms: Desk) -> None:
    await world.start({**QUIET, "AuthCtrlr.AuthorizeRemoteStart": "false"})
    await csms.remote_start()
    await world.pass_s(10)
    await bench.plug_in()
    await world.pass_s(20)
    await csms.limits(0)
    await world.pass_s(20)
    await csms.limits(16, "TxProfile")
    await world.pass_s(20)
    await csms.station.trigger("MeterValues", 1)
    await world.pass_s(2)
    await csms.remote_stop()
    await world.pass_s(10)
    await bench.unplug()
    await world.pass_s(5)
    compare_with_golden(world.version, "remote_session", csms.station)


@pytest.mark.requirement("E12", "B04", "S16-TXM-01", "S16-TXM-06", "S16-STAT-10")
async def test_an_offline_session_frame_by_frame(world: World, bench: Bench, csms: Desk) -> None:
    await world.start({**QUIET, "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    await csms.goes_down()
    await bench.plug_in()
    await world.pass_s(2)
    await bench.swipe(TOKEN)
    await world.pass_s(45)
    await bench.swipe(TOKEN)
    await world.pass_s(10)
    await csms.comes_back()
    await csms.sees_end(within_s=60)
    await world.pass_s(10)
    await bench.unplug()
    await world.pass_s(5)
    compare_with_golden(world.version, "offline_session", csms.station)


@pytest.mark.requirement("B02", "B11", "G03", "S16-BOOT-05", "S16-AVAIL-01", "S16-RESET-02")
async def test_a_station_is_taken_into_service_frame_by_frame(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.csms.office.boot_script = ("Rejected", "Pending", "Accepted")
    csms.csms.office.boot_interval_s = 20
    await world.power_up(QUIET)
    await world.pass_s(60)
    await csms.station.change_availability(False, 1)
    await world.pass_s(5)
    await csms.station.change_availability(True, 1)
    await bench.fault("over_temperature")
    await world.pass_s(5)
    await bench.repair("over_temperature")
    await world.pass_s(5)
    await csms.station.reset("Immediate")
    await csms.sees_boot(count=2)
    await world.pass_s(5)
    compare_with_golden(world.version, "into_service", csms.station)
