from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.session import idle_state
from agent.core.session_state import Authorization, Cause, SessionState, Transaction
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import AuthorizedBy, IdToken, TriggerReason
from agent.services.evse_ports import EvseDescription
from agent.services.lease import lease_for, withdraws
from hal.api import GuardStatus, Lease, LeaseState, PilotMode, PilotState

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


SWITCHING = EvseDescription(1, phase_switching=True, usual_phases=3)
ONE_PHASE = EvseDescription(1, phases=1, usual_phases=1)
SPARING = EvseDescription(1, phase_switching=True, usual_phases=1)
CHOOSING = replace(SWITCHING, phase_choice=True)


@pytest.mark.parametrize(
    ("description", "wanted", "phases"),
    [
        (EvseDescription(1), None, 3),
        (EvseDescription(1), 1, 3),
        (ONE_PHASE, 3, 1),
        (SWITCHING, None, 3),
        (SWITCHING, 1, 1),
        (SPARING, None, 1),
        (SPARING, 3, 3),
    ],
)
def test_phases_are_chosen_only_where_they_can_be_switched(
    description: EvseDescription, wanted: int | None, phases: int
) -> None:
    situation = replace(state(offered=True), wanted_phases=wanted)
    assert description.phases_for(situation) == phases
    lease = lease_for(situation, lockable=False, phases=description.phases_for(situation))
    assert (lease.mode, lease.phases) == (PilotMode.OFFER, phases)


@pytest.mark.requirement("K01.FR.46", "K01.FR.47")
@pytest.mark.parametrize(
    ("description", "wanted", "lease"),
    [
        (CHOOSING, (None, None), (3, 1)),
        (CHOOSING, (1, None), (1, 1)),
        (CHOOSING, (1, 2), (1, 2)),
        (CHOOSING, (1, 3), (1, 3)),
        (CHOOSING, (None, 2), (3, 1)),
        (CHOOSING, (3, 2), (3, 1)),
        (replace(CHOOSING, usual_phases=1), (None, 2), (1, 2)),
        (SWITCHING, (1, 2), (1, 1)),
        (ONE_PHASE, (1, 2), (1, 1)),
    ],
)
def test_a_phase_is_chosen_only_for_a_single_one_and_where_the_board_can(
    description: EvseDescription, wanted: tuple[int | None, int | None], lease: tuple[int, int]
) -> None:
    phases, phase = wanted
    situation = replace(state(offered=True), wanted_phases=phases, wanted_phase=phase)
    fed = description.phases_for(situation), description.phase_for(situation)
    assert fed == lease
    granted = lease_for(situation, lockable=False, phases=fed[0], phase=fed[1])
    assert (granted.phases, granted.phase) == lease


@pytest.mark.parametrize(
    ("description", "connected", "phase"),
    [
        *((CHOOSING, (1, phase), phase) for phase in (1, 2, 3)),
        *((CHOOSING, (3, 1), None), (SWITCHING, (1, 1), None), (ONE_PHASE, (1, 1), None)),
    ],
)
def test_the_guard_says_which_single_phase_is_connected(
    description: EvseDescription, connected: tuple[int, int], phase: int | None
) -> None:
    phases, number = connected
    status = GuardStatus(
        *(1, PilotState.C, 0.5, 16.0),
        contactor_commanded=True,
        contactor_closed=True,
        lease=LeaseState.LIVE,
        phases=phases,
        phase=number,
    )
    assert description.phase_of(status) == phase
    assert description.phase_of(None) is None


@pytest.mark.parametrize(
    ("description", "connected", "phases"),
    [(EvseDescription(1), 1, 3), (ONE_PHASE, 3, 1), (SWITCHING, 1, 1), (SWITCHING, 3, 3)],
)
def test_the_guard_says_which_phases_are_connected(
    description: EvseDescription, connected: int, phases: int
) -> None:
    status = GuardStatus(
        *(1, PilotState.C, 0.5, 16.0),
        contactor_commanded=True,
        contactor_closed=True,
        lease=LeaseState.LIVE,
        phases=connected,
    )
    assert description.phases_of(status) == phases
    assert description.phases_of(None) == description.phases


def test_fewer_phases_need_not_wait_for_the_disk_and_more_must() -> None:
    three = Lease(1, PilotMode.OFFER, 16.0, phases=3)
    one = replace(three, phases=1)
    assert withdraws(one, three)
    assert not withdraws(three, one)
    assert not withdraws(three, three)
    assert withdraws(replace(one, phase=2), one)
    assert withdraws(one, replace(one, phase=2))
    assert not withdraws(three, replace(one, phase=1))
