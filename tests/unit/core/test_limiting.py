from decimal import Decimal

import pytest

from agent.core.limiting import grants_other, limited
from agent.core.session import idle_state
from agent.core.session_state import CeilingChanged, LimitChanged, SessionState
from agent.core.vocabulary import ChargingState, TransactionPhase, TriggerReason
from tests.unit.core.session_rig import Rig


def after(*stimuli: LimitChanged | CeilingChanged) -> SessionState:
    state = idle_state(1)
    for stimulus in stimuli:
        state = limited(state, stimulus)
    return state


def told(limit_a: int, phases: int | None = None) -> LimitChanged:
    return LimitChanged(Decimal(limit_a), phases=phases)


def ceiling(limit_a: int | None) -> CeilingChanged:
    return CeilingChanged(None if limit_a is None else Decimal(limit_a))


@pytest.mark.parametrize(
    ("stimuli", "granted_a"),
    [
        ((told(25),), 25),
        ((told(25), ceiling(10)), 10),
        ((ceiling(10), told(25)), 10),
        ((told(25), ceiling(10), told(8)), 8),
        ((told(25), ceiling(10), told(10), ceiling(None)), 10),
        ((told(25), ceiling(10), ceiling(None)), 25),
    ],
    ids=str,
)
def test_the_lower_of_both_is_granted_whoever_comes_first(
    stimuli: tuple[LimitChanged | CeilingChanged, ...], granted_a: int
) -> None:
    assert after(*stimuli).granted_a == granted_a


def test_other_phases_are_another_grant_and_an_idle_ceiling_is_none() -> None:
    before = after(told(16))
    assert grants_other(before, after(told(16, phases=1)))
    assert grants_other(before, after(told(16), ceiling(10)))
    assert not grants_other(before, after(told(16), ceiling(20)))


def test_a_ceiling_below_6_a_suspends_and_what_was_told_holds_again_afterwards() -> None:
    rig = Rig()
    rig.charge()
    before = len(rig.events)
    rig.do(ceiling(0))
    assert not rig.state.snapshot.offered
    assert rig.events[-1].charging_state is ChargingState.SUSPENDED_EVSE
    rig.do(ceiling(None))
    assert rig.state.snapshot.offered
    assert rig.state.granted_a == rig.limit_a
    first, *_ = rig.told_since(before)
    assert first == (TransactionPhase.UPDATED, TriggerReason.CHARGING_RATE_CHANGED)
