"""The look at real lines and devices, and their trial: what is wrong and how to mend it."""

from errno import EIO

import pytest

from hal import line_check
from hal.api import Finding
from hal.gpio.check import look
from hal.guard.duty import duty_for_current
from hal.line_check import Pace
from hal.mock.pilot_circuit import Load
from tests.unit.hal.gpio.desk import (
    CHOICE,
    COIL,
    COIL_3,
    CONTACTOR,
    ESTOP,
    ESTOP_TABLE,
    LOCK,
    MIRROR,
    PEAK_PILOT,
    PILOT,
    PILOT_ADC,
    PROXIMITY,
    RCM,
    SHUT_OFF,
    TAMPER_TABLE,
    TRIP,
    Desk,
    Table,
    line,
)

ALL: dict[str, Table] = {
    "pilot": PILOT,
    "contactor": CONTACTOR,
    "proximity": PROXIMITY,
    "rcm": RCM,
    "lock": LOCK,
    "emergency_stop": ESTOP_TABLE,
    "shut_off": SHUT_OFF,
    "tamper": TAMPER_TABLE,
}


def looked(desk: Desk, **more: Table) -> dict[str, Finding]:
    return {each.device: each for each in look({1: ALL | more}, desk.machine)}


def tried(desk: Desk, **more: Table) -> dict[str, Finding]:
    """Try the board; the desk's world moves while the check sleeps."""

    def sleep(seconds: float) -> None:
        desk.clock.sleep(seconds)
        desk.settle()

    board = desk.board(ALL | more)
    found = {each.device: each for each in line_check.check(board, Pace(desk.clock, sleep))}
    board.close()
    return found


def test_everything_that_is_there_is_told_and_nothing_is_driven() -> None:
    desk = Desk()
    found = looked(desk)
    assert all(each.ok for each in found.values()), found
    assert set(found) == {
        *("pilot.pwm", "pilot.adc", "proximity.adc"),
        *("contactor.coil", "contactor.mirror", "rcm.fault", "rcm.test"),
        *("lock.engage", "lock.release", "lock.feedback"),
        *("input estop", "shut_off.output", "tamper"),
    }
    assert "line 0 of pinctrl-test (LINE0) is there and free" in found["contactor.coil"].message
    assert "pwmchip0, a hardware PWM" in found["pilot.pwm"].message
    assert desk.sysfs.writes == []
    assert not desk.pwm.channels
    assert all(wire.driven is None for wire in desk.chip.wires)


def test_each_contactor_of_a_choice_is_looked_at_and_one_that_is_welded_is_told() -> None:
    desk = Desk()
    found = looked(desk, contactor=CHOICE)
    assert {name for name in found if name.startswith("contactor.")} == {
        f"contactor.{part}_{choice}"
        for part in ("coil", "mirror")
        for choice in ("l1", "l2", "l3", "3ph")
    }
    assert tried(desk, contactor=CHOICE)["contactor"].ok
    desk.weld(COIL_3)
    welded = tried(desk, contactor=CHOICE)["contactor"]
    assert not welded.ok
    assert "coil_l3" in welded.message


def test_every_mistake_is_found_in_one_look() -> None:
    desk = Desk()
    desk.chip.wires[MIRROR].holder = "fan"
    found = looked(
        desk,
        pilot=PILOT | {"pwm": {"device": "nothing.pwm"}, "adc": PILOT_ADC | {"channel": 9}},
        tamper={"backend": "gpio", "chip": "pinctrl-test", "line": "LINE99"},
        rcm=RCM | {"test": {"chip": "no-chip", "line": 1}},
    )
    wrong = {device: each.message for device, each in found.items() if not each.ok}
    assert set(wrong) == {"pilot.pwm", "pilot.adc", "contactor.mirror", "tamper", "rcm.test"}
    assert "held by fan; end that program" in wrong["contactor.mirror"]
    assert "no line of that name, did you mean" in wrong["tamper"]
    assert "no GPIO chip 'no-chip'" in wrong["rcm.test"]
    assert "fe20c000.pwm" in wrong["pilot.pwm"]
    assert "no such channel" in wrong["pilot.adc"]


def test_a_converter_that_does_not_answer_is_found() -> None:
    desk = Desk()
    desk.converter.fault = EIO
    found = looked(desk)
    assert "cannot be read" in found["pilot.adc"].message
    assert not found["proximity.adc"].ok


# --- the trial


def test_a_board_that_is_well_passes_without_closing_a_contactor() -> None:
    desk = Desk(cable_ohm=220.0)
    moved: list[int] = []
    desk.chip.watchers.append(lambda offset, high: moved.append(offset) if high else None)
    found = tried(desk)
    assert all(each.ok for each in found.values()), found
    assert COIL not in moved
    assert found["pilot +12 V"].message.endswith("no vehicle")
    assert "a cable for 32 A" in found["proximity"].message
    assert "passed its self test" in found["rcm"].message
    assert "it was not moved" in found["lock"].message
    assert desk.duty == 0.0


@pytest.mark.parametrize(("load", "state"), [(Load.CONNECTED, "B"), (Load.READY, "C")])
def test_a_vehicle_that_is_there_gets_no_offer(load: Load, state: str) -> None:
    desk = Desk(load=load)
    found = tried(desk)
    assert f"a vehicle in state {state}" in found["pilot +12 V"].message
    assert "pilot PWM" not in found
    assert {text for name, text in desk.sysfs.writes if name == "duty_cycle"} == {"0", "1000000"}


@pytest.mark.parametrize(
    ("desk", "device", "remedy"),
    [
        (Desk(shorted=True), "pilot +12 V", "check driver stage"),
        (Desk(shorted=True), "pilot -12 V", "-12 V supply"),
        (Desk(welded={COIL}), "contactor", "welded, a wire is broken, or the board file"),
        (Desk(monitor_works=False), "rcm", "check the wires of TEST and FAULT"),
    ],
)
def test_a_fault_of_the_circuit_is_found_with_its_remedy(
    desk: Desk, device: str, remedy: str
) -> None:
    found = tried(desk)
    assert not found[device].ok
    assert remedy in found[device].message


def test_an_input_that_is_on_is_found() -> None:
    desk = Desk()
    desk.chip.set_outside(ESTOP, high=True)
    desk.chip.set_outside(TRIP, high=True)
    found = tried(desk)
    assert "was actuated, its wire is broken" in found["input estop"].message
    assert not found["input estop"].ok
    assert "residual current" in found["rcm"].message


def most(desk: Desk, max_current_a: float, pilot: Table = PILOT) -> Finding:
    """Try the pilot of an EVSE that is built for so much."""

    def sleep(seconds: float) -> None:
        desk.clock.sleep(seconds)
        desk.settle()

    board = desk.board(pilot=pilot)
    duties = {1: (duty_for_current(6.0), duty_for_current(max_current_a))}
    found = {one.device: one for one in line_check.check(board, Pace(desk.clock, sleep), duties)}
    board.close()
    return found["pilot PWM"]


def test_the_pilot_is_sampled_at_the_least_and_the_most_that_is_offered() -> None:
    desk = Desk()
    finding = most(desk, 32.0)
    assert finding.ok
    assert "10 % and 50 % and 53 %" in finding.message
    driven = {text for name, text in desk.sysfs.writes if name == "duty_cycle"}
    assert {"100000", "500000", "533333"} <= driven


def test_a_converter_that_is_too_slow_for_the_shortest_plateau_is_told_with_the_remedy() -> None:
    finding = most(Desk(), 80.0)
    assert not finding.ok
    assert finding.message.startswith("a PWM of 96 % reads 12.0 V and ")
    assert "peak detectors, or lower max_current_a" in finding.message


def test_peak_detectors_are_fit_for_the_shortest_plateau() -> None:
    assert most(Desk(), 80.0, PEAK_PILOT).ok


def test_lines_that_fail_during_the_trial_are_found() -> None:
    desk = Desk()
    board = desk.board()
    desk.chip.fault = EIO
    (finding,) = line_check.check(board, Pace(desk.clock, desk.clock.sleep))
    assert not finding.ok
    assert "Input/output error" in finding.message
    board.close()


def test_several_contactors_tell_nothing_about_each_other_at_rest() -> None:
    series = {
        "backend": "gpio",
        "strategy": "series",
        "coil": line(0),
        "mirror": line(1),
        "coil_l2_l3": line(2),
        "mirror_l2_l3": line(3),
    }
    found = tried(Desk(), contactor=series)
    assert not any(device.startswith("input contactor") for device in found)
