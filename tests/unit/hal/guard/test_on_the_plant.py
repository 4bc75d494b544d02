"""The guard on the simulated plant: cars, poles and defects as they show on real lines."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import Fault, Feed, Hindrance, Lease, PilotMode, PilotState
from hal.guard.evse import WakeUpSetup
from tests.unit.hal.guard.plant_rig import PlantRig

WAKING = WakeUpSetup(enabled=True)


def supplying(rig: PlantRig, current_a: tuple[float, ...]) -> bool:
    return rig.current_a == pytest.approx(current_a, abs=0.01)


def charging(rig: PlantRig, phases: int = 3, phase: int = 1) -> PlantRig:
    rig.offer(phases=phases, phase=phase)
    rig.plug()
    rig.until(lambda: supplying(rig, only(phase) if phases == 1 else (16.0, 16.0, 16.0)))
    return rig


def only(phase: int) -> tuple[float, ...]:
    """Return the currents of a car that is fed by one phase of choice."""
    return tuple(16.0 * (n == phase) for n in (1, 2, 3))


def test_a_car_that_sleeps_is_woken_and_charges() -> None:
    rig = PlantRig(wake_up=WAKING)
    rig.fit(legacy=True)
    rig.plug()
    rig.offer()
    took_s = rig.until(lambda: supplying(rig, (16.0, 16.0, 16.0)))
    assert 34.0 < took_s < 42.0
    assert any(Hindrance.WAKE_UP in one.hindrances for one in rig.history)
    assert {one.connection for one in rig.history if one.pilot_state is not PilotState.A} == {
        rig.history[-1].connection
    }


def test_a_car_that_sleeps_is_left_alone_unless_told_otherwise() -> None:
    rig = PlantRig()
    rig.fit(legacy=True)
    rig.plug()
    rig.offer()
    rig.run(120.0)
    assert rig.history[-1].hindrances == {Hindrance.VEHICLE_NOT_READY}
    assert rig.current_a == (0.0, 0.0, 0.0)


def test_a_car_with_a_simplified_pilot_gets_its_ten_amperes() -> None:
    rig = PlantRig(simplified_limit_a=10.0)
    rig.fit(simplified=True)
    rig.plug()
    rig.offer(32.0)
    rig.until(lambda: supplying(rig, (10.0, 10.0, 10.0)))
    assert rig.history[-1].offered_a == pytest.approx(10.0)
    rig.plug(plugged=False)
    rig.run(0.2)
    assert not rig.history[-1].contactor_commanded
    assert not rig.history[-1].faults


def test_the_phases_change_in_the_middle_of_a_transaction_and_back() -> None:
    rig = charging(PlantRig(phase_switching=True))
    rig.offer(phases=1)
    rig.until(lambda: supplying(rig, (16.0, 0.0, 0.0)))
    assert rig.history[-1].phases == 1
    rig.offer(phases=3)
    rig.until(lambda: supplying(rig, (16.0, 16.0, 16.0)))
    assert rig.history[-1].phases == 3
    assert rig.evse.moved_under_load == 0
    assert not any(one.faults for one in rig.history)
    assert any(Hindrance.PHASE_SWITCH in one.hindrances for one in rig.history)


def test_a_session_may_begin_with_one_phase() -> None:
    rig = charging(PlantRig(phase_switching=True), phases=1)
    assert rig.evse.connected_phases == 1
    assert rig.evse.moved_under_load == 0


def choosing() -> PlantRig:
    return PlantRig(per_phase=True, phase_switching=True, phase_choice=True)


def test_any_phase_follows_any_other_and_the_change_happens_open() -> None:
    rig = charging(choosing())
    for phase in (2, 3, 1, 3, 2):
        rig.offer(phases=1, phase=phase)
        rig.until(lambda phase=phase: supplying(rig, only(phase)))  # type: ignore[misc]
        assert (rig.history[-1].phases, rig.history[-1].phase) == (1, phase)
    rig.offer()
    rig.until(lambda: supplying(rig, (16.0, 16.0, 16.0)))
    assert rig.evse.moved_under_load == 0
    assert not rig.evse.contacts.fuses_blown
    assert not any(one.faults for one in rig.history)
    assert any(Hindrance.PHASE_SWITCH in one.hindrances for one in rig.history)


def test_a_session_may_begin_with_any_phase() -> None:
    rig = charging(choosing(), phases=1, phase=3)
    assert rig.evse.contacts.fed == {3}
    assert rig.evse.moved_under_load == 0


def test_a_phase_that_the_board_does_not_have_ends_the_supply_and_brings_no_other() -> None:
    rig = charging(PlantRig(phase_switching=True), phases=1)
    rig.offer(phases=1, phase=2)
    rig.until(lambda: not rig.history[-1].contactor_closed)
    rig.run(30.0)
    assert Hindrance.NO_OFFER in rig.history[-1].hindrances
    assert rig.current_a == (0.0, 0.0, 0.0)
    assert not rig.history[-1].faults
    rig.offer(phases=1)
    rig.until(lambda: supplying(rig, only(1)))


def test_a_welded_phase_is_a_fault_and_no_other_phase_is_connected_beside_it() -> None:
    rig = charging(choosing(), phases=1, phase=2)
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=True)
    rig.offer(phases=1, phase=3)
    rig.run(60.0)
    assert rig.history[-1].faults == {Fault.CONTACTOR_WELDED}
    assert rig.evse.read_lines().closed == {Feed(1, 2)}
    assert not rig.evse.contacts.fuses_blown
    assert rig.evse.moved_under_load == 0


def test_a_wrong_phase_that_closes_beside_the_chosen_one_opens_it_at_once() -> None:
    rig = charging(choosing(), phases=1, phase=2)
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=True, contactor=Feed(1, 3))
    rig.until(lambda: not rig.history[-1].contactor_commanded, 0.1)
    assert Fault.CONTACTOR_WELDED in rig.history[-1].faults
    rig.run(1.0)
    assert rig.evse.read_lines().closed == {Feed(1, 3)}


def test_the_wrong_phase_in_place_of_the_chosen_one_is_a_fault() -> None:
    rig = choosing()
    rig.offer(phases=1, phase=2)
    rig.run(1.0)
    rig.plug()
    rig.until(lambda: rig.history[-1].contactor_closed)
    rig.evse.set_fault(Fault.CONTACTOR_STUCK_OPEN, rig.now_ns(), on=True)
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=True, contactor=Feed(1, 1))
    rig.until(lambda: not rig.history[-1].contactor_commanded, 0.1)
    assert Fault.CONTACTOR_WELDED in rig.history[-1].faults


@given(st.lists(st.tuples(st.sampled_from([(3, 1), (1, 1), (1, 2), (1, 3)]), st.floats(0, 30))))
@settings(max_examples=15, deadline=None)
def test_whatever_phases_are_wished_no_two_are_joined_and_none_moves_under_load(
    wishes: list[tuple[tuple[int, int], float]],
) -> None:
    rig = choosing()
    rig.plug()
    for (phases, phase), wait_s in wishes[:8]:
        rig.offer(phases=phases, phase=phase)
        rig.run(wait_s)
        assert not rig.evse.contacts.fuses_blown
        assert rig.evse.moved_under_load == 0
        status = rig.history[-1]
        fed = {1, 2, 3} if status.phases == 3 else {status.phase}
        assert {n for n, amps in enumerate(rig.current_a, 1) if amps} in (set(), fed)


def test_without_phase_switching_the_poles_stay_where_they_are() -> None:
    rig = PlantRig()
    rig.offer(phases=1)
    rig.plug()
    rig.until(lambda: supplying(rig, (16.0, 16.0, 16.0)))
    assert rig.history[-1].phases == 3


def test_a_welded_contactor_is_cut_off_by_the_second_path() -> None:
    rig = charging(PlantRig(has_shut_off=True))
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=True)
    rig.evse.want(rig.now_ns(), energy=False)
    rig.until(lambda: rig.evse.shut_off, 1.0)
    rig.evse.want(rig.now_ns(), energy=True)
    rig.run(10.0)
    assert rig.current_a == (0.0, 0.0, 0.0)
    assert rig.history[-1].shut_off
    assert rig.history[-1].hindrances >= {Hindrance.SHUT_OFF, Hindrance.FAULT}


def test_the_second_path_stays_cut_after_repair_and_replug() -> None:
    rig = charging(PlantRig(has_shut_off=True))
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=True)
    rig.plug(plugged=False)
    rig.until(lambda: rig.evse.shut_off, 1.0)
    rig.evse.set_fault(Fault.CONTACTOR_WELDED, rig.now_ns(), on=False)
    rig.plug()
    rig.run(30.0)
    assert rig.evse.shut_off
    assert rig.history[-1].faults == {Fault.CONTACTOR_WELDED}


@pytest.mark.parametrize("fault", [Fault.PILOT_NEGATIVE, Fault.DIODE, Fault.PILOT_SHORT])
def test_what_is_wrong_with_the_pilot_is_named_rightly(fault: Fault) -> None:
    rig = charging(PlantRig())
    rig.evse.set_fault(fault, rig.now_ns(), on=True)
    rig.run(30.0)
    assert rig.history[-1].faults == {fault}
    assert all(one.faults <= {fault} for one in rig.history)


def test_a_station_without_its_negative_supply_does_not_flicker_while_unavailable() -> None:
    rig = PlantRig()
    rig.evse.set_fault(Fault.PILOT_NEGATIVE, rig.now_ns(), on=True)
    rig.lease = Lease(1, PilotMode.UNAVAILABLE)
    rig.run(30.0)
    told = [faults for faults, _ in groupby(one.faults for one in rig.history)]
    assert told == [frozenset(), {Fault.PILOT_NEGATIVE}]


def test_an_open_lid_is_told() -> None:
    rig = charging(PlantRig())
    rig.evse.tampered = True
    rig.run(0.2)
    assert rig.history[-1].tampered
    assert rig.history[-1].contactor_commanded
