"""The electrical world as a whole."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import Fault, Feed, PilotState
from hal.mock.contactors import CLOSE_NS, OPEN_NS
from hal.mock.plant import (
    LOCK_NS,
    SELF_TEST_NS,
    Evse,
    Fitting,
    MeterOverride,
    Plant,
)
from hal.mock.wire import EvseSettings, LineOutputs

MS = 1_000_000
S = 1_000_000_000
START_WH = 1_234_567
OFFER_16 = LineOutputs(duty=16 / 60)
CHARGE_16 = LineOutputs(duty=16 / 60, coil=True)


def new_evse(**built: object) -> Evse:
    return Evse(EvseSettings(**built), START_WH * 10**6, 0)  # type: ignore[arg-type]


def charging_evse(until_ns: int = 10 * S, **built: object) -> Evse:
    evse = new_evse(**built)
    evse.plug(0, plugged=True)
    evse.drive(CHARGE_16, 0)
    evse.advance(until_ns)
    return evse


def current_a(evse: Evse, now_ns: int) -> tuple[float, ...]:
    return evse.read_meter(now_ns).current_a


def test_a_session_runs_from_a_to_c_and_draws_what_is_offered() -> None:
    evse = new_evse()
    evse.drive(OFFER_16, 0)
    assert evse.pilot_state is PilotState.A
    evse.plug(1 * S, plugged=True)
    assert evse.pilot_state is PilotState.B
    evse.advance(2 * S)
    assert evse.pilot_state is PilotState.C
    assert current_a(evse, 3 * S) == (0, 0, 0)
    evse.drive(CHARGE_16, 3 * S)
    assert current_a(evse, 10 * S) == pytest.approx((16, 16, 16), abs=1e-3)


def test_the_contactor_needs_its_time_to_close_and_to_open() -> None:
    evse = new_evse()
    evse.drive(CHARGE_16, 0)
    evse.advance(CLOSE_NS - 1)
    assert not evse.read_lines().contactor_closed
    evse.advance(CLOSE_NS)
    assert evse.read_lines().contactor_closed
    evse.drive(OFFER_16, S)
    evse.advance(S + OPEN_NS - 1)
    assert evse.read_lines().contactor_closed
    evse.advance(S + OPEN_NS)
    assert not evse.read_lines().contactor_closed


def test_current_climbs_eight_amperes_a_second_after_the_start_delay() -> None:
    evse = charging_evse(0)
    draws_from_ns = 700 * MS  # 300 ms until the car asks, 400 ms until its charger starts
    assert current_a(evse, draws_from_ns) == (0, 0, 0)
    assert current_a(evse, draws_from_ns + S) == pytest.approx((8, 8, 8))
    assert current_a(evse, draws_from_ns + 2 * S) == pytest.approx((16, 16, 16), abs=1e-3)


def test_a_lower_offer_is_followed_at_once_and_a_higher_one_by_a_ramp() -> None:
    evse = charging_evse()
    evse.drive(LineOutputs(duty=0.1, coil=True), 10 * S)
    assert current_a(evse, 10 * S) == (6, 6, 6)
    evse.drive(CHARGE_16, 20 * S)
    assert current_a(evse, 20 * S + S // 2) == pytest.approx((10, 10, 10))


def test_a_single_phase_car_loads_l1_alone() -> None:
    evse = charging_evse()
    evse.fit_vehicle(Fitting(32.0, 1, 32), 10 * S)
    values = evse.read_meter(11 * S)
    assert values.current_a == pytest.approx((16, 0, 0), abs=1e-3)
    assert values.voltage_v[0] < values.voltage_v[1] == 230.0
    assert values.power_w == pytest.approx(16 * 229.36, abs=1)


def test_a_single_phase_station_shows_one_phase() -> None:
    values = charging_evse(phases=1).read_meter(10 * S)
    assert values.current_a == pytest.approx((16.0,), abs=1e-3)
    assert len(values.voltage_v) == 1


def test_one_pole_carries_one_phase_only() -> None:
    evse = new_evse()
    evse.plug(0, plugged=True)
    evse.drive(LineOutputs(duty=16 / 60, phases=1), 0)
    evse.drive(CHARGE_16, S)
    assert current_a(evse, 10 * S) == pytest.approx((16, 0, 0), abs=1e-3)
    assert (evse.connected_phases, evse.moved_under_load) == (1, 0)


@pytest.mark.parametrize("phases", [1, 2, 3])
@pytest.mark.parametrize("phase", [1, 2, 3])
def test_a_single_phase_of_choice_carries_the_load_whatever_the_car_has(
    phase: int, phases: int
) -> None:
    evse = charging_on(phase)
    evse.fit_vehicle(Fitting(32.0, phases, 32), 8 * S)
    before_wh = evse.read_meter(20 * S).micro_wh / 1e6
    values = evse.read_meter(3620 * S)
    assert [round(amps) for amps in values.current_a] == [16 * (n == phase) for n in (1, 2, 3)]
    assert [volts < 230.0 for volts in values.voltage_v] == [n == phase for n in (1, 2, 3)]
    assert values.micro_wh / 1e6 - before_wh == pytest.approx(16 * 229.36, abs=0.01)
    assert evse.read_lines().closed == {Feed(1, phase)}


def charging_on(phase: int) -> Evse:
    evse = new_evse(per_phase=True)
    evse.plug(0, plugged=True)
    evse.drive(LineOutputs(duty=16 / 60, phases=1, phase=phase), 0)
    evse.drive(LineOutputs(duty=16 / 60, coil=True, phases=1, phase=phase), S)
    evse.advance(8 * S)
    return evse


def test_a_welded_phase_feeds_on_whatever_is_selected_and_reads_closed() -> None:
    evse = charging_on(2)
    evse.set_fault(Fault.CONTACTOR_WELDED, 10 * S, on=True)
    evse.drive(LineOutputs(duty=1.0, phases=1, phase=3), 11 * S)
    evse.advance(20 * S)
    assert evse.read_lines().contactor_closed
    assert evse.read_lines().closed == {Feed(1, 2)}
    assert evse.contacts.fed == {2}


def test_two_contactors_of_single_phases_that_are_closed_at_once_blow_the_fuses() -> None:
    evse = charging_on(2)
    evse.set_fault(Fault.CONTACTOR_WELDED, 10 * S, on=True, contactor=Feed(1, 3))
    assert evse.read_lines().closed == {Feed(1, 2), Feed(1, 3)}
    assert evse.contacts.fuses_blown
    assert current_a(evse, 20 * S) == (0, 0, 0)


def test_a_weld_stays_when_the_outlet_is_told_to_have_other_contactors() -> None:
    evse = new_evse()
    evse.set_fault(Fault.CONTACTOR_WELDED, 0, on=True)
    evse.configure(EvseSettings(per_phase=True), S)
    assert evse.read_lines().closed == {Feed(3)}
    evse.set_fault(Fault.CONTACTOR_WELDED, S, on=False)
    assert not evse.read_lines().contactor_closed


def test_a_contactor_that_does_not_close_feeds_no_phase() -> None:
    evse = new_evse(per_phase=True)
    evse.set_fault(Fault.CONTACTOR_STUCK_OPEN, 0, on=True)
    evse.plug(0, plugged=True)
    evse.drive(LineOutputs(duty=16 / 60, coil=True, phases=1, phase=2), 0)
    assert current_a(evse, 10 * S) == (0, 0, 0)
    assert not evse.read_lines().closed


def test_poles_that_are_moved_under_voltage_are_counted() -> None:
    evse = charging_evse()
    evse.drive(LineOutputs(duty=16 / 60, coil=True, phases=1), 10 * S)
    evse.drive(LineOutputs(duty=16 / 60, coil=True, phases=1), 11 * S)
    assert (evse.connected_phases, evse.moved_under_load) == (1, 1)


def test_the_shut_off_takes_the_mains_from_a_welded_contactor_and_stays_put() -> None:
    evse = charging_evse(has_shut_off=True)
    evse.set_fault(Fault.CONTACTOR_WELDED, 10 * S, on=True)
    evse.drive(LineOutputs(duty=16 / 60, shut_off=True), 10 * S)
    assert current_a(evse, 20 * S) == (0, 0, 0)
    assert evse.read_lines().contactor_closed
    evse.release(20 * S)
    evse.drive(OFFER_16, 20 * S)
    assert evse.shut_off
    evse.drive(LineOutputs(duty=16 / 60, shut_off=False), 30 * S)
    assert not evse.shut_off


def test_an_open_lid_shows_on_its_line() -> None:
    evse = new_evse()
    assert not evse.read_lines().tampered
    evse.tampered = True
    assert evse.read_lines().tampered


def test_a_missing_negative_supply_shows_on_the_pilot_only() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.PILOT_NEGATIVE, 10 * S, on=True)
    assert evse.read_lines().low_v == 0.0
    assert evse.pilot_state is PilotState.C


def test_a_legacy_car_wakes_at_state_f_and_not_at_the_pwm() -> None:
    evse = new_evse()
    evse.fit_vehicle(Fitting(32.0, 3, 32, legacy=True), 0)
    evse.drive(LineOutputs(duty=1.0), 0)
    evse.plug(0, plugged=True)
    evse.drive(OFFER_16, S)
    evse.advance(60 * S)
    assert evse.pilot_state is PilotState.B
    evse.drive(LineOutputs(duty=0.0), 60 * S)
    evse.drive(OFFER_16, 63 * S)
    evse.advance(64 * S)
    assert evse.pilot_state is PilotState.C


def test_a_simplified_car_is_in_c_at_once_and_takes_ten_amperes() -> None:
    evse = new_evse()
    evse.fit_vehicle(Fitting(32.0, 1, 32, simplified=True), 0)
    evse.drive(LineOutputs(duty=1.0), 0)
    evse.plug(0, plugged=True)
    assert evse.pilot_state is PilotState.C
    evse.drive(CHARGE_16, S)
    assert current_a(evse, 10 * S) == pytest.approx((10, 0, 0), abs=1e-3)
    evse.drive(LineOutputs(duty=1.0, coil=True), 10 * S)
    assert evse.pilot_state is PilotState.C


def test_the_cable_limits_the_current() -> None:
    evse = charging_evse()
    evse.fit_vehicle(Fitting(32.0, 3, 13), 10 * S)
    assert current_a(evse, 20 * S) == (13, 13, 13)


def test_an_attached_cable_carries_what_the_station_is_built_for_and_has_no_coding() -> None:
    evse = charging_evse(cable_a=None, max_current_a=10)
    assert current_a(evse, 20 * S) == (10, 10, 10)
    assert evse.read_lines().cable_a is None


def test_a_plugged_cable_shows_its_rating_until_it_is_pulled() -> None:
    evse = new_evse(cable_a=20)
    assert evse.read_lines().cable_a is None
    evse.plug(0, plugged=True)
    assert evse.read_lines().cable_a == 20
    evse.plug(S, plugged=False)
    assert evse.read_lines().cable_a is None


def test_a_locked_cable_stays_in_the_socket_until_the_lock_opens() -> None:
    evse = new_evse()
    evse.plug(0, plugged=True)
    evse.drive(LineOutputs(duty=1.0, lock=True), 0)
    evse.advance(LOCK_NS)
    assert evse.read_lines().lock_engaged
    evse.plug(S, plugged=False)
    assert evse.read_lines().cable_a == 32
    evse.drive(LineOutputs(duty=1.0), 2 * S)
    evse.advance(2 * S + LOCK_NS)
    assert evse.read_lines().cable_a is None
    assert not evse.read_lines().lock_engaged


def test_a_released_board_opens_the_contactor_and_drops_the_pilot_but_not_the_lock() -> None:
    evse = charging_evse()
    evse.drive(LineOutputs(duty=16 / 60, coil=True, lock=True), 10 * S)
    evse.advance(11 * S)
    evse.release(11 * S)
    evse.advance(11 * S + OPEN_NS)
    lines = evse.read_lines()
    assert not lines.contactor_closed
    assert lines.high_v == lines.low_v == 0.0
    assert lines.lock_engaged
    assert current_a(evse, 12 * S) == (0, 0, 0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.EMERGENCY_STOP,
        Fault.PROTECTIVE_EARTH,
        Fault.OVER_TEMPERATURE,
        Fault.OVER_CURRENT,
        Fault.UNDER_VOLTAGE,
        Fault.OTHER,
    ],
)
def test_a_fault_with_an_input_of_its_own_shows_there_and_only_there(fault: Fault) -> None:
    evse = new_evse()
    evse.set_fault(fault, 0, on=True)
    assert evse.read_lines().fault_inputs == {fault}
    assert not evse.read_lines().residual_current
    evse.set_fault(fault, 0, on=False)
    assert evse.read_lines().fault_inputs == frozenset()


def test_a_residual_current_trips_the_monitor_and_fails_its_self_test() -> None:
    evse = new_evse()
    evse.set_fault(Fault.RCD, 0, on=True)
    evse.drive(LineOutputs(duty=1.0, self_test=1), 0)
    evse.advance(SELF_TEST_NS)
    lines = evse.read_lines()
    assert lines.residual_current
    assert (lines.self_test, lines.self_test_passed) == (1, False)


def test_a_healthy_monitor_passes_its_self_test() -> None:
    evse = new_evse()
    evse.drive(LineOutputs(duty=1.0, self_test=1), 0)
    assert evse.read_lines().self_test_passed is None
    evse.advance(SELF_TEST_NS)
    assert evse.read_lines().self_test_passed is True


def test_a_failed_diode_takes_the_negative_plateau_away() -> None:
    evse = charging_evse()
    assert evse.read_lines().low_v == -12.0
    evse.set_fault(Fault.DIODE, 10 * S, on=True)
    assert evse.read_lines().low_v > -10.0


def test_a_shorted_pilot_shows_no_voltage_and_the_car_stops() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.PILOT_SHORT, 10 * S, on=True)
    lines = evse.read_lines()
    assert lines.high_v == lines.low_v == 0.0
    assert current_a(evse, 10 * S) == (0, 0, 0)


def test_a_car_that_demands_ventilation_shows_state_d() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.VENTILATION, 10 * S, on=True)
    assert evse.pilot_state is PilotState.D
    assert evse.read_lines().high_v == pytest.approx(2.93, abs=0.05)


def test_a_failed_lock_never_reports_that_it_is_engaged() -> None:
    evse = new_evse()
    evse.set_fault(Fault.LOCK, 0, on=True)
    evse.drive(LineOutputs(duty=1.0, lock=True), 0)
    evse.advance(S)
    assert not evse.read_lines().lock_engaged
    evse.set_fault(Fault.LOCK, S, on=False)
    assert evse.read_lines().lock_engaged


def test_a_welded_contactor_stays_closed_and_goes_on_supplying_a_car_that_asks() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.CONTACTOR_WELDED, 10 * S, on=True)
    evse.drive(OFFER_16, 10 * S)
    evse.advance(20 * S)
    assert evse.read_lines().contactor_closed
    assert current_a(evse, 20 * S) == pytest.approx((16, 16, 16), abs=1e-3)
    evse.set_fault(Fault.CONTACTOR_WELDED, 20 * S, on=False)
    assert not evse.read_lines().contactor_closed


def test_a_contactor_stuck_open_never_closes() -> None:
    evse = new_evse()
    evse.set_fault(Fault.CONTACTOR_STUCK_OPEN, 0, on=True)
    evse.plug(0, plugged=True)
    evse.drive(CHARGE_16, 0)
    assert current_a(evse, 10 * S) == (0, 0, 0)
    assert not evse.read_lines().contactor_closed


def test_an_under_voltage_shows_on_the_meter_too() -> None:
    evse = new_evse()
    evse.set_fault(Fault.UNDER_VOLTAGE, 0, on=True)
    assert evse.read_meter(0).voltage_v == (172.5, 172.5, 172.5)


def test_the_time_from_a_fault_to_the_coil_going_low_is_measured() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.RCD, 10 * S, on=True)
    evse.drive(OFFER_16, 10 * S + 7 * MS)
    assert evse.fault_to_open.last_ns == 7 * MS


def test_a_fault_at_rest_starts_no_measurement() -> None:
    evse = new_evse()
    evse.set_fault(Fault.RCD, 0, on=True)
    evse.drive(CHARGE_16, S)
    evse.drive(OFFER_16, 2 * S)
    assert evse.fault_to_open.last_ns is None


def test_a_fault_that_went_away_before_the_coil_fell_is_not_measured() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.RCD, 10 * S, on=True)
    evse.set_fault(Fault.RCD, 11 * S, on=False)
    evse.drive(OFFER_16, 12 * S)
    assert evse.fault_to_open.last_ns is None


def test_a_lost_meter_is_no_reason_for_the_coil_to_fall_at_once() -> None:
    evse = charging_evse()
    evse.set_fault(Fault.METER_LOST, 10 * S, on=True)
    evse.drive(OFFER_16, 11 * S)
    assert evse.fault_to_open.last_ns is None


def test_the_time_from_leaving_state_c_to_the_coil_going_low_is_measured() -> None:
    evse = charging_evse()
    evse.want(10 * S, energy=False)
    evse.drive(OFFER_16, 10 * S + 12 * MS)
    assert evse.leave_to_open.last_ns == 12 * MS


def test_the_next_car_wants_energy_even_if_the_last_one_had_paused() -> None:
    evse = charging_evse()
    evse.want(10 * S, energy=False)
    evse.plug(11 * S, plugged=False)
    evse.plug(12 * S, plugged=True)
    evse.advance(13 * S)
    assert evse.pilot_state is PilotState.C


def test_a_pause_before_plugging_in_holds() -> None:
    evse = new_evse()
    evse.drive(OFFER_16, 0)
    evse.want(0, energy=False)
    evse.plug(S, plugged=True)
    evse.advance(10 * S)
    assert evse.pilot_state is PilotState.B


def test_displayed_values_can_be_fixed_without_touching_the_truth() -> None:
    evse = charging_evse()
    evse.override = MeterOverride(power_w=1.0, voltage_v=(2.0,), current_a=(3.0,))
    before = evse.read_meter(10 * S)
    assert (before.power_w, before.voltage_v, before.current_a) == (1.0, (2.0,), (3.0,))
    assert evse.read_meter(20 * S).micro_wh - before.micro_wh == pytest.approx(
        10 / 3600 * 3 * 16 * 229.36 * 1e6, rel=1e-6
    )


def test_rebuilding_an_evse_keeps_its_car_and_its_register() -> None:
    evse = charging_evse()
    before = evse.register.micro_wh(10 * S)
    evse.configure(EvseSettings(max_current_a=10, cable_a=None, has_lock=False), 10 * S)
    assert evse.vehicle.plugged
    assert evse.register.micro_wh(10 * S) == before
    assert current_a(evse, 11 * S) == (10, 10, 10)


def test_a_power_failure_drops_the_coil_and_the_voltage_and_keeps_the_register() -> None:
    plant, evse = Plant(), charging_evse()
    plant.add(1, evse, 10 * S)
    assert plant.flowing
    before = evse.register.micro_wh(10 * S)
    plant.set_mains(10 * S, on=False)
    values = evse.read_meter(11 * S)
    assert values.micro_wh == before
    assert (values.power_w, values.voltage_v) == (0.0, (0.0, 0.0, 0.0))
    assert not evse.contacts.commanded
    assert not plant.flowing


def test_a_coil_cannot_be_driven_without_mains() -> None:
    plant, evse = Plant(), new_evse()
    plant.set_mains(0, on=False)
    plant.add(1, evse, 0)
    evse.drive(CHARGE_16, 0)
    plant.advance(S)
    assert not evse.contactor_closed
    plant.set_mains(S, on=True)
    evse.drive(CHARGE_16, S)
    plant.advance(2 * S)
    assert evse.contactor_closed


def test_a_plant_at_rest_has_nothing_due() -> None:
    plant = Plant()
    assert plant.due_ns is None
    plant.add(1, new_evse(), 0)
    assert plant.due_ns is None


# --- Invariants over random histories.


@dataclass(frozen=True)
class Step:
    """Wait, then do something."""

    wait_ns: int
    action: str
    value: int


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, 3 * S),
        st.sampled_from(["drive", "drive", "plug", "want", "fault", "vehicle", "mains"]),
        st.integers(0, 63),
    ),
    min_size=1,
    max_size=10,
)
FAULTS = (Fault.CONTACTOR_WELDED, Fault.CONTACTOR_STUCK_OPEN, Fault.UNDER_VOLTAGE, Fault.DIODE)
DUTIES = (None, 0.0, 0.05, 0.1, 16 / 60, 0.5, 0.9, 1.0)


def apply(evse: Evse, step: Step, now_ns: int) -> None:
    value, on = step.value, bool(step.value % 4)
    if step.action == "drive":
        evse.drive(LineOutputs(duty=DUTIES[value % 8], coil=value >= 16), now_ns)
    elif step.action == "plug":
        evse.plug(now_ns, plugged=on)
    elif step.action == "want":
        evse.want(now_ns, energy=on)
    elif step.action == "fault":
        evse.set_fault(FAULTS[value % 4], now_ns, on=value >= 32)
    elif step.action == "vehicle":
        cable_a = (13, 20, 32, 63)[value % 4]
        evse.fit_vehicle(Fitting(float(value), value % 3 + 1, cable_a), now_ns)
    else:
        evse.set_mains(now_ns, on=on)


def is_allowed(evse: Evse, now_ns: int) -> bool:
    """Whether the current at this instant obeys the rules of the pilot and of copper."""
    drawn_a = max(evse.read_meter(now_ns).current_a)
    if not drawn_a:
        return True
    limit_a = min(evse.vehicle.max_a, evse.cable_a or 0)
    duty = evse.duty or 0.0
    limit_a = min(limit_a, duty * 60 if duty <= 0.85 else (duty * 100 - 64) * 2.5)
    ready = evse.pilot_state in {PilotState.C, PilotState.D}
    return evse.contactor_closed and ready and drawn_a <= limit_a + 1e-3


@settings(max_examples=60, deadline=None)
@given(history=steps)
def test_energy_is_the_integral_of_the_displayed_power(history: list[Step]) -> None:
    evse, now_ns, grid_ns = new_evse(), 0, 5 * MS
    summed_ws, highest_w, shown = 0.0, 0.0, evse.register.micro_wh(0)
    evse.plug(0, plugged=True)
    for step in [Step(0, "drive", 20), *history, Step(3 * S, "plug", 0)]:
        end_ns = now_ns + step.wait_ns
        while now_ns < end_ns:
            span_ns = min(grid_ns, end_ns - now_ns)
            middle_w = evse.read_meter(now_ns + span_ns // 2).power_w
            now_ns += span_ns
            summed_ws += middle_w * span_ns / S
            highest_w = max(highest_w, middle_w)
            assert is_allowed(evse, now_ns)
            assert evse.register.micro_wh(now_ns) >= shown
            shown = evse.register.micro_wh(now_ns)
        apply(evse, step, now_ns)
    jumps = 4 * (len(history) + 2)  # at each the grid may be wrong by half a step
    error_wh = jumps * highest_w * (grid_ns / S) / 3600 + 0.05 * now_ns / S / 3600 + 1e-6
    assert evse.register.delivered_micro_wh(now_ns) / 1e6 == pytest.approx(
        summed_ws / 3600, abs=error_wh
    )


@settings(max_examples=100, deadline=None)
@given(history=steps, looks=st.lists(st.integers(0, 30 * S), max_size=40))
def test_what_happens_does_not_depend_on_how_often_one_looks(
    history: list[Step], looks: list[int]
) -> None:
    watched, ignored, now_ns = new_evse(), new_evse(), 0
    for evse in (watched, ignored):
        evse.plug(0, plugged=True)
    for step in history:
        end_ns = now_ns + step.wait_ns
        for look_ns in sorted(look for look in looks if now_ns <= look <= end_ns):
            watched.read_meter(look_ns)
        now_ns = end_ns
        apply(watched, step, now_ns)
        apply(ignored, step, now_ns)
    later_ns = now_ns + 10 * S
    assert watched.read_meter(later_ns) == ignored.read_meter(later_ns)
    assert watched.read_lines() == ignored.read_lines()
