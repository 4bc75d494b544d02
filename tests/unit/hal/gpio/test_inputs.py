"""Binary inputs, and the coding resistor of cables with the standard's values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.gpio.inputs import rating_a, resistance_ohm
from tests.unit.hal.gpio.desk import ESTOP, ESTOP_TABLE, PROXIMITY, TAMPER, TAMPER_TABLE, Desk


@pytest.mark.parametrize(
    ("ohm", "rating"),
    [
        (0, None),
        (74, None),
        (75, 63),
        (100, 63),
        (150, 63),
        (151, 32),
        (220, 32),
        (330, 32),
        (331, 20),
        (680, 20),
        (1000, 20),
        (1001, 13),
        (1500, 13),
        (2200, 13),
        (2201, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_coding_resistor_says_what_the_cable_stands(ohm: float, rating: int | None) -> None:
    assert rating_a(ohm) == rating


@given(st.floats(1.0, 50_000.0))
def test_the_resistance_follows_from_the_divider(ohm: float) -> None:
    measured_v = 5.0 * ohm / (ohm + 330.0)
    assert resistance_ohm(measured_v, 330.0, 5.0) == pytest.approx(ohm, rel=1e-6)


@pytest.mark.parametrize(("volts", "ohm"), [(5.0, float("inf")), (5.1, float("inf")), (-0.1, 0.0)])
def test_voltages_beyond_the_divider_are_open_or_shorted(volts: float, ohm: float) -> None:
    assert resistance_ohm(volts, 330.0, 5.0) == ohm


@pytest.mark.parametrize(("ohm", "rating"), [(220.0, 32), (680.0, 20), (1e6, None), (10.0, None)])
def test_the_cable_is_read_with_each_refresh(ohm: float, rating: int | None) -> None:
    desk = Desk(cable_ohm=ohm)
    board = desk.board(proximity=PROXIMITY)
    proximity = board.evses[1].proximity
    assert proximity is not None
    assert proximity.cable_rating_a() is None
    board.refresh()
    assert proximity.cable_rating_a() == rating
    board.close()


def test_inputs_are_the_faults_that_they_are_wired_for() -> None:
    desk = Desk()
    faults = {"backend": "gpio", "pe": {"chip": "pinctrl-test", "line": 11, "active_low": True}}
    board = desk.board(emergency_stop=ESTOP_TABLE, fault_inputs=faults, tamper=TAMPER_TABLE)
    lines = board.evses[1]
    desk.chip.set_outside(11, high=True)
    board.refresh()
    board.refresh()
    assert {fault: each.is_on() for fault, each in lines.fault_inputs.items()} == {
        "pe": False,
        "estop": False,
    }
    desk.chip.set_outside(11, high=False)
    desk.chip.set_outside(ESTOP, high=True)
    desk.chip.set_outside(TAMPER, high=True)
    board.refresh()
    assert all(each.is_on() for each in lines.fault_inputs.values())
    assert lines.tamper is not None
    assert lines.tamper.is_on()
    board.close()
