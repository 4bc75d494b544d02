from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.session import idle_state
from agent.core.session_state import Authorization, Cause, SessionState, Transaction
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import AuthorizedBy, IdToken, TriggerReason
from agent.services.lease import lease_for

DRIVER = Authorization(IdToken("04A2B3C4"), AuthorizedBy.CSMS)
RUNNING = Transaction("t", datetime(2026, 3, 2, tzinfo=UTC), Decimal(0))
ENDING = replace(RUNNING, ending=Cause(TriggerReason.DEAUTHORIZED))


def state(transaction: Transaction | None = None, **facts: bool) -> SessionState:
    snapshot = EvseSnapshot(in_transaction=transaction is not None, **facts)
    return replace(idle_state(1), snapshot=snapshot, transaction=transaction)


@pytest.mark.parametrize(
    ("situation", "locked"),
    [
        (state(), False),
        (state(plugged_in=True), False),
        (state(authorized=True), False),
        (state(plugged_in=True, authorized=True), True),
        (state(RUNNING, plugged_in=True, authorized=True), True),
        (state(RUNNING, plugged_in=True), False),
        (state(ENDING, plugged_in=True), True),
        (state(ENDING), False),
        (replace(state(), cable_keeper=DRIVER), True),
    ],
)
@pytest.mark.requirement("E06.FR.10", "E07.FR.07")
def test_the_cable_is_locked_for_whom_it_is_used_or_kept(
    situation: SessionState, locked: bool
) -> None:
    assert lease_for(situation, lockable=True).lock is locked
    assert not lease_for(situation, lockable=False).lock
