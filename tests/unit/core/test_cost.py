"""When a running cost's triggers are passed, and how a cost is shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.cost import HYSTERESIS, Measured, MeterTriggers, shown_cost, watched
from agent.core.vocabulary import ChargingState

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
POWERS = st.decimals(0, 22_000, places=1)


def measured(
    second: float = 0,
    register_wh: float = 0,
    power_w: Decimal | None = None,
    state: ChargingState = ChargingState.CHARGING,
) -> Measured:
    at = NOON + timedelta(seconds=second)
    return Measured(at, Decimal(str(register_wh)), power_w, state)


def passes(triggers: MeterTriggers, *looks: Measured) -> list[bool]:
    """Return at which looks after the first one a trigger was passed."""
    watch, found = watched(triggers, looks[0]), []
    for look in looks[1:]:
        watch, passed = watch.seen(look)
        found.append(passed)
    return found


def test_an_instant_is_passed_once() -> None:
    looks = [measured(second) for second in (0, 9, 10, 11, 12)]
    triggers = MeterTriggers(at=NOON + timedelta(seconds=10))
    assert passes(triggers, *looks) == [False, True, False, False]


def test_a_register_is_passed_once_also_in_a_leap() -> None:
    looks = [measured(register_wh=wh) for wh in (0, 4999.9, 5001, 5002)]
    assert passes(MeterTriggers(register_wh=Decimal(5000)), *looks) == [False, True, False]


@pytest.mark.parametrize(
    "triggers",
    [
        MeterTriggers(),
        MeterTriggers(at=NOON),
        MeterTriggers(register_wh=Decimal(100)),
        MeterTriggers(states=frozenset({ChargingState.CHARGING})),
    ],
)
def test_what_was_passed_when_it_was_named_is_no_news(triggers: MeterTriggers) -> None:
    looks = [measured(second, 100 + second, Decimal(5000)) for second in range(5)]
    assert passes(triggers, *looks) == [False] * 4


def test_a_state_is_news_each_time_it_is_entered() -> None:
    paused, charging = ChargingState.SUSPENDED_EV, ChargingState.CHARGING
    looks = [measured(state=state) for state in (charging, paused, paused, charging, paused)]
    triggers = MeterTriggers(states=frozenset({paused}))
    assert passes(triggers, *looks) == [True, False, False, True]


def test_a_power_is_passed_in_both_directions_and_not_while_nobody_knows_it() -> None:
    powers = (None, 9_000, None, 11_000, 10_100, 9_900, 9_000, 10_400, 11_000)
    looks = [measured(power_w=None if p is None else Decimal(p)) for p in powers]
    found = passes(MeterTriggers(power_w=Decimal(10_000)), *looks)
    assert found == [False, False, True, False, False, True, False, True]


@given(st.decimals(1, 22_000, places=1), st.lists(POWERS, min_size=2, max_size=30))
def test_noise_at_a_power_is_never_told(threshold_w: Decimal, powers: list[Decimal]) -> None:
    margin_w = threshold_w * HYSTERESIS
    near = [max(threshold_w - margin_w + 1, min(threshold_w + margin_w - 1, p)) for p in powers]
    if margin_w > 1:
        looks = [measured(power_w=p) for p in near]
        assert not any(passes(MeterTriggers(power_w=threshold_w), *looks))


@given(st.decimals(1, 22_000, places=1), st.lists(POWERS, min_size=2, max_size=30))
def test_a_power_is_passed_up_and_down_in_turns(
    threshold_w: Decimal, powers: list[Decimal]
) -> None:
    """At every passing the power is really on the other side of what it was at the one before."""
    looks = [measured(power_w=p) for p in powers]
    found = passes(MeterTriggers(power_w=threshold_w), *looks)
    sides = [powers[0] >= threshold_w]
    sides += [p >= threshold_w for p, passed in zip(powers[1:], found, strict=True) if passed]
    assert all(one is not other for one, other in pairwise(sides))


def test_a_register_that_is_not_known_yet_is_no_fall() -> None:
    looks = [measured(register_wh=wh) for wh in (5000, 0, 5001, 6000)]
    assert passes(MeterTriggers(register_wh=Decimal(4000)), *looks) == [False, False, False]
    assert passes(MeterTriggers(register_wh=Decimal(5500)), *looks) == [False, False, True]


# --- How a cost is shown.


@pytest.mark.parametrize(
    ("cost", "decimals", "shown"),
    [
        ("1.5", 2, "1.50"),
        ("1.005", 2, "1.01"),
        ("1.0049999999", 2, "1.00"),
        ("0.125", 2, "0.13"),
        ("2.5", 0, "3"),
        ("0.5", 0, "1"),
        ("9.995", 2, "10.00"),
        ("-1.005", 2, "-1.01"),
        ("-0.001", 2, "0.00"),
        ("0", 3, "0.000"),
        ("1000000000", 9, "1000000000.000000000"),
        ("123456789012345678901234567890.5", 0, "123456789012345678901234567891"),
        ("1E+3", 2, "1000.00"),
    ],
)
def test_a_cost_is_shown_rounded_half_up(cost: str, decimals: int, shown: str) -> None:
    assert shown_cost(Decimal(cost), decimals) == shown


@given(st.decimals(-(10**9), 10**9, places=9), st.integers(0, 9))
def test_what_is_shown_is_never_further_from_the_cost_than_half_its_last_digit(
    cost: Decimal, decimals: int
) -> None:
    shown = shown_cost(cost, decimals)

    assert abs(Decimal(shown) - cost) * 2 <= Decimal(1).scaleb(-decimals)
    assert len(shown.partition(".")[2]) == decimals
