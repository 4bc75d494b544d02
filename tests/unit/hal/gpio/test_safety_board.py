"""The board as a whole: what happens first when it opens, wakes, fails and closes."""

import select
import time
from collections.abc import Mapping
from errno import EIO
from pathlib import Path

import pytest

from hal import registry
from hal.api import HardwareError, HardwareLost
from hal.gpio.assembly import open_board
from hal.gpio.wake import Wake
from hal.registry import BackendRefused
from tests.unit.hal.gpio.desk import (
    COIL,
    COIL_2,
    CONTACTOR,
    DISCONNECT,
    ESTOP,
    ESTOP_TABLE,
    LOCK,
    MIRROR_2,
    PILOT,
    PILOT_ADC,
    PROXIMITY,
    PWM,
    RCM,
    SHUT_OFF,
    TAMPER_TABLE,
    Desk,
    Table,
    line,
)

ALL = {
    "pilot": PILOT,
    "contactor": CONTACTOR,
    "proximity": PROXIMITY,
    "rcm": RCM,
    "lock": LOCK,
    "emergency_stop": ESTOP_TABLE,
    "shut_off": SHUT_OFF,
    "tamper": TAMPER_TABLE,
}


def readable(fileno: int, timeout_s: float = 0.0) -> bool:
    return bool(select.select([fileno], [], [], timeout_s)[0])


def test_every_device_of_an_evse_is_behind_its_port() -> None:
    board = Desk().board(ALL)
    lines = board.evses[1]
    devices = (lines.proximity, lines.residual_current, lines.lock, lines.shut_off, lines.tamper)
    assert all(device is not None for device in devices)
    board.close()


def test_what_a_board_does_not_have_is_none() -> None:
    board = Desk().board()
    lines = board.evses[1]
    devices = (lines.proximity, lines.residual_current, lines.lock, lines.shut_off, lines.tamper)
    assert all(device is None for device in devices)
    board.close()


def test_outputs_fall_to_idle_before_anything_else_can_fail() -> None:
    """A guard that starts after a crash opens the contactor although a converter is missing."""
    desk = Desk()
    desk.chip.wires[COIL].driven = True  # as a kernel that persists outputs leaves it
    desk.sysfs.remove(desk.sysfs.resolve(Path("/sys/bus/iio/devices/iio:device0")))
    with pytest.raises(HardwareLost, match="there is no device 'mcp3208'"):
        desk.board()
    assert not desk.high(COIL)
    assert not desk.chip.requests


def test_a_board_that_cannot_be_opened_shows_state_f_where_it_can() -> None:
    desk = Desk()
    board = desk.board()
    board.evses[1].pilot.set_duty(0.5)
    board.flush()
    desk.converter.fault = EIO
    with pytest.raises(HardwareLost):
        board.refresh()
    board.close()
    assert desk.duty == 0.0


def test_closing_opens_the_contactor_and_shows_state_f() -> None:
    desk = Desk()
    board = desk.board(ALL)
    board.refresh()
    board.evses[1].contactor.command(closed=True)
    board.evses[1].pilot.set_duty(0.5)
    board.flush()
    assert desk.high(COIL)
    board.close()
    assert not desk.high(COIL)
    assert desk.duty == 0.0
    assert desk.pwm.channels[0].enable
    assert not desk.chip.requests


def test_closing_goes_on_where_one_part_fails() -> None:
    desk = Desk()
    board = desk.board()
    board.evses[1].pilot.set_duty(0.5)
    board.flush()
    desk.chip.fault = EIO
    board.close()
    assert desk.duty == 0.0
    desk = Desk()
    board = desk.board()
    board.evses[1].pilot.set_duty(0.5)
    board.evses[1].contactor.command(closed=True)
    board.flush()
    desk.pwm.gone = True
    board.close()
    assert not desk.high(COIL)


def second_evse(**ports: Table) -> Mapping[int, Mapping[str, Table]]:
    """Return the tables of two EVSEs; the second has lines of its own but for what is given."""
    pilot = PILOT | {"pwm": PWM | {"channel": 1}, "adc": PILOT_ADC | {"channel": 3}}
    contactor = {"backend": "gpio", "coil": line(COIL_2), "mirror": line(MIRROR_2)}
    return {1: ALL, 2: {"pilot": pilot, "contactor": contactor} | ports}


def test_two_pilots_are_never_driven_by_one_generator() -> None:
    """The vehicle of one EVSE would read the offer of the other."""
    desk = Desk()
    tables = second_evse(pilot=PILOT | {"adc": PILOT_ADC | {"channel": 3}})
    with pytest.raises(HardwareError, match=r"PWM fe20c000\.pwm, channel 0: .*two pilots"):
        open_board(tables, desk.machine)
    assert not desk.chip.requests
    open_board(second_evse(), desk.machine).close()


def test_nothing_is_measured_for_two_devices() -> None:
    """An EVSE would take the vehicle of another for its own."""
    desk = Desk()
    tables = second_evse(pilot=PILOT | {"pwm": PWM | {"channel": 1}})
    with pytest.raises(HardwareError, match=r"converter mcp3208, channel 0 .*two devices"):
        open_board(tables, desk.machine)
    again = PROXIMITY | {"adc": {"kind": "iio", "device": "mcp3208", "channel": 0, "scale_mv": 2}}
    with pytest.raises(HardwareError, match=r"converter mcp3208, channel 0 .*two devices"):
        desk.board(proximity=again)


def test_a_closed_board_is_lost_hardware() -> None:
    board = Desk().board()
    board.close()
    board.close()
    for use in (board.refresh, board.flush, board.fileno):
        with pytest.raises(HardwareLost, match="open it again"):
            use()


def test_the_contactor_is_driven_before_the_pilot() -> None:
    desk = Desk()
    board = desk.board()
    board.evses[1].contactor.command(closed=True)
    board.evses[1].pilot.set_duty(0.5)
    board.flush()
    board.evses[1].contactor.command(closed=False)
    board.evses[1].pilot.set_duty(0.0)
    desk.pwm.gone = True
    with pytest.raises(HardwareLost):
        board.flush()
    assert not desk.high(COIL)
    board.close()


def test_an_edge_wakes_the_guard_and_a_refresh_lets_it_rest() -> None:
    desk = Desk()
    board = desk.board(emergency_stop=ESTOP_TABLE)
    assert not readable(board.fileno())
    desk.chip.set_outside(ESTOP, high=True)
    assert readable(board.fileno())
    board.refresh()
    assert not readable(board.fileno())
    board.close()


def test_the_end_of_a_pulse_wakes_the_guard() -> None:
    desk = Desk()
    desk.clock.now_s = time.monotonic() - 10.0  # the kernel's timer runs on the real clock
    board = desk.board(shut_off=SHUT_OFF)
    path = board.evses[1].shut_off
    assert path is not None
    assert not readable(board.fileno())
    path.command(tripped=True)
    board.flush()
    assert readable(board.fileno(), 1.0)
    board.refresh()
    assert not readable(board.fileno())
    board.close()


def test_a_timer_is_armed_moved_and_switched_off() -> None:
    wake = Wake([])
    wake.arm(time.monotonic() + 60.0)
    assert not readable(wake.fileno())
    wake.arm(time.monotonic() - 1.0)
    assert readable(wake.fileno(), 1.0)
    wake.clear()
    assert not readable(wake.fileno())
    wake.arm(time.monotonic() + 0.005)
    wake.arm(None)
    assert not readable(wake.fileno(), 0.02)
    wake.close()


def test_the_pilot_is_cut_off_until_it_is_driven_and_when_the_guard_is_gone() -> None:
    desk = Desk()
    board = desk.board(pilot=PILOT | {"disconnect": line(DISCONNECT, active_low=True)})
    assert not desk.high(DISCONNECT)
    board.evses[1].pilot.set_duty(1.0)
    board.flush()
    assert desk.high(DISCONNECT)
    board.close()
    assert not desk.high(DISCONNECT)


def test_the_pilot_is_not_sampled_for_each_of_many_edges() -> None:
    desk = Desk()
    board = desk.board(emergency_stop=ESTOP_TABLE)
    board.evses[1].pilot.set_duty(1.0)
    board.flush()
    board.refresh()
    taken = desk.converter.readings
    for _ in range(10):
        board.refresh()
    assert desk.converter.readings == taken
    desk.clock.sleep(0.005)
    board.refresh()
    assert desk.converter.readings > taken
    board.close()


def test_a_change_of_the_duty_is_sampled_at_once() -> None:
    desk = Desk()
    board = desk.board()
    for duty, volts in ((1.0, 12.0), (0.0, -12.0)):
        board.evses[1].pilot.set_duty(duty)
        board.flush()
        board.refresh()
        assert board.evses[1].pilot.sample().high_v == pytest.approx(volts, abs=0.2)
    board.close()


# --- the registry


def test_every_safety_line_has_the_backend(tmp_path: Path) -> None:
    for port in registry.LINE_PORTS:
        assert "gpio" in registry.known_backends(port)


def test_a_table_is_judged_before_anything_is_opened(tmp_path: Path) -> None:
    wrong = {"backend": "gpio", "coil": {"chip": "x", "line": 1}}
    with pytest.raises(BackendRefused, match=r"EVSE 1: contactor.mirror is missing"):
        registry.open_safety_board({1: {"pilot": PILOT, "contactor": wrong}}, tmp_path)


def test_real_lines_are_opened_through_the_registry(tmp_path: Path) -> None:
    """On a machine without such a chip that fails in plain words."""
    nowhere = CONTACTOR | {
        "coil": {"chip": "no-such-chip", "line": 1},
        "mirror": {"chip": "no-such-chip", "line": 2},
    }
    tables = {1: {"pilot": PILOT, "contactor": nowhere, "settings": {"phases": 3}}}
    with pytest.raises(HardwareError, match="no GPIO chip 'no-such-chip'"):
        registry.open_safety_board(tables, tmp_path)


def test_two_evses_do_not_share_a_coil() -> None:
    from hal.gpio.assembly import open_board

    desk = Desk()
    tables = {"pilot": PILOT | {"pwm": PWM}, "contactor": CONTACTOR}
    with pytest.raises(HardwareError, match="drives two things"):
        open_board({1: tables, 2: tables}, desk.machine)
