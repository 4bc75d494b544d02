"""Every sentence of the timing table, in virtual time, at the pace of the guard's loop."""

import pytest

from hal.guard.loop import PENDING_TICK_S
from tests.unit.hal.guard.rig import TICK_S, Rig
from tests.unit.hal.guard.timing_table import ROWS, Row

# An edge wakes the loop at once; without one the next tick finds what has changed.
FIRST_LOOKS_S = (0.001, TICK_S)
# Far from the times that count the steps may be longer than the loop's. What must never happen
# counts from the beginning: it is what is done at once that would show it.
FAR_S = 2.0
NEVER_S = 5.0
FAR_STEP_S = 0.5
CASES = [pytest.param(row, id=f"{table}: {row.sentence}") for table, row in ROWS]


def follow(rig: Rig, row: Row, first_look_s: float) -> float | None:
    """Return after how long it followed, None if it did not within the row's time."""
    row.when(rig)
    start_s, limit_s = rig.now_s, row.latest_s or row.never_s or 0.0
    rig.step(first_look_s)
    while not row.then(rig):
        elapsed_s = rig.now_s - start_s
        if elapsed_s > limit_s:
            return None
        if row.never_s is None:
            left_s = row.earliest_s - elapsed_s
        else:
            left_s = 0.0 if elapsed_s < NEVER_S else row.never_s - elapsed_s
        rig.step(pace_s(rig, left_s))
    return rig.now_s - start_s


def pace_s(rig: Rig, remaining_s: float) -> float:
    if rig.last.pending:
        return PENDING_TICK_S
    return FAR_STEP_S if remaining_s > FAR_S else TICK_S


@pytest.mark.parametrize("first_look_s", FIRST_LOOKS_S)
@pytest.mark.parametrize("row", CASES)
def test_the_timing_table_holds(row: Row, first_look_s: float) -> None:
    after_s = follow(row.given(), row, first_look_s)
    if row.never_s is not None:
        assert after_s is None, f"{row.sentence} ({row.source}): after {after_s:.3f} s"
        return
    assert row.latest_s is not None
    assert after_s is not None, f"{row.sentence} ({row.source}): not within {row.latest_s} s"
    assert after_s >= row.earliest_s - 1e-6, f"{row.sentence} ({row.source}): {after_s:.3f} s"
    assert after_s <= row.latest_s + 1e-6, f"{row.sentence} ({row.source}): {after_s:.3f} s"


def test_each_sentence_names_its_source_and_one_kind_of_time() -> None:
    for _, row in ROWS:
        assert row.source, row.sentence
        assert (row.latest_s is None) is not (row.never_s is None), row.sentence
