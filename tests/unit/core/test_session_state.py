from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.metering import Reading
from agent.core.session import idle_state
from agent.core.session_state import Deadlines, Moment, Step


@pytest.mark.parametrize(
    ("deadlines", "earliest_s"),
    [
        (Deadlines(), None),
        (Deadlines(connect_s=3.0), 3.0),
        (Deadlines(sample_s=0.0, ended_sample_s=2.0), 0.0),
        (Deadlines(connect_s=4.0, sample_s=3.0, ended_sample_s=2.0, ending_s=1.0), 1.0),
    ],
)
def test_the_earliest_deadline_is_the_next_one(
    deadlines: Deadlines, earliest_s: float | None
) -> None:
    assert deadlines.earliest_s() == earliest_s


def test_an_offer_is_what_the_limit_means_at_this_evse() -> None:
    moment = Moment(
        at=datetime(2025, 5, 17, tzinfo=UTC),
        now_s=1.0,
        reading=Reading(Decimal(0)),
        fresh_id="x",
        phases=1,
        nominal_voltage_v=240,
    )

    assert moment.offer(Decimal(10)).power_w == 2400


@pytest.mark.requirement("B11.FR.02", "G03.FR.08", "S16-STAT-06")
@pytest.mark.parametrize("operative", [False, True])
def test_an_evse_that_was_never_used_is_idle(*, operative: bool) -> None:
    state = idle_state(2, operative=operative)

    assert state.evse == 2
    assert state.snapshot.operative == operative
    assert state.transaction is None
    assert state.authorization is None
    assert not state.snapshot.offered
    assert Step() == Step((), None, None)
