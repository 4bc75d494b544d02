"""The circuit between the card and the outlet, against the board file that the station gets."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hal.api import Fault
from hil.virtual import wiring as w

BOARD = tomllib.loads((Path(w.__file__).with_name("board.toml")).read_text("utf-8"))
LINES: dict[str, Any] = BOARD["lines"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("coil", w.COIL),
        ("mirror", w.MIRROR_CONTACT),
        ("lock_engage", w.LOCK_FORWARD),
        ("lock_release", w.LOCK_BACKWARD),
        ("lock_feedback", w.LOCK_FEEDBACK),
        ("rcm_test", w.RCM_TEST),
        ("rcm_fault", w.RCM_TRIP),
        ("shut_off", w.SHUT_OFF),
        ("peak_reset", w.PEAK_RESET),
        ("pilot_disconnect", w.PILOT_DISCONNECT),
        ("emergency_stop", w.FAULT_INPUTS[Fault.EMERGENCY_STOP]),
        ("earth", w.FAULT_INPUTS[Fault.PROTECTIVE_EARTH]),
        ("thermostat", w.FAULT_INPUTS[Fault.OVER_TEMPERATURE]),
        ("under_voltage", w.FAULT_INPUTS[Fault.UNDER_VOLTAGE]),
        ("lid", w.LID),
    ],
)
def test_the_board_file_names_the_line_that_is_wired(name: str, line: int) -> None:
    assert LINES[name]["line"] == f"GPIO{line}"


@pytest.mark.parametrize("volts", [-12.0, 0.0, 3.0, 6.0, 9.0, 12.0])
def test_the_pilots_voltage_comes_back_through_the_boards_calibration(volts: float) -> None:
    (low_v, least), (high_v, most) = BOARD["evse"][0]["pilot"]["peak"]["high"]["calibration"]
    read_v = w.pilot_steps(volts) * w.ADC_REFERENCE_V / w.ADC_STEPS
    found = least + (read_v - low_v) * (most - least) / (high_v - low_v)
    assert found == pytest.approx(volts, abs=0.01)


@pytest.mark.parametrize("cable_a", list(w.CODING_OHM))
def test_a_cables_resistor_comes_back_through_the_boards_pull_up(cable_a: int) -> None:
    proximity = BOARD["evse"][0]["proximity"]
    read_v = w.proximity_steps(cable_a) * w.ADC_REFERENCE_V / w.ADC_STEPS
    ohm = proximity["pull_up_ohm"] * read_v / (proximity["pull_up_v"] - read_v)
    assert ohm == pytest.approx(w.CODING_OHM[cable_a], rel=0.01)


def test_an_empty_socket_reads_the_whole_reference() -> None:
    assert w.proximity_steps(None) == w.ADC_STEPS - 1
