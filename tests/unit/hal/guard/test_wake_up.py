"""The steps of the one wake-up of a plug-in."""

import pytest

from hal.guard.wake_up import WakeUpFacts, WakeUpStep, WakeUpTrack

WATCHING, STATE_F, STEADY, DONE = WakeUpStep


@pytest.mark.parametrize(
    ("step", "lasted_s", "happens", "expected"),
    [
        (WATCHING, 99.0, "", WATCHING),
        (WATCHING, 0.0, "asleep", STATE_F),
        (STATE_F, 3.99, "", STATE_F),
        (STATE_F, 4.0, "", STEADY),
        (STATE_F, 1.0, "interrupted", DONE),
        (STEADY, 0.74, "", STEADY),
        (STEADY, 0.75, "", DONE),
        (STEADY, 0.1, "interrupted", DONE),
        (STEADY, 0.1, "gone", WATCHING),
        (DONE, 99.0, "asleep", DONE),
        (DONE, 0.0, "interrupted", DONE),
        (DONE, 0.0, "gone", WATCHING),
    ],
)
def test_a_step_ends_as_the_table_says(
    step: WakeUpStep, lasted_s: float, happens: str, expected: WakeUpStep
) -> None:
    facts = WakeUpFacts(happens == "asleep", happens == "gone", happens == "interrupted", 4.0)
    before = WakeUpTrack(step, 100.0)
    after = before.advance(facts, 100.0 + lasted_s)
    assert after.step is expected
    assert after is before if step is expected else after.since_s == 100.0 + lasted_s


def test_the_pilot_belongs_to_the_wake_up_only_while_it_lasts() -> None:
    assert [WakeUpTrack(step).under_way for step in WakeUpStep] == [False, True, True, False]
