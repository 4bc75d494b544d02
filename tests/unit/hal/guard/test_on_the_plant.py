"""The guard on the simulated plant: cars, poles and defects as they show on real lines."""

from itertools import groupby

import pytest

from hal.api import Fault, Hindrance, Lease, PilotMode, PilotState
from hal.guard.evse import WakeUpSetup
from tests.unit.hal.guard.plant_rig import PlantRig

WAKING = WakeUpSetup(enabled=True)


def supplying(rig: PlantRig, current_a: tuple[float, ...]) -> bool:
    return rig.current_a == pytest.approx(current_a, abs=0.01)


def charging(rig: PlantRig, phases: int = 3) -> PlantRig:
    rig.offer(phases=phases)
    rig.plug()
    drawn_a = (16.0,) * phases + (0.0,) * (3 - phases)
    rig.until(lambda: supplying(rig, drawn_a))
    return rig


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
