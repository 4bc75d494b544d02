from decimal import Decimal

import pytest

from agent.core.standing_register import MOVING, StandingRegister, watched


def after(course: list[tuple[int, int, int]]) -> StandingRegister:
    """Play (seconds, Wh counted each second, W shown); a reading each second."""
    state, register_wh, now_s = MOVING, Decimal(1000), 0.0
    for seconds, counted_wh, power_w in course:
        for _ in range(seconds):
            register_wh += counted_wh
            state = watched(state, now_s, register_wh, Decimal(power_w))
            now_s += 1
    return state


@pytest.mark.parametrize(
    ("course", "stands"),
    [
        ([(600, 3, 11_000)], False),
        ([(60, 0, 11_000)], False),
        ([(90, 0, 11_000)], True),
        ([(600, 0, 1400)], False),
        ([(700, 0, 1400)], True),
        ([(80, 0, 11_000), (1, 100, 11_000), (80, 0, 11_000)], False),
        ([(3600, 0, 0)], False),
    ],
    ids=str,
)
def test_a_register_stands_still_once_250_wh_should_have_been_counted(
    course: list[tuple[int, int, int]], stands: bool
) -> None:
    assert after(course).stands is stands


def test_a_long_silence_counts_as_a_short_one() -> None:
    state = watched(MOVING, 0.0, Decimal(1000), Decimal(22_000))
    state = watched(state, 86_400.0, Decimal(1000), Decimal(22_000))
    assert not state.stands
