"""What stimuli change is told by the sessions' tests; here is what is left."""

import pytest

from agent.core.session_facts import STATE_CHANGED, SessionFacts
from agent.core.session_state import Elapsed, SessionPolicy, due
from tests.unit.core.session_rig import Rig


def test_time_alone_is_no_cause() -> None:
    rig = Rig()
    facts = SessionFacts(rig.state, SessionPolicy())

    assert facts.absorb(Elapsed(), rig.moment()) == STATE_CHANGED
    assert facts.state == rig.state


@pytest.mark.parametrize(
    ("deadline_s", "expected"), [(None, False), (999.0, True), (1000.0, True), (1000.1, False)]
)
def test_a_deadline_is_due_at_its_instant(deadline_s: float | None, *, expected: bool) -> None:
    assert due(deadline_s, Rig().moment()) == expected
