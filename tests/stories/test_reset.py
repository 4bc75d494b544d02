"""Stories of resets, restarts and power cuts (B11, B12): what ends, what goes on, what is kept."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16, V21, V201, signed_pair_is_valid
from tests.stories.world import World


@pytest.mark.requirement(
    *("B11", "B11.FR.01", "B11.FR.03", "B11.FR.04", "B01.FR.09", "S16-BOOT-01"),
    *("TC_013_CS", "TC_014_CS"),
)
@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
async def test_an_idle_station_restarts_when_it_is_reset(
    world: World, csms: Desk, kind: str
) -> None:
    await world.start()
    assert (await csms.station.reset(kind)).status == "Accepted"
    await csms.sees_boot(count=2)
    before = csms.statuses_told()
    assert before[-1] == "Unavailable"
    await csms.is_ready()
    await csms.sees_status("Available")
    assert world.machine.starts == 2
    if not csms.is_16:
        assert csms.station.boots[-1].facts.reason == "RemoteReset"


@pytest.mark.requirement("B12", "B12.FR.02", "B12.FR.04", "S16-RESET-02", "S16-TXN-05", "TC_015_CS")
@pytest.mark.hil
async def test_an_immediate_reset_ends_the_transaction_and_tells_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(30)
    assert (await csms.station.reset("Immediate")).status == "Accepted"
    await world.energy_ceases()
    await csms.sees_boot(count=2)
    await csms.sees_end("HardReset" if csms.is_16 else "ImmediateReset")
    if not csms.is_16:
        assert csms.triggers(transaction)[-1] == "ResetCommand"
    await world.watch_s(30)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("S16-RESET-01", "TC_016_CS")
@pytest.mark.parametrize("version", [V16])
@pytest.mark.hil
async def test_a_soft_reset_ends_the_transaction_before_the_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(30)
    assert (await csms.station.reset("OnIdle")).status == "Accepted"
    await csms.sees_end("SoftReset")
    assert len(csms.station.boots) == 1
    await csms.sees_boot(count=2)


@pytest.mark.requirement("B12.FR.01", "B12.FR.03", "B11.FR.07")
@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_reset_on_idle_waits_for_the_driver_to_finish(
    world: World, bench: Bench, csms: Desk, interrupted: bool
) -> None:
    await world.start()
    await world.charges()
    assert (await csms.station.reset("OnIdle")).status == "Scheduled"
    await world.pass_s(60)
    assert bench.is_delivering()
    if interrupted:
        await world.machine.restart()
        await csms.is_ready()
        await world.pass_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    starts = 3 if interrupted else 2
    await world.until(lambda: world.machine.starts == starts, "the restart")
    await csms.sees_boot(count=starts)
    assert csms.station.boots[-1].facts.reason == "ScheduledReset"


@pytest.mark.requirement("B12.FR.05", "S16-RESET-01", "S16-TXM-01")
async def test_what_was_not_acknowledged_before_a_reset_is_told_after_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await csms.goes_down()
    await world.pass_s(10)
    await world.machine.restart()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.machine.restart()
    await csms.comes_back()
    csms.station.expect_boot()
    await csms.sees_end("Local", within_s=120)
    assert csms.station.last_transaction is not None
    signed_pair_is_valid(csms.station.last_transaction)


@pytest.mark.requirement("E01.FR.07", "E01.FR.08", "E07.FR.11", "S16-BOOT-01")
@pytest.mark.hil
async def test_a_restart_of_the_daemon_while_charging_changes_nothing_for_the_car(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(60)
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.watch_s(30)
    assert bench.is_delivering()
    assert bench.closings() == 1
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert list(csms.station.transactions) == [transaction.transaction_id]
    if not csms.is_16:
        assert [e.seq_no for e in transaction.events] == list(range(len(transaction.events)))
        assert csms.station.boots[-1].facts.reason == "LocalReset"


@pytest.mark.hil
async def test_the_guard_goes_on_at_six_amperes_while_the_daemon_is_away(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(10)
    await world.machine.stop()
    await world.until(lambda: bench.current_a() == 6.0, "the current to fall")
    await world.watch_s(20)
    assert bench.is_delivering()
    assert bench.current_a() == 6.0
    csms.station.expect_boot()
    await world.machine.start()
    await csms.is_ready()
    await world.until(lambda: bench.current_a() == 32.0, "full current")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_the_guard_stops_when_the_daemon_stays_away(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.pass_s(10)
    await world.machine.stop()
    await world.pass_s(75)
    assert not bench.plant().contactor_closed
    csms.station.expect_boot()
    await world.machine.start()
    await csms.is_ready()
    await world.energy_flows()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert list(csms.station.transactions) == [transaction.transaction_id]


@pytest.mark.requirement("S16-TXN-11", "E01.FR.08", "B01.FR.03", "B01.FR.09", "TC_032_2_CS")
@pytest.mark.hil
async def test_a_power_cut_ends_the_transaction_with_the_energy_that_flowed(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(60)
    csms.station.expect_boot()
    await world.machine.lose_power()
    await csms.is_ready()
    await csms.sees_end("PowerLoss")
    await world.watch_s(30)
    assert not bench.plant().contactor_closed
    signed_pair_is_valid(transaction)
    if not csms.is_16:
        assert csms.station.boots[-1].facts.reason == "PowerUp"
        assert csms.triggers(transaction)[-1] == "AbnormalCondition"
    await bench.unplug()
    await csms.sees_status("Available")


@pytest.mark.requirement("S16-TXN-11", "S16-TXM-01", "E12.FR.02")
@pytest.mark.hil
async def test_a_power_cut_while_offline_loses_neither_start_nor_end(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.charge_s(60)
    await world.machine.lose_power()
    await world.watch_s(30)
    await csms.comes_back()
    csms.station.expect_boot()
    await csms.is_ready(within_s=120)
    await csms.sees_end("PowerLoss")


@pytest.mark.requirement("E09.FR.01")
@pytest.mark.hil
async def test_a_car_that_left_while_the_daemon_was_away_ends_its_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(10)
    csms.station.expect_boot()
    await world.machine.stop()
    await bench.unplug()
    await world.watch_s(5)
    await world.machine.start()
    await csms.is_ready()
    await csms.sees_end("EVDisconnected")
    await csms.sees_status("Available")
