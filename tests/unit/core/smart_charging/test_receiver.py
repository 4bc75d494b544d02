"""What relays ask for: their meaning, what means nothing, and what bounces."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from agent.core.smart_charging.outside import LimitOrigin, LimitSource
from agent.core.smart_charging.receiver import (
    Amount,
    ReceiverRule,
    Settling,
    Signal,
    demand,
    settle,
)
from agent.core.vocabulary import RateUnit

K1, K2 = frozenset({"k1"}), frozenset({"k2"})
OFF: frozenset[str] = frozenset()
ORIGIN = LimitOrigin(2, LimitSource.SO)
RULE = ReceiverRule(
    id="grid",
    origin=ORIGIN,
    meanings={OFF: None, K1: Amount(Decimal(4200), RateUnit.WATT), K2: Amount(Decimal(0))},
    fail_safe=Amount(Decimal(6)),
    grid_critical=False,
)


def test_relays_mean_a_limit_in_the_name_of_their_source() -> None:
    asked = demand(RULE, Signal(K1))
    assert asked.limit is not None
    assert (asked.limit.origin, asked.limit.limit, asked.limit.unit) == (
        ORIGIN,
        Decimal(4200),
        RateUnit.WATT,
    )
    assert (asked.limit.grid_critical, asked.failed, asked.sentence) == (False, False, "k1 is on")


def test_no_limit_is_something_else_than_a_limit_of_0() -> None:
    assert demand(RULE, Signal(OFF)).limit is None
    zero = demand(RULE, Signal(K2)).limit
    assert zero is not None
    assert zero.limit == 0


def test_what_means_nothing_or_cannot_be_read_is_the_fail_safe_limit() -> None:
    for signal, words in (
        (Signal(K1 | K2), "k1 and k2 are on, which means nothing; its fail-safe limit holds"),
        (Signal(trouble="torn off"), "cannot be read: torn off; its fail-safe limit holds"),
    ):
        asked = demand(RULE, signal)
        assert asked.limit is not None
        assert asked.limit.limit == 6
        assert (asked.failed, asked.sentence) == (True, words)


def test_the_first_signal_counts_at_once_and_each_other_once_it_has_lasted() -> None:
    state = settle(None, Signal(K1), 100.0, 0.5)
    assert state.counts == Signal(K1)
    for at_s, seen, counts in (
        (100.25, OFF, K1),
        (100.5, OFF, K1),
        (100.75, OFF, OFF),
        (101.0, K1, OFF),
        (101.25, K2, OFF),
        (101.5, K2, OFF),
        (101.75, K2, K2),
    ):
        state = settle(state, Signal(seen), at_s, 0.5)
        assert state.counts == Signal(counts), at_s


def test_a_relay_that_bounces_back_begins_anew() -> None:
    state = settle(None, Signal(OFF), 0.0, 0.3)
    for step in range(1, 100):
        state = settle(state, Signal(K1 if step % 2 else OFF), step * 0.2, 0.3)
        assert state.counts == Signal(OFF)


def test_a_short_trouble_is_no_trouble_and_its_words_may_change() -> None:
    state = settle(None, Signal(K1), 0.0, 0.3)
    state = settle(state, Signal(trouble="one"), 0.1, 0.3)
    assert state.counts == Signal(K1)
    state = settle(state, Signal(trouble="another"), 0.4, 0.3)
    assert state.counts == Signal(trouble="another")
    state = settle(state, Signal(trouble="a third"), 0.5, 0.3)
    assert state.counts == Signal(trouble="a third")


signals = st.sampled_from([Signal(OFF), Signal(K1), Signal(K2), Signal(trouble="no answer")])


@given(st.lists(st.tuples(st.integers(1, 5), signals), min_size=1, max_size=40))
def test_only_what_lasted_counts_and_what_lasts_counts(seen: list[tuple[int, Signal]]) -> None:
    """Compare with the obvious rule: of the runs of equal signals the last one of full length."""
    state: Settling | None = None
    at = since = 0
    run = expected = seen[0][1]
    for number, (ticks, signal) in enumerate(seen):
        at += ticks
        if signal != run or number == 0:
            run, since = signal, at
        if number == 0 or at - since >= 3:
            expected = run
        state = settle(state, signal, at / 10, 0.299)
        assert state.counts == expected
