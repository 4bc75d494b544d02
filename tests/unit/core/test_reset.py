import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commands import Refusal, Reset, Verdict
from agent.core.reset import STATION, EvseUse, due, judged
from agent.core.vocabulary import ResetKind

FREE, BUSY = EvseUse(busy=False, may_be_reset=True), EvseUse(busy=True, may_be_reset=True)
FIXED = EvseUse(busy=False, may_be_reset=False)
OBSTACLE = Refusal("FwUpdateInProgress", "an update is being installed")
uses = st.dictionaries(
    st.integers(1, 4), st.builds(EvseUse, busy=st.booleans(), may_be_reset=st.booleans())
)
obstacles = st.sampled_from([None, OBSTACLE])


@pytest.mark.requirement(
    *("B11.FR.06", "B11.FR.07", "B11.FR.09", "B12.FR.01", "B12.FR.02", "B12.FR.09", "B12.FR.10")
)
@pytest.mark.parametrize(
    ("kind", "evse", "obstacle", "verdict"),
    [
        (ResetKind.IMMEDIATE, None, None, Verdict.ACCEPTED),
        (ResetKind.ON_IDLE, None, None, Verdict.SCHEDULED),
        (ResetKind.GRACEFUL, None, None, Verdict.ACCEPTED),
        (ResetKind.IMMEDIATE, None, OBSTACLE, Verdict.REJECTED),
        (ResetKind.ON_IDLE, None, OBSTACLE, Verdict.SCHEDULED),
        (ResetKind.GRACEFUL, None, OBSTACLE, Verdict.REJECTED),
        (ResetKind.IMMEDIATE, 1, OBSTACLE, Verdict.ACCEPTED),
        (ResetKind.ON_IDLE, 1, None, Verdict.SCHEDULED),
        (ResetKind.ON_IDLE, 2, None, Verdict.ACCEPTED),
        (ResetKind.IMMEDIATE, 3, None, Verdict.REJECTED),
        (ResetKind.IMMEDIATE, 9, None, Verdict.REJECTED),
    ],
)
def test_what_becomes_of_an_order(
    kind: ResetKind, evse: int | None, obstacle: Refusal | None, verdict: Verdict
) -> None:
    outcome = judged(Reset(kind, evse), {1: BUSY, 2: FREE, 3: FIXED}, obstacle)
    assert outcome.verdict is verdict
    assert (outcome.refusal is not None) is (verdict is Verdict.REJECTED)


def test_an_idle_station_is_reset_on_idle_at_once() -> None:
    assert judged(Reset(ResetKind.ON_IDLE), {1: FREE}, None).verdict is Verdict.ACCEPTED


@pytest.mark.requirement("B12.FR.03", "B12.FR.07")
@given(pending=st.frozensets(st.integers(0, 4)), uses=uses, obstacle=obstacles)
def test_a_scheduled_reset_is_due_when_nobody_is_disturbed(
    pending: frozenset[int], uses: dict[int, EvseUse], obstacle: Refusal | None
) -> None:
    places = due(pending, uses, obstacle)
    assert places <= pending
    if STATION in places:
        assert places == {STATION}
        assert obstacle is None
        assert not any(use.busy for use in uses.values())
    assert not any(uses[place].busy for place in places - {STATION})


@given(uses=uses, obstacle=obstacles)
def test_what_was_scheduled_is_not_due_at_that_moment(
    uses: dict[int, EvseUse], obstacle: Refusal | None
) -> None:
    for place in (None, *uses):
        outcome = judged(Reset(ResetKind.ON_IDLE, place), uses, obstacle)
        pending = frozenset({STATION if place is None else place})
        scheduled = outcome.verdict is Verdict.SCHEDULED
        assert not scheduled or due(pending, uses, obstacle) == frozenset()
