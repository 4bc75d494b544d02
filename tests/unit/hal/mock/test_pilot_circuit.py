"""Voltages and readings of the control pilot."""

import pytest

from hal.api import PilotState
from hal.mock.pilot_circuit import Load, PilotDefects, offered_current_a, pilot_state, plateaus

PWM = 16 / 60

NOMINAL_WINDOWS = [
    (Load.NONE, 11.4, 12.6),
    (Load.CONNECTED, 8.36, 9.56),
    (Load.READY, 5.48, 6.49),
    (Load.VENTILATION, 2.62, 3.25),
]


@pytest.mark.parametrize(("load", "lowest_v", "highest_v"), NOMINAL_WINDOWS)
def test_each_load_brings_the_positive_plateau_into_its_nominal_window(
    load: Load, lowest_v: float, highest_v: float
) -> None:
    sample = plateaus(PWM, load)
    assert lowest_v <= sample.high_v <= highest_v
    assert sample.low_v == -12.0


def test_a_steady_level_shows_the_same_voltage_on_both_plateaus() -> None:
    sample = plateaus(1.0, Load.CONNECTED)
    assert sample.high_v == sample.low_v == pytest.approx(9.0, abs=0.1)


def test_state_f_is_minus_twelve_volts_whatever_the_vehicle_does() -> None:
    for load in Load:
        sample = plateaus(0.0, load)
        assert (sample.high_v, sample.low_v) == (-12.0, -12.0)


@pytest.mark.parametrize("load", [Load.CONNECTED, Load.READY])
def test_a_shorted_diode_mirrors_the_positive_plateau(load: Load) -> None:
    sample = plateaus(PWM, load, PilotDefects(diode_shorted=True))
    assert sample.low_v > -10.0
    assert abs(sample.high_v + sample.low_v) <= 1.2


def test_a_shorted_diode_is_invisible_without_a_vehicle() -> None:
    assert plateaus(PWM, Load.NONE, PilotDefects(diode_shorted=True)).low_v == -12.0


@pytest.mark.parametrize("duty", [0.0, PWM, 1.0])
def test_a_shorted_pilot_has_no_voltage(duty: float) -> None:
    sample = plateaus(duty, Load.CONNECTED, PilotDefects(shorted=True))
    assert (sample.high_v, sample.low_v) == (0.0, 0.0)
    assert pilot_state(duty, Load.CONNECTED, PilotDefects(shorted=True)) is PilotState.E


@pytest.mark.parametrize("load", [Load.CONNECTED, Load.READY])
def test_without_its_negative_supply_a_station_has_only_positive_half_waves(load: Load) -> None:
    defects = PilotDefects(no_negative=True)
    assert plateaus(PWM, load, defects).low_v == 0.0
    assert plateaus(PWM, load, defects).high_v == plateaus(PWM, load).high_v
    assert plateaus(0.0, load, defects).high_v == 0.0
    assert pilot_state(PWM, load, defects) is pilot_state(PWM, load)
    assert pilot_state(0.0, load, defects) is PilotState.E


def test_an_undriven_pilot_has_no_voltage() -> None:
    sample = plateaus(None, Load.READY)
    assert (sample.high_v, sample.low_v) == (0.0, 0.0)
    assert pilot_state(None, Load.READY) is PilotState.E


def test_an_observer_names_the_state_of_each_load() -> None:
    states = [pilot_state(PWM, load).value for load in Load]
    assert states == ["A", "B", "C", "D"]
    assert pilot_state(0.0, Load.READY) is PilotState.F


@pytest.mark.parametrize(
    ("percent", "current_a"),
    [
        (0, 0),
        (2.9, 0),
        (5, 0),
        (7.5, 0),
        (7.99, 0),
        (8, 6),
        (9.99, 6),
        (10, 6),
        (26.6666666667, 16),
        (53.3333333333, 32),
        (85, 51),
        (86, 55),
        (96, 80),
        (97, 80),
        (97.1, 0),
        (100, 0),
    ],
)
def test_a_vehicle_reads_the_duty_cycle_as_table_a8_says(percent: float, current_a: float) -> None:
    assert offered_current_a(percent / 100) == pytest.approx(current_a, abs=1e-6)


def test_an_undriven_pilot_offers_nothing() -> None:
    assert offered_current_a(None) == 0.0
