"""The steps of a change between one and three phases."""

import pytest

from hal.guard.phases import PhaseFacts, PhaseStep, PhaseTrack, advance, unknown

SETTLED, STOPPING, RESTING = PhaseStep


@pytest.mark.parametrize(
    ("track", "facts", "expected", "select"),
    [
        # (selected, step), (wanted, proven open, rested), (selected, step), what is selected now
        ((3, SETTLED), (3, True, True), (3, SETTLED), None),
        ((3, SETTLED), (1, False, False), (3, STOPPING), None),
        ((3, SETTLED), (1, True, False), (1, RESTING), 1),
        ((3, SETTLED), (1, True, True), (1, SETTLED), 1),
        ((3, STOPPING), (3, False, False), (3, SETTLED), None),
        ((3, STOPPING), (1, False, True), (3, STOPPING), None),
        ((3, STOPPING), (1, True, False), (1, RESTING), 1),
        ((1, RESTING), (1, True, False), (1, RESTING), None),
        ((1, RESTING), (1, True, True), (1, SETTLED), None),
        ((1, RESTING), (3, True, False), (3, RESTING), 3),
        ((1, RESTING), (3, False, False), (1, STOPPING), None),
        ((None, STOPPING), (3, False, True), (None, STOPPING), None),
        ((None, STOPPING), (3, True, False), (3, RESTING), 3),
    ],
)
def test_a_step_ends_as_the_table_says(
    track: tuple[int | None, PhaseStep],
    facts: tuple[int, bool, bool],
    expected: tuple[int | None, PhaseStep],
    select: int | None,
) -> None:
    advanced = advance(PhaseTrack(*track), PhaseFacts(*facts))
    assert advanced.track == PhaseTrack(*expected)
    assert advanced.select == select


@pytest.mark.parametrize("step", PhaseStep)
@pytest.mark.parametrize("selected", [None, 1, 3])
@pytest.mark.parametrize("wanted", [1, 3])
@pytest.mark.parametrize("rested", [False, True])
def test_nothing_is_selected_before_the_contactor_is_proven_open(
    step: PhaseStep, selected: int | None, wanted: int, rested: bool
) -> None:
    facts = PhaseFacts(wanted, proven_open=False, rested=rested)
    assert advance(PhaseTrack(selected, step), facts).select is None


def test_there_is_no_offer_until_a_change_is_settled() -> None:
    assert unknown().under_way
    assert PhaseTrack(3, RESTING).under_way
    assert not PhaseTrack(3).under_way
