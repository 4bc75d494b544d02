"""The second shut-off path and the edges for a hardware monostable."""

from itertools import pairwise

import pytest

from hal.api import HardwareError
from hal.gpio.assembly import open_board
from tests.unit.hal.gpio.desk import (
    COIL,
    COIL_2,
    CONTACTOR,
    HEART,
    MIRROR_2,
    PILOT,
    PWM,
    SHUNT,
    SHUT_OFF,
    Desk,
    line,
)


def test_a_shunt_trip_gets_one_pulse_for_each_cut() -> None:
    desk = Desk()
    board = desk.board(shut_off=SHUT_OFF | {"pulse_ms": 200})
    path = board.evses[1].shut_off
    assert path is not None
    pulses: list[float] = []
    desk.chip.watchers.append(
        lambda offset, _: pulses.append(desk.clock.now_s) if offset == SHUNT else None
    )
    desk.run(0.1, board)
    for tripped in (True, False, True):
        path.command(tripped=tripped)
        desk.run(0.5, board, step_s=0.005)
        path.command(tripped=tripped)
    on_1, off_1, on_2, off_2 = pulses
    assert off_1 - on_1 == pytest.approx(0.2, abs=0.011)
    assert off_2 - on_2 == pytest.approx(0.2, abs=0.011)
    board.close()


def test_a_guard_that_says_cut_in_every_tick_makes_one_pulse() -> None:
    desk = Desk()
    board = desk.board(shut_off=SHUT_OFF | {"pulse_ms": 200})
    path = board.evses[1].shut_off
    assert path is not None
    pulses: list[float] = []
    desk.chip.watchers.append(
        lambda offset, _: pulses.append(desk.clock.now_s) if offset == SHUNT else None
    )
    for _ in range(100):
        path.command(tripped=True)
        desk.run(0.02, board)
    on_s, off_s = pulses
    assert off_s - on_s == pytest.approx(0.2, abs=0.041)
    board.close()


def test_a_pulse_under_way_is_finished_while_the_board_closes() -> None:
    desk = Desk()
    board = desk.board(shut_off=SHUT_OFF | {"pulse_ms": 300})
    path = board.evses[1].shut_off
    assert path is not None
    moves: list[tuple[float, int, bool]] = []
    desk.chip.watchers.append(lambda offset, high: moves.append((desk.clock.now_s, offset, high)))
    board.evses[1].contactor.command(closed=True)
    path.command(tripped=True)
    board.flush()
    board.close()
    (_, coil, _), (on_s, trip, _), (open_s, opened, high), (off_s, ended, _) = moves
    assert (coil, trip, opened, ended) == (COIL, SHUNT, COIL, SHUNT)
    assert not high
    assert open_s - on_s < 0.01
    assert off_s - on_s == pytest.approx(0.3, abs=0.01)


def test_a_series_relay_is_closed_only_while_a_guard_says_so() -> None:
    desk = Desk()
    table = {"backend": "gpio", "kind": "series_relay", "output": line(SHUNT)}
    board = desk.board(shut_off=table)
    path = board.evses[1].shut_off
    assert path is not None
    assert not desk.high(SHUNT)
    path.command(tripped=False)
    board.flush()
    assert desk.high(SHUNT)
    path.command(tripped=True)
    board.flush()
    assert not desk.high(SHUNT)
    path.command(tripped=False)
    board.flush()
    board.close()
    assert not desk.high(SHUNT)


def _two_evses(output: dict[str, object], **other: object) -> dict[int, dict[str, object]]:
    """Return the tables of two EVSEs that name the same line for their second shut-off."""
    path = {"backend": "gpio", "output": output}
    second = {
        "pilot": {"backend": "gpio", "pwm": PWM | {"channel": 1}, "adc": _adc(3)},
        "contactor": {"backend": "gpio", "coil": line(COIL_2), "mirror": line(MIRROR_2)},
        "shut_off": path | {"kind": "shunt_trip"} | other,
    }
    first = {"pilot": PILOT, "contactor": CONTACTOR, "shut_off": second["shut_off"]}
    return {1: first, 2: second}


def test_one_shunt_trip_may_cut_two_evses() -> None:
    desk = Desk()
    board = open_board(_two_evses(line(SHUNT)), desk.machine)
    paths = [board.evses[evse].shut_off for evse in (1, 2)]
    for path, tripped in zip(paths, (True, False), strict=True):
        assert path is not None
        path.command(tripped=tripped)
    board.flush()
    assert desk.high(SHUNT)
    board.close()


def test_a_series_relay_is_not_shared_because_one_evse_would_keep_it_closed() -> None:
    desk = Desk()
    tables = _two_evses(line(SHUNT), kind="series_relay")
    with pytest.raises(HardwareError, match=rf"line {SHUNT} .*drives two things"):
        open_board(tables, desk.machine)


def test_a_shut_off_is_no_coil() -> None:
    desk = Desk()
    for kind in ("shunt_trip", "series_relay"):
        with pytest.raises(HardwareError, match=rf"line {COIL} .*drives two things"):
            desk.board(shut_off={"backend": "gpio", "kind": kind, "output": line(COIL)})


def test_the_monostable_sees_edges_while_the_guard_flushes_and_none_after_that() -> None:
    desk = Desk()
    board = desk.board(contactor=CONTACTOR | {"monostable": line(HEART)})
    rises: list[float] = []
    desk.chip.watchers.append(
        lambda offset, high: rises.append(desk.clock.now_s) if offset == HEART and high else None
    )
    desk.run(1.0, board)
    gaps = [later - earlier for earlier, later in pairwise(rises)]
    assert len(rises) >= 10
    assert max(gaps) <= 0.1
    count = len(rises)
    for _ in range(50):  # a guard that refreshes but no longer decides and drives
        desk.clock.sleep(0.02)
        board.refresh()
    assert len(rises) == count
    board.close()
    assert not desk.high(HEART)


def test_one_monostable_may_enable_the_coils_of_two_evses() -> None:
    desk = Desk()
    first = {
        "pilot": {"backend": "gpio", "pwm": {"device": "fe20c000.pwm"}, "adc": _adc()},
        "contactor": CONTACTOR | {"monostable": line(HEART)},
    }
    second = {
        "pilot": {
            "backend": "gpio",
            "pwm": {"device": "fe20c000.pwm", "channel": 1},
            "adc": _adc(3),
        },
        "contactor": {
            "backend": "gpio",
            "coil": line(2),
            "mirror": line(3),
            "monostable": line(HEART),
        },
    }
    board = open_board({1: first, 2: second}, desk.machine)
    seen: list[bool] = []
    for _ in range(20):
        desk.clock.sleep(0.041)
        board.flush()
        seen.append(desk.high(HEART))
    assert seen == [True, False] * 10
    board.close()


def _adc(channel: int = 0) -> dict[str, object]:
    points = [[0.3, -12.0], [2.7, 12.0]]
    return {"kind": "iio", "device": "mcp3208", "channel": channel, "calibration": points}
