"""The exact energy integral."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hal.mock.energy import (
    MILLIOHM_PER_PHASE,
    SECOND_NS,
    UNITS_PER_MICRO_WH,
    EnergyRegister,
    Flow,
)

NOMINAL_NV = 230 * 10**9

flows = st.builds(
    lambda start_ns, start_ua, rise_ua, slope, phases: Flow(
        start_ns, start_ua, start_ua + rise_ua, slope, phases, NOMINAL_NV
    ),
    st.integers(0, 10**15),
    st.integers(0, 40_000_000),
    st.integers(0, 40_000_000),
    st.integers(1, 50_000_000),
    st.integers(1, 3),
)


def power_w(flow: Flow, at_ns: Fraction) -> Fraction:
    """The physics in exact fractions of SI units, written down independently."""
    ramp_a = (
        Fraction(flow.start_ua, 10**6)
        + Fraction(flow.slope_ua_per_s, 10**6) * (at_ns - flow.start_ns) / SECOND_NS
    )
    current_a = ramp_a if at_ns <= flow.reached_ns else Fraction(flow.target_ua, 10**6)
    voltage_v = 230 - Fraction(MILLIOHM_PER_PHASE, 1000) * current_a
    return flow.phases * voltage_v * current_a


def simpson_wh(flow: Flow, start_ns: int, end_ns: int) -> Fraction:
    """Simpson's rule, which is exact for a quadratic."""
    middle = Fraction(start_ns + end_ns, 2)
    ends = power_w(flow, Fraction(start_ns)) + power_w(flow, Fraction(end_ns))
    mean_w = (ends + 4 * power_w(flow, middle)) / 6
    return mean_w * (end_ns - start_ns) / SECOND_NS / 3600


@given(flow=flows, span_ns=st.integers(1, 3600 * SECOND_NS))
def test_energy_is_the_exact_integral_of_power(flow: Flow, span_ns: int) -> None:
    end_ns = flow.start_ns + span_ns
    turn_ns = min(end_ns, flow.reached_ns)
    # The plateau begins right after the ramp: its left end has the plateau's own value.
    plateau_w = power_w(flow, Fraction(flow.reached_ns + 1))
    expected_wh = simpson_wh(flow, flow.start_ns, turn_ns)
    expected_wh += plateau_w * (end_ns - turn_ns) / SECOND_NS / 3600
    assert Fraction(flow.energy_units(end_ns), UNITS_PER_MICRO_WH * 10**6) == expected_wh


def test_sixteen_amperes_for_an_hour_are_what_a_calculator_says() -> None:
    flow = Flow(0, 16_000_000, 16_000_000, 1, 3, NOMINAL_NV)
    register = EnergyRegister(0, flow)
    expected_wh = 3 * 16 * (230 - 16 * MILLIOHM_PER_PHASE / 1000)
    assert register.micro_wh(3600 * SECOND_NS) == round(expected_wh * 1e6)


@given(flow=flows, times=st.lists(st.integers(0, 10 * SECOND_NS), min_size=2, max_size=30))
def test_the_register_never_falls_however_closely_one_looks(flow: Flow, times: list[int]) -> None:
    register = EnergyRegister(1_000_000, flow)
    shown = [register.micro_wh(flow.start_ns + time_ns) for time_ns in sorted(times)]
    assert shown == sorted(shown)
    assert shown[0] >= 1_000_000


@given(flow=flows, spans=st.lists(st.integers(0, SECOND_NS), max_size=20))
def test_looking_often_changes_nothing(flow: Flow, spans: list[int]) -> None:
    watched, ignored = EnergyRegister(0, flow), EnergyRegister(0, flow)
    now_ns = flow.start_ns
    for span_ns in spans:
        now_ns += span_ns
        watched.micro_wh(now_ns)
    assert watched.micro_wh(now_ns) == ignored.micro_wh(now_ns)


def test_no_flow_is_no_energy() -> None:
    register = EnergyRegister(77, Flow(0, 0, 0, 1, 3, NOMINAL_NV))
    assert register.micro_wh(10**18) == 77


def test_a_register_that_was_set_counts_on_from_there() -> None:
    flow = Flow(0, 10_000_000, 10_000_000, 1, 1, NOMINAL_NV)
    register = EnergyRegister(5_000_000, flow)
    before = register.delivered_micro_wh(60 * SECOND_NS)
    register.set_micro_wh(1_000, 60 * SECOND_NS)
    assert register.micro_wh(60 * SECOND_NS) == 1_000
    assert abs(register.micro_wh(120 * SECOND_NS) - 1_000 - before) <= 1
    assert abs(register.delivered_micro_wh(120 * SECOND_NS) - 2 * before) <= 1


@given(flow=flows, at_ns=st.integers(0, 100 * SECOND_NS))
def test_a_ramp_stays_between_its_start_and_its_target(flow: Flow, at_ns: int) -> None:
    assert flow.start_ua <= flow.current_ua(flow.start_ns + at_ns) <= flow.target_ua
