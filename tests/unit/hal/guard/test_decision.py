"""Scenarios: what the guard does to an EVSE as a session unfolds."""

from dataclasses import replace

import pytest

from hal.api import Fault, Hindrance, LeaseState, PilotState
from hal.guard import decision
from hal.guard.duty import STEADY_NEGATIVE, STEADY_POSITIVE, is_pwm
from tests.unit.hal.guard.rig import Copper, Rig

HARD_FAULTS = [
    Fault.RCD,
    Fault.PROTECTIVE_EARTH,
    Fault.OVER_TEMPERATURE,
    Fault.OVER_CURRENT,
    Fault.EMERGENCY_STOP,
    Fault.UNDER_VOLTAGE,
    Fault.OTHER,
]


def test_a_vehicle_that_asks_under_a_live_offer_is_supplied_within_three_seconds() -> None:
    rig = Rig(Copper(vehicle="B")).rested()
    rig.offer(16.0)
    rig.run(1.5)
    assert rig.duty == pytest.approx(16 / 60)
    rig.copper.vehicle = "C"
    assert rig.until(lambda: rig.commanded) < 3.0
    rig.run(0.1)
    assert rig.last.status.contactor_closed
    assert rig.last.status.offered_a == pytest.approx(16.0)


def test_nothing_is_driven_before_a_lease() -> None:
    rig = Rig(Copper(vehicle="C"))
    rig.run(5.0)
    assert not rig.commanded
    assert rig.duty == STEADY_POSITIVE
    assert rig.last.status.lease is LeaseState.NONE


def test_no_vehicle_gets_no_pwm_even_under_an_offer() -> None:
    rig = Rig()
    rig.offer()
    rig.run(1.0)
    assert rig.duty == STEADY_POSITIVE


def test_a_simplified_pilot_from_a_to_c_is_supplied_too() -> None:
    rig = Rig().rested()
    rig.offer()
    rig.run(1.5)
    rig.copper.vehicle = "C"
    assert rig.until(lambda: rig.commanded) < 3.0


@pytest.mark.parametrize("left_for", ["A", "B", "D", "E"])
def test_leaving_c_opens_within_fifty_milliseconds(left_for: str) -> None:
    rig = Rig().charging()
    rig.copper.vehicle = left_for
    left_s = rig.now_s
    while rig.commanded:
        rig.step(0.005 if rig.last.pending else 0.02)
    assert rig.now_s - left_s <= 0.050


def test_one_disturbed_sample_does_not_interrupt_supply() -> None:
    rig = Rig().charging()
    rig.copper.vehicle = "A"
    rig.step(0.005)
    rig.copper.vehicle = "C"
    rig.run(1.0)
    assert rig.commanded
    assert not rig.faults


def test_a_pilot_that_keeps_wavering_loses_supply() -> None:
    rig = Rig().charging()
    for turn in range(20):
        rig.copper.vehicle = "BC"[turn % 2]
        rig.step(0.005)
    assert not rig.commanded


def test_d_is_supplied_only_with_ventilation() -> None:
    rig = Rig(Copper(vehicle="B"), ventilation=True).rested()
    rig.offer()
    rig.run(1.5)
    rig.copper.vehicle = "D"
    rig.run(1.0)
    assert rig.commanded
    other = Rig(Copper(vehicle="B")).rested()
    other.offer()
    other.run(1.5)
    other.copper.vehicle = "D"
    other.run(1.0)
    assert not other.commanded
    assert other.faults == {Fault.VENTILATION}


def test_withdrawing_the_offer_lets_the_vehicle_leave_first() -> None:
    rig = Rig().charging()
    rig.standby()
    rig.step()
    assert rig.duty == STEADY_POSITIVE
    assert rig.commanded
    rig.run(2.0)
    rig.copper.vehicle = "B"
    rig.run(0.06)
    assert not rig.commanded
    assert not rig.faults


def test_a_vehicle_that_ignores_the_withdrawal_is_cut_after_six_seconds() -> None:
    rig = Rig().charging()
    rig.standby()
    assert rig.until(lambda: not rig.commanded) == pytest.approx(6.0, abs=0.05)


def test_a_limit_below_six_amperes_is_a_withdrawal() -> None:
    rig = Rig().charging()
    rig.offer(5.9)
    rig.step()
    assert rig.duty == STEADY_POSITIVE
    assert rig.until(lambda: not rig.commanded) == pytest.approx(6.0, abs=0.05)


def test_an_offer_that_comes_back_in_time_goes_on_without_opening() -> None:
    rig = Rig().charging()
    rig.standby()
    rig.run(3.0)
    rig.offer()
    rig.run(10.0)
    assert rig.commanded
    assert rig.duty == pytest.approx(16 / 60)


def test_an_offer_that_comes_and_goes_before_the_pwm_is_back_is_no_offer() -> None:
    rig = Rig().charging()
    rig.standby()
    rig.run(2.5)
    rig.offer()
    rig.step()
    assert not is_pwm(rig.duty)
    rig.standby()
    assert rig.until(lambda: not rig.commanded) == pytest.approx(6.0 - 2.52, abs=0.05)


def test_unavailable_becomes_state_f_only_after_supply_has_ended() -> None:
    rig = Rig().charging()
    rig.unavailable()
    rig.step()
    assert rig.duty == STEADY_POSITIVE
    assert rig.commanded
    rig.until(lambda: not rig.commanded)
    rig.run(0.2)
    assert rig.duty == STEADY_NEGATIVE
    rig.run(0.2)
    assert rig.last.status.pilot_state is PilotState.F


def test_lost_services_hold_six_amperes_for_the_grace_time_and_then_stop() -> None:
    rig = Rig().charging()
    rig.run(6.0)
    rig.lease = None
    rig.run(1.0)
    assert rig.last.status.lease is LeaseState.FALLBACK
    rig.run(5.0)
    assert rig.last.status.offered_a == pytest.approx(6.0)
    assert rig.commanded
    rig.run(54.0)
    assert rig.commanded
    rig.run(2.0)
    assert rig.last.status.lease is LeaseState.EXPIRED
    assert rig.duty == STEADY_POSITIVE
    assert rig.until(lambda: not rig.commanded) < 6.0


def test_a_fallback_never_closes_anew() -> None:
    rig = Rig().charging()
    rig.lease = None
    rig.state = decision.abandon(rig.state, rig.now_s)
    rig.copper.vehicle = "B"
    rig.run(15.0)
    rig.copper.vehicle = "C"
    rig.run(20.0)
    assert rig.last.status.lease is LeaseState.FALLBACK
    assert not rig.commanded


def test_services_that_return_in_the_grace_time_find_the_session_running() -> None:
    rig = Rig().charging()
    rig.lease = None
    rig.run(30.0)
    rig.offer(16.0)
    rig.run(6.0)
    assert rig.commanded
    assert rig.last.status.offered_a == pytest.approx(16.0)


def test_the_pwm_value_changes_at_most_every_five_seconds_but_stops_at_once() -> None:
    rig = Rig().charging()
    rig.run(6.0)
    rig.offer(10.0)
    rig.step()
    assert rig.last.status.offered_a == pytest.approx(10.0)
    rig.offer(8.0)
    rig.run(4.5)
    assert rig.last.status.offered_a == pytest.approx(10.0)
    rig.run(0.6)
    assert rig.last.status.offered_a == pytest.approx(8.0)
    rig.standby()
    rig.step()
    assert rig.duty == STEADY_POSITIVE


@pytest.mark.parametrize("fault", sorted(set(HARD_FAULTS) - {Fault.RCD}))
def test_a_fault_input_opens_in_the_same_step(fault: Fault) -> None:
    rig = Rig(Copper(has_monitor=True)).charging()
    rig.copper.fault_inputs.add(fault)
    rig.step()
    assert not rig.commanded
    assert rig.duty == STEADY_NEGATIVE
    assert fault in rig.faults


def test_after_a_fault_state_f_lasts_three_hundred_milliseconds() -> None:
    rig = Rig().charging()
    rig.copper.fault_inputs.add(Fault.OTHER)
    rig.step()
    assert rig.until(lambda: rig.duty == STEADY_POSITIVE) == pytest.approx(0.3, abs=0.021)


@pytest.mark.parametrize("fault", HARD_FAULTS)
def test_a_fault_goes_only_with_its_cause_and_a_replug(fault: Fault) -> None:
    rig = Rig(Copper(has_monitor=True)).charging()
    rig.run(1.0)
    if fault is Fault.RCD:
        rig.copper.tripped = True
    else:
        rig.copper.fault_inputs.add(fault)
    rig.run(1.0)
    rig.copper.vehicle = "A"
    rig.run(1.0)
    assert fault in rig.faults
    rig.copper.fault_inputs.clear()
    rig.copper.tripped = False
    rig.run(0.1)
    assert not rig.faults


@pytest.mark.parametrize(
    ("fault", "recovers"),
    [
        (Fault.EMERGENCY_STOP, False),
        (Fault.PROTECTIVE_EARTH, False),
        (Fault.OVER_CURRENT, False),
        (Fault.OVER_TEMPERATURE, True),
        (Fault.UNDER_VOLTAGE, True),
    ],
)
def test_only_temperature_and_voltage_recover_while_plugged_in(
    fault: Fault, recovers: bool
) -> None:
    rig = Rig().charging()
    rig.copper.fault_inputs.add(fault)
    rig.run(1.0)
    rig.copper.fault_inputs.clear()
    rig.run(4.9)
    assert not rig.commanded
    rig.run(20.0)
    assert rig.commanded is recovers


def test_a_welded_contactor_is_found_within_the_time_it_has_to_open() -> None:
    rig = Rig().charging()
    rig.copper.welded = True
    rig.copper.vehicle = "B"
    rig.until(lambda: not rig.commanded)
    assert rig.until(lambda: Fault.CONTACTOR_WELDED in rig.faults) == pytest.approx(0.25, abs=0.05)
    assert rig.last.status.contactor_closed
    rig.copper.vehicle = "A"
    rig.run(1.0)
    assert Fault.CONTACTOR_WELDED in rig.faults


def test_a_contactor_that_does_not_close_is_told_to_open() -> None:
    rig = Rig(Copper(vehicle="B", stuck_open=True))
    rig.offer()
    rig.run(1.5)
    rig.copper.vehicle = "C"
    rig.until(lambda: rig.commanded)
    assert rig.until(lambda: not rig.commanded) == pytest.approx(0.25, abs=0.05)
    assert rig.faults == {Fault.CONTACTOR_STUCK_OPEN}


def test_a_contactor_found_closed_at_the_start_is_welded() -> None:
    rig = Rig(Copper(welded=True))
    rig.run(0.2)
    assert not rig.faults
    rig.run(0.2)
    assert rig.faults == {Fault.CONTACTOR_WELDED}


def test_the_contactor_rests_ten_seconds_between_closings() -> None:
    rig = Rig().charging()
    closed_s = rig.now_s
    rig.copper.vehicle = "B"
    rig.run(1.0)
    rig.copper.vehicle = "C"
    rig.until(lambda: rig.commanded)
    assert rig.now_s - closed_s == pytest.approx(10.0, abs=0.1)


def test_the_contactor_rests_ten_seconds_after_the_start_as_well() -> None:
    rig = Rig(Copper(vehicle="C"))
    rig.offer()
    assert rig.until(lambda: rig.commanded) == pytest.approx(10.0, abs=0.05)


def test_a_missing_diode_prevents_supply_and_latches_until_unplugged() -> None:
    rig = Rig(Copper(vehicle="B", diode=False))
    rig.offer()
    rig.run(0.5)
    assert rig.faults == {Fault.DIODE}
    rig.copper.vehicle = "C"
    rig.run(5.0)
    assert not rig.commanded
    rig.copper.vehicle = "A"
    rig.run(1.0)
    assert not rig.faults


def test_a_shorted_pilot_opens_and_latches() -> None:
    rig = Rig().charging()
    rig.copper.shorted = True
    rig.run(0.1)
    assert not rig.commanded
    assert rig.faults == {Fault.PILOT_SHORT}
    rig.copper.shorted = False
    rig.run(1.0)
    assert rig.faults == {Fault.PILOT_SHORT}


def test_the_cable_rating_limits_the_offer() -> None:
    rig = Rig(Copper(vehicle="B", cable_a=13))
    rig.offer(32.0)
    rig.run(0.5)
    assert rig.last.status.offered_a == pytest.approx(13.0)


def test_no_cable_no_offer() -> None:
    rig = Rig(Copper(vehicle="B", cable_a=0))
    rig.offer(32.0)
    rig.run(0.5)
    assert rig.duty == STEADY_POSITIVE
    assert rig.last.status.cable_rating_a is None


def test_the_installation_limits_the_offer() -> None:
    rig = Rig(Copper(vehicle="B"), max_current_a=20.0)
    rig.offer(32.0)
    rig.run(0.5)
    assert rig.last.status.offered_a == pytest.approx(20.0)


def test_the_self_test_runs_before_the_session_and_again_after_it() -> None:
    rig = Rig(Copper(has_monitor=True))
    rig.run(1.0)
    assert rig.tests == 1
    rig.charging()
    assert rig.tests == 2
    assert not rig.faults
    rig.standby()
    rig.until(lambda: not rig.closed)
    rig.run(0.5)
    assert rig.tests == 3


def test_a_pause_by_the_vehicle_does_not_ask_for_another_self_test() -> None:
    rig = Rig(Copper(has_monitor=True)).charging()
    tests = rig.tests
    rig.copper.vehicle = "B"
    rig.run(12.0)
    rig.copper.vehicle = "C"
    rig.until(lambda: rig.commanded)
    assert rig.tests == tests


def test_a_failed_self_test_prevents_supply_and_is_retried_after_a_replug() -> None:
    rig = Rig(Copper(has_monitor=True, vehicle="B", test_result=False))
    rig.offer()
    rig.run(2.0)
    assert rig.faults == {Fault.RCD}
    rig.copper.vehicle = "C"
    rig.run(5.0)
    assert not rig.commanded
    rig.copper.test_result = True
    rig.copper.vehicle = "A"
    rig.run(2.0)
    assert not rig.faults
    rig.charging()


def test_a_monitor_without_a_verdict_is_faulty_after_three_seconds() -> None:
    rig = Rig(Copper(has_monitor=True, test_s=60.0))
    rig.run(2.9)
    assert not rig.faults
    rig.run(0.3)
    assert rig.faults == {Fault.RCD}


def test_the_lock_engages_before_supply_and_stays_under_voltage() -> None:
    rig = Rig(Copper(has_lock=True, vehicle="B", lock_works=True))
    rig.offer()
    rig.run(1.5)
    assert rig.locked
    rig.copper.vehicle = "C"
    rig.until(lambda: rig.closed)
    rig.state = decision.request_unlock(rig.state)
    rig.run(1.0)
    assert rig.last.outputs.lock_engaged


def test_a_lock_that_does_not_engage_prevents_supply() -> None:
    rig = Rig(Copper(has_lock=True, vehicle="B", lock_works=False))
    rig.offer()
    rig.run(1.0)
    rig.copper.vehicle = "C"
    rig.run(2.0)
    assert not rig.commanded
    rig.run(3.0)
    assert rig.faults == {Fault.LOCK}


def test_no_supply_begins_before_the_lock_is_engaged_however_soon_the_vehicle_asks() -> None:
    rig = Rig(Copper(has_lock=True, lock_works=False)).rested()
    rig.offer()
    rig.copper.vehicle = "C"
    rig.until(lambda: Fault.LOCK in rig.faults, 6.0)
    assert not rig.closed
    slow = Rig(Copper(has_lock=True, lock_s=2.0)).rested()
    slow.offer()
    slow.copper.vehicle = "C"
    slow.until(lambda: slow.commanded, 4.0)
    assert slow.locked


def test_a_lock_that_comes_loose_under_voltage_opens_the_contactor() -> None:
    rig = Rig(Copper(has_lock=True)).charging()
    rig.copper.lock_works = False
    rig.locked = False
    assert rig.until(lambda: not rig.commanded) < 0.09
    assert rig.faults == {Fault.LOCK}


def test_an_unlock_request_releases_an_idle_lock_once() -> None:
    rig = Rig(Copper(has_lock=True, vehicle="B"))
    rig.offer(lock=True)
    rig.run(1.0)
    rig.state = decision.request_unlock(rig.state)
    rig.run(1.0)
    assert not rig.locked
    rig.copper.vehicle = "C"
    rig.run(5.0)
    assert not rig.commanded
    rig.standby()
    rig.run(0.1)
    rig.offer(lock=True)
    rig.run(1.0)
    assert rig.locked


def test_after_a_fault_the_cable_is_given_back_within_five_seconds() -> None:
    rig = Rig(Copper(has_lock=True)).charging()
    rig.copper.fault_inputs.add(Fault.OTHER)
    rig.run(4.0)
    assert rig.locked
    rig.run(1.5)
    assert not rig.locked


def test_a_welded_contactor_keeps_the_cable_locked() -> None:
    rig = Rig(Copper(has_lock=True)).charging()
    rig.copper.welded = True
    rig.copper.vehicle = "B"
    rig.standby()
    rig.run(20.0)
    assert rig.faults == {Fault.CONTACTOR_WELDED}
    assert rig.locked


def test_a_restart_of_the_guard_releases_no_cable_before_the_grace_time() -> None:
    copper = Copper(has_lock=True, vehicle="B")
    rig = Rig(copper)
    rig.locked = True
    rig.reset_guard()
    rig.run(59.0)
    assert rig.locked
    rig.run(2.0)
    assert not rig.locked


def test_shutting_down_lets_the_vehicle_leave_but_waits_three_seconds_at_most() -> None:
    rig = Rig().charging()
    rig.state = decision.shut_down(rig.state)
    rig.step()
    assert rig.duty == STEADY_POSITIVE
    assert rig.until(lambda: not rig.commanded) == pytest.approx(3.0, abs=0.05)


def test_shutting_down_shows_no_state_f_to_an_unavailable_station() -> None:
    rig = Rig()
    rig.unavailable()
    rig.run(0.5)
    rig.state = decision.shut_down(rig.state)
    rig.step()
    assert rig.duty == STEADY_POSITIVE


def test_lost_lines_count_as_open_and_close_only_after_the_pause() -> None:
    rig = Rig().charging()
    closed_s = rig.now_s
    rig.lose_lines()
    status = decision.status_without_lines(rig.setup, rig.state, rig.now_s)
    assert status.faults == {Fault.LINES_LOST}
    assert not status.contactor_commanded
    rig.closed = False
    rig.now_s += 1.0
    rig.find_lines()
    rig.moves_at_s = None
    rig.step()
    assert not rig.commanded
    rig.until(lambda: rig.commanded)
    assert rig.now_s - closed_s == pytest.approx(10.0, abs=0.1)


def test_faults_outlive_lost_lines() -> None:
    rig = Rig().charging()
    rig.copper.fault_inputs.add(Fault.OTHER)
    rig.step()
    rig.copper.fault_inputs.clear()
    rig.lose_lines()
    rig.find_lines()
    rig.step()
    assert rig.faults == {Fault.OTHER}


def test_an_idle_evse_is_calm_and_a_supplying_one_is_not() -> None:
    rig = Rig()
    rig.run(1.0)
    assert rig.last.calm
    rig.charging()
    assert not rig.last.calm


def test_a_welded_contactor_does_not_keep_the_loop_busy() -> None:
    rig = Rig(Copper(welded=True))
    rig.run(1.0)
    assert not rig.last.pending


def test_a_sample_that_disagrees_postpones_closing() -> None:
    rig = Rig(Copper(vehicle="C"))
    rig.offer()
    rig.run(9.98)
    rig.copper.vehicle = "B"
    rig.step()
    assert not rig.commanded
    rig.copper.vehicle = "C"
    assert rig.until(lambda: rig.commanded) < 0.2


def test_a_waiting_offer_is_not_calm() -> None:
    rig = Rig(Copper(vehicle="B"))
    rig.offer()
    rig.run(1.0)
    assert rig.last.status.offered_a == pytest.approx(16.0)
    assert not rig.last.calm


def test_an_unlock_request_under_load_is_not_kept_for_later() -> None:
    rig = Rig(Copper(has_lock=True)).charging()
    rig.state = decision.request_unlock(rig.state)
    rig.copper.vehicle = "B"
    rig.run(1.0)
    assert not rig.closed
    assert rig.locked


def test_a_contactor_still_closed_when_the_lines_return_has_its_time_to_open() -> None:
    rig = Rig().charging()
    rig.now_s += 1.0
    rig.lose_lines()
    rig.now_s += 5.0
    rig.find_lines()
    rig.standby()
    rig.step(0.005)
    rig.run(0.04, 0.005)
    assert not rig.closed
    rig.run(1.0)
    assert not rig.faults


def test_a_self_test_cut_short_by_lost_lines_is_asked_for_again() -> None:
    rig = Rig(Copper(has_monitor=True, test_s=1.0))
    rig.run(0.5)
    assert rig.tests == 1
    rig.lose_lines()
    rig.test_at_s = None
    rig.find_lines()
    rig.run(2.0)
    assert rig.tests == 2
    assert not rig.faults


def test_a_limit_that_is_no_number_permits_nothing() -> None:
    rig = Rig(Copper(vehicle="C")).rested()
    rig.offer(float("nan"))
    rig.run(5.0)
    assert not rig.commanded
    assert rig.hindrances == {Hindrance.NO_OFFER}


def test_a_change_of_the_phases_keeps_the_contactor_open_however_long_the_vehicle_asks() -> None:
    rig = Rig(phase_switching=True, phase_pause_s=30.0).charging()
    rig.offer(phases=1)
    rig.until(lambda: not rig.commanded)
    opened_s = rig.now_s
    rig.until(lambda: rig.commanded, 60.0)
    assert rig.now_s - opened_s >= 24.0, "the pause counts from the end of the PWM"
    assert is_pwm(rig.duty)
    assert rig.selected[-1] == (1, 1)


def test_a_found_shut_off_forbids_supply_by_itself() -> None:
    rig = Rig(Copper(has_shut_off=True)).rested()
    rig.reset_guard(shut_off=True)
    rig.offer()
    rig.run(5.0)
    assert Hindrance.SHUT_OFF in rig.hindrances


def test_the_daily_self_test_waits_for_an_open_contactor() -> None:
    rig = Rig(Copper(has_monitor=True)).charging()
    tests = rig.tests
    long_ago = replace(rig.state.residual_current, passed_s=rig.now_s - 25 * 3600.0)
    rig.state = replace(rig.state, residual_current=long_ago)
    rig.run(2.0)
    assert (rig.tests, rig.commanded) == (tests, True)
    rig.copper.vehicle = "B"
    rig.run(1.0)
    assert rig.tests == tests + 1
    assert not rig.commanded


def test_a_trip_output_that_is_on_forbids_supply_at_once() -> None:
    rig = Rig(Copper(has_monitor=True), min_closing_interval_s=0.0).charging()
    rig.copper.vehicle = "B"
    rig.run(0.2)
    rig.copper.tripped = True
    rig.copper.vehicle = "C"
    rig.run(0.6)
    assert not rig.commanded
    assert Hindrance.SELF_TEST in rig.hindrances
