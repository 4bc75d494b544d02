"""When a card counts as presented."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.serial.presence import Presence, Verdict

ONE, OTHER = b"one", b"other"
both_kinds = pytest.mark.parametrize("is_polled", [True, False])


@both_kinds
def test_a_card_that_stays_is_presented_once(is_polled: bool) -> None:
    presence = Presence(1.5, is_polled=is_polled)
    verdicts = [presence.seen(ONE, second * 0.5) for second in range(7200)]
    assert verdicts[0] is Verdict.PRESENTED
    assert set(verdicts[1:]) == {Verdict.STILL_THERE}


def test_a_card_that_was_away_long_enough_is_presented_again() -> None:
    presence = Presence(1.5, is_polled=False)
    assert presence.seen(ONE, 0) is Verdict.PRESENTED
    assert presence.seen(ONE, 1.4) is Verdict.STILL_THERE
    assert presence.seen(ONE, 2.9) is Verdict.PRESENTED


def test_a_polled_card_is_away_only_as_long_as_the_reader_says_so() -> None:
    presence = Presence(1.5, is_polled=True)
    assert presence.seen(ONE, 0) is Verdict.PRESENTED
    # The reader was silent for an hour: that says nothing of the card.
    assert presence.seen(ONE, 3600) is Verdict.STILL_THERE
    presence.nothing(3601)
    assert presence.seen(ONE, 3603) is Verdict.STILL_THERE
    presence.nothing(3604)
    presence.nothing(3605)
    presence.nothing(3605.5)
    assert presence.seen(ONE, 3605.6) is Verdict.PRESENTED


@both_kinds
def test_another_card_is_refused_once_while_one_is_there_and_taken_when_it_is_gone(
    is_polled: bool,
) -> None:
    presence = Presence(1.5, is_polled=is_polled)
    assert presence.seen(ONE, 0) is Verdict.PRESENTED
    verdicts = [presence.seen(OTHER, second / 10) for second in range(1, 14)]
    assert verdicts[0] is Verdict.ANOTHER_CARD
    assert set(verdicts[1:]) == {Verdict.STILL_THERE}
    assert presence.seen(OTHER, 1.7) is Verdict.PRESENTED


@both_kinds
def test_two_cards_that_are_read_in_turn_are_one_presentation(is_polled: bool) -> None:
    presence = Presence(1.5, is_polled=is_polled)
    verdicts = [presence.seen((ONE, OTHER)[n % 2], n * 0.2) for n in range(100)]
    assert verdicts.count(Verdict.PRESENTED) == 1
    assert verdicts.count(Verdict.ANOTHER_CARD) == 1


@both_kinds
def test_a_collision_presents_nobody_and_is_told_once(is_polled: bool) -> None:
    presence = Presence(1.5, is_polled=is_polled)
    assert presence.collision(0) is Verdict.ANOTHER_CARD
    assert presence.collision(0.5) is Verdict.STILL_THERE
    assert presence.seen(ONE, 0.7) is Verdict.PRESENTED


def test_a_collision_with_the_card_that_is_there_does_not_end_its_presence() -> None:
    presence = Presence(1.5, is_polled=True)
    presence.seen(ONE, 0)
    for tenth in range(1, 40):
        presence.collision(tenth / 10)
    assert presence.seen(ONE, 4.0) is Verdict.STILL_THERE


@both_kinds
def test_a_reader_out_of_reach_has_not_seen_its_card_leave(is_polled: bool) -> None:
    presence = Presence(1.5, is_polled=is_polled)
    presence.seen(ONE, 0)
    presence.blind(60)
    assert presence.seen(ONE, 61) is Verdict.STILL_THERE


@both_kinds
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([ONE, OTHER, None]), st.floats(0, 3, allow_nan=False)),
        max_size=60,
    )
)
def test_no_card_is_presented_twice_within_the_time_of_absence(
    is_polled: bool, steps: list[tuple[bytes | None, float]]
) -> None:
    presence, now_s, presented = Presence(1.5, is_polled=is_polled), 0.0, list[float]()
    for card, wait_s in steps:
        now_s += wait_s
        if card is None:
            presence.nothing(now_s)
        elif presence.seen(card, now_s) is Verdict.PRESENTED:
            presented.append(now_s)
    assert all(later - sooner >= 1.5 for sooner, later in pairwise(presented))
