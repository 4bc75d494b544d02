"""Stories of an EVSE that can feed one phase of choice (K01): a profile says which, at any time.

What counts is what instruments show: the phases that carry the current, the meter values that are
told of them, and every Wh in the signed record.
"""

from decimal import Decimal

import pytest

from agent.sim.csms_model import TransactionRecord
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.in_process_bench import InProcessBench
from tests.stories.words import TOKEN, V21, V201, signed_pair_is_valid
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
CONTACTORS = '{ backend = "mock", strategy = "per_phase" }'
SWITCHING = "phase_switching = true\n"
SUPPORTED = "SmartChargingCtrlr.ACPhaseSwitchingSupported"
VALUES = {
    "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,Current.Import",
    "SampledDataCtrlr.TxUpdatedInterval": "10",
}


def on(phases: int, phase: int | None = None, limit_a: float = 16) -> Payload:
    """Word the schedule of a profile for so many phases, or the one that is chosen."""
    chosen = {} if phase is None else {"phaseToUse": phase}
    period = {"startPeriod": 0, "limit": limit_a, "numberPhases": phases, **chosen}
    return {"chargingSchedulePeriod": [period]}


def can_choose(world: World) -> None:
    """Build the station with a contactor for each phase."""
    world.machine.wiring, world.machine.contactor = SWITCHING, CONTACTORS


async def feeds(world: World, *phases: int) -> None:
    """Wait until exactly these phases carry the current."""

    def are_fed() -> bool:
        plant = world.bench.plant()
        return world.bench.is_delivering() and plant.loaded == phases

    await world.until(are_fed, f"energy on {phases}")


def told_currents(transaction: TransactionRecord) -> list[bool]:
    """Return which phases carry current, as the CSMS was told last."""
    last: dict[str | None, Decimal] = {
        sample.phase: sample.value
        for sample in transaction.samples
        if sample.measurand == "Current.Import" and sample.context == "Sample.Periodic"
    }
    return [last[f"L{number}"] > 10 for number in (1, 2, 3)]


@IN_2X
@pytest.mark.requirement("K01.FR.46", "K01.FR.47", "K01.FR.49")
async def test_a_profile_moves_a_transaction_from_phase_to_phase_and_the_meter_says_so(
    world: World, bench: Bench, csms: Desk
) -> None:
    can_choose(world)
    await world.start(VALUES)
    assert await csms.gets(SUPPORTED) == "true"
    transaction = await world.charges()
    await feeds(world, 1, 2, 3)
    of = {"purpose": "TxProfile", "transactionId": transaction.transaction_id}
    for phases in ((2,), (3,), (1,), (1, 2, 3)):
        before_wh, closings = bench.delivered_wh(), bench.closings()
        single = len(phases) == 1
        schedule = on(1, phases[0]) if single else on(3)
        assert await csms.sets_profile(16, **of, in_schedule=schedule) == "Accepted"
        await feeds(world, *phases)
        await world.pass_s(600)
        assert bench.closings() == closings + 1
        assert bench.delivered_wh() > before_wh
        assert told_currents(transaction) == [number in phases for number in (1, 2, 3)]
        (period,) = await csms.composite(60)
        assert period.get("phaseToUse") == (phases[0] if single else None)
    plant = bench.plant()
    assert (plant.moved_under_load, plant.contacts.fuses_blown) == (0, False)
    await bench.swipe(TOKEN)
    ended = await csms.sees_end("Local")
    assert ended.energy_wh is not None
    assert abs(float(ended.energy_wh) - float(bench.delivered_wh())) < 1
    assert abs(signed_pair_is_valid(ended) - ended.energy_wh) < 1
    assert len(csms.station.transactions) == 1


@IN_2X
@pytest.mark.requirement("K01.FR.46")
async def test_a_schedule_chooses_a_phase_from_period_to_period(
    world: World, bench: Bench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    periods = [
        {"startPeriod": at_s, "limit": 16, "numberPhases": 1, "phaseToUse": phase}
        for at_s, phase in ((0, 3), (300, 2))
    ]
    schedule = {"chargingSchedulePeriod": periods}
    assert await csms.sets_profile(16, in_schedule=schedule) == "Accepted"
    await world.charges()
    await feeds(world, 3)
    told = await csms.composite(3600)
    assert [(p["numberPhases"], p["phaseToUse"]) for p in told] == [(1, 3), (1, 2)]
    await world.pass_s(300)
    await feeds(world, 2)
    assert await csms.clears_profile(77) == "Accepted"
    await feeds(world, 1, 2, 3)
    assert bench.plant().moved_under_load == 0
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K01.FR.47")
async def test_where_one_phase_is_asked_for_and_none_is_chosen_the_station_takes_l1(
    world: World, bench: Bench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 3)) == "Accepted"
    await feeds(world, 3)
    assert await csms.sets_profile(16, in_schedule=on(1)) == "Accepted"
    await feeds(world, 1)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K01.FR.46")
async def test_a_restart_of_the_daemon_keeps_the_phase_of_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 2)) == "Accepted"
    await feeds(world, 2)
    closings = bench.closings()
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(30)
    await feeds(world, 2)
    assert bench.closings() == closings
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K01.FR.48")
@pytest.mark.parametrize("contactors", [CONTACTORS, '{ backend = "mock" }'])
async def test_a_phase_that_cannot_be_had_is_refused_and_changes_nothing(
    world: World, bench: Bench, csms: Desk, contactors: str
) -> None:
    world.machine.wiring, world.machine.contactor = SWITCHING, contactors
    await world.start()
    await world.charges()
    assert await csms.refuses_profile(16, in_schedule=on(3, 2)) == "InvalidSchedule"
    able = contactors == CONTACTORS
    assert await csms.gets(SUPPORTED) == str(able).lower()
    if not able:
        assert await csms.refuses_profile(16, in_schedule=on(1, 2)) == "InvalidSchedule"
    await world.pass_s(30)
    await feeds(world, 1, 2, 3)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("K01.FR.140")
async def test_two_profiles_that_choose_apart_are_a_conflict_since_2_1(
    world: World, bench: Bench, csms: Desk, version: str
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    station = {"purpose": "ChargingStationMaxProfile", "number": 78}
    assert await csms.sets_profile(32, **station, in_schedule=on(1, 2, 32)) == "Accepted"
    await feeds(world, 2)
    if version == V21:
        assert await csms.refuses_profile(16, in_schedule=on(1, 3)) == "PhaseConflict"
    else:
        assert await csms.sets_profile(16, in_schedule=on(1, 3)) == "Accepted"
        await world.until(lambda: bench.offered_a() == 16.0, "the limit of the session")
    await world.pass_s(30)
    await feeds(world, 2)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("version", [V21])
@pytest.mark.requirement("K01.FR.141")
async def test_a_conflict_about_the_phase_leaves_the_limits_as_they_were(
    world: World, bench: Bench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 3)) == "Accepted"
    await feeds(world, 3)
    station = {"purpose": "ChargingStationMaxProfile", "number": 78}
    refused = await csms.refuses_profile(10, **station, in_schedule=on(1, 1, 10))
    assert refused == "PhaseConflict"
    await world.pass_s(30)
    assert bench.offered_a() == 16.0
    await feeds(world, 3)
    assert await csms.sets_profile(10, **station, in_schedule=on(1, 3, 10)) == "Accepted"
    await world.until(lambda: bench.offered_a() == 10.0, "the limit of the station")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
async def test_a_phase_whose_contactor_welds_is_a_fault_and_no_other_is_connected_beside_it(
    world: World, bench: InProcessBench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 2)) == "Accepted"
    await feeds(world, 2)
    await bench.fault("contactor_welded")
    assert await csms.sets_profile(16, in_schedule=on(1, 3)) == "Accepted"
    await csms.sees_status("Faulted")
    await world.pass_s(60)
    plant = bench.plant()
    assert plant.contacts.fed == {2}
    assert not plant.contacts.fuses_blown
    await bench.unplug()
    await bench.repair("contactor_welded")


@IN_2X
async def test_current_on_another_phase_than_the_chosen_one_is_a_fault_until_the_car_is_gone(
    world: World, bench: InProcessBench, csms: Desk
) -> None:
    """Only the meter betrays wires that were swapped: every mirror contact is right."""
    can_choose(world)
    world.bills_exactly = False
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 2)) == "Accepted"
    await feeds(world, 2)
    await world.pass_s(60)
    assert bench.holds_closed()
    await bench.operate("meter", evse=1, current_a=[0, 0, 16])
    await csms.sees_status("Faulted")
    await world.until(lambda: not bench.holds_closed(), "the contactor to open")
    await bench.operate("meter", evse=1, current_a=None)
    await world.pass_s(60)
    assert not bench.holds_closed()
    await bench.unplug()
    await csms.sees_status("Available")


@IN_2X
async def test_a_contactor_of_another_phase_that_closes_beside_the_chosen_one_is_a_fault(
    world: World, bench: InProcessBench, csms: Desk
) -> None:
    can_choose(world)
    await world.start()
    await world.charges()
    assert await csms.sets_profile(16, in_schedule=on(1, 2)) == "Accepted"
    await feeds(world, 2)
    await bench.operate("error", evse=1, code="contactor_welded", phase=3)
    await csms.sees_status("Faulted")
    assert not bench.holds_closed()
    assert bench.plant().contacts.fed == frozenset()
    await bench.unplug()
    await bench.repair("contactor_welded")
