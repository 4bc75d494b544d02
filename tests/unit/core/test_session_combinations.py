"""Every start point with every stop point, every order of beginning and every way of stopping."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest

from agent.core.session_state import (
    AvailabilityChanged,
    Cause,
    SessionPolicy,
    StopOrdered,
)
from agent.core.vocabulary import (
    IdToken,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
    TxPoint,
)
from tests.unit.core.session_rig import DRIVER, PARTNER, Rig, assert_well_told

START_POINTS = [
    TxPoint.EV_CONNECTED,
    TxPoint.AUTHORIZED,
    TxPoint.DATA_SIGNED,
    TxPoint.POWER_PATH_CLOSED,
    TxPoint.ENERGY_TRANSFER,
]
STOP_POINTS = [
    TxPoint.EV_CONNECTED,
    TxPoint.AUTHORIZED,
    TxPoint.POWER_PATH_CLOSED,
    TxPoint.ENERGY_TRANSFER,
]
STOP_SETS = [frozenset(c) for size in (1, 2) for c in combinations(STOP_POINTS, size)]
REMOTE_STOP = StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE))
RESET = StopOrdered(Cause(TriggerReason.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET), final=True)
UNLOCK = StopOrdered(Cause(TriggerReason.UNLOCK_COMMAND), final=True)


def cable_first(rig: Rig) -> None:
    rig.plug()
    rig.wait(5)
    rig.tap()
    rig.see(ev_ready=True)


def id_first(rig: Rig) -> None:
    rig.tap()
    rig.wait(5)
    rig.plug()
    rig.see(ev_ready=True)


def remote_start(rig: Rig) -> None:
    rig.plug()
    rig.wait(5)
    rig.start_remotely()
    rig.see(ev_ready=True)


def remote_start_before_cable(rig: Rig) -> None:
    rig.start_remotely()
    rig.wait(5)
    rig.plug()
    rig.see(ev_ready=True)


def id_first_at_a_shared_reader(rig: Rig) -> None:
    rig.arrive()
    rig.see(ev_ready=True)


BEGINNINGS = [
    cable_first,
    id_first,
    id_first_at_a_shared_reader,
    remote_start,
    remote_start_before_cable,
]


def _with_policy(rig: Rig, **variables: object) -> None:
    rig.policy = replace(rig.policy, **variables)  # type: ignore[arg-type]
    rig.session.policy = rig.policy


def same_token(rig: Rig) -> None:
    rig.tap()


def other_token_of_the_group(rig: Rig) -> None:
    rig.tap(PARTNER)


def remote_stop(rig: Rig) -> None:
    rig.stop(REMOTE_STOP)


def unplug(rig: Rig) -> None:
    rig.unplug()


def ev_ready_no_more(rig: Rig) -> None:
    rig.see(ev_ready=False, closed=False)


def revoked_and_stopped(rig: Rig) -> None:
    rig.revoke()


def revoked_and_cut(rig: Rig) -> None:
    _with_policy(rig, stop_on_invalid_id=False)
    rig.revoke()


def revoked_with_allowance(rig: Rig) -> None:
    _with_policy(rig, stop_on_invalid_id=False, max_energy_on_invalid_id_wh=50)
    rig.revoke()
    rig.run(120)


def fatal_fault(rig: Rig) -> None:
    rig.fault("rcd")


def passing_fault(rig: Rig) -> None:
    rig.fault("over_temperature")
    rig.run(10)
    rig.fault()


def reset(rig: Rig) -> None:
    rig.stop(RESET)


def unlock(rig: Rig) -> None:
    rig.stop(UNLOCK)


def unavailable(rig: Rig) -> None:
    rig.do(AvailabilityChanged(operative=False))


def power_loss(rig: Rig) -> None:
    rig.lines = replace(rig.lines, ev_ready=False, power_path_closed=False)
    rig.restart(power_was_lost=True)


STOPS: list[Callable[[Rig], None]] = [
    same_token,
    other_token_of_the_group,
    remote_stop,
    unplug,
    ev_ready_no_more,
    revoked_and_stopped,
    revoked_and_cut,
    revoked_with_allowance,
    fatal_fault,
    passing_fault,
    reset,
    unlock,
    unavailable,
    power_loss,
]
ALWAYS_FINAL = [unplug, reset, unlock, power_loss]
TAKES_AUTHORIZATION = [
    same_token,
    other_token_of_the_group,
    remote_stop,
    revoked_and_stopped,
    fatal_fault,
]
ENDS_THE_FLOW = [ev_ready_no_more, revoked_and_cut, revoked_with_allowance, passing_fault]


def ends(stop: Callable[[Rig], None], stop_points: frozenset[TxPoint]) -> bool:
    """What the standard's table says: does this way of stopping reach a stop point?"""
    if stop in ALWAYS_FINAL:
        return True
    if stop in TAKES_AUTHORIZATION:
        return stop_points != {TxPoint.EV_CONNECTED}
    return stop in ENDS_THE_FLOW and TxPoint.ENERGY_TRANSFER in stop_points


@pytest.mark.requirement(
    "E01.FR.02",
    "E01.FR.03",
    "E01.FR.04",
    "E01.FR.05",
    "E01.FR.06",
    "E01.FR.07",
    "E01.FR.14",
    "E01.FR.15",
    "E02.FR.06",
    "E02.FR.07",
    "E02.FR.15",
    "E03.FR.06",
    "E06.FR.02",
    "E06.FR.03",
    "E06.FR.06",
    "E06.FR.07",
    "E06.FR.14",
    "E06.FR.15",
    "E07.FR.11",
    "F03.FR.09",
)
@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.__name__)
@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda begin: begin.__name__)
@pytest.mark.parametrize("stop_points", STOP_SETS, ids=lambda members: "+".join(sorted(members)))
@pytest.mark.parametrize("start_point", START_POINTS)
def test_a_session_is_one_well_told_transaction(
    start_point: TxPoint,
    stop_points: frozenset[TxPoint],
    begin: Callable[[Rig], None],
    stop: Callable[[Rig], None],
) -> None:
    rig = Rig(SessionPolicy(start_points=frozenset({start_point}), stop_points=stop_points))

    begin(rig)

    first = rig.events[0]
    assert first.phase is TransactionPhase.STARTED
    assert rig.lines.power_path_closed, "energy flows in a transaction"
    rig.run(90)
    stop(rig)
    rig.run(20)

    assert (rig.state.transaction is None) == ends(stop, stop_points)
    if rig.state.transaction is None:
        assert not rig.lines.power_path_closed
        assert rig.ended.register_wh == rig.register_wh
    rig.unplug(faults=frozenset())
    rig.run(120)
    assert rig.state.transaction is None
    assert {event.transaction_id for event in rig.events} == {first.transaction_id}
    billed_to = [e.id_token or e.billed_to for e in rig.events if e.starts_billing]
    assert billed_to == [DRIVER]
    assert_well_told(rig.told)


@pytest.mark.requirement("E01.FR.08", "E02.FR.08")
@pytest.mark.parametrize("stop_points", STOP_SETS, ids=lambda members: "+".join(sorted(members)))
@pytest.mark.parametrize("start_point", START_POINTS)
def test_energy_after_a_stop_belongs_to_a_transaction_of_the_next_authorization(
    start_point: TxPoint, stop_points: frozenset[TxPoint]
) -> None:
    rig = Rig(SessionPolicy(start_points=frozenset({start_point}), stop_points=stop_points))
    rig.charge()
    rig.run(30)
    rig.tap()
    rig.run(30)
    ended = rig.state.transaction is None
    assert not rig.lines.power_path_closed

    rig.tap()

    assert rig.lines.power_path_closed
    assert rig.state.transaction is not None
    rig.run(30)
    rig.unplug()
    ids = {event.transaction_id for event in rig.events}
    assert len(ids) == (2 if ended else 1)
    assert rig.ended.register_wh == rig.register_wh
    assert_well_told(rig.told)


@pytest.mark.requirement("C01.FR.23")
@pytest.mark.parametrize("start_point", START_POINTS)
def test_a_stranger_cannot_stop_or_take_over_a_transaction(start_point: TxPoint) -> None:
    stop_points = frozenset({TxPoint.EV_CONNECTED})
    rig = Rig(SessionPolicy(start_points=frozenset({start_point}), stop_points=stop_points))
    rig.charge()

    rig.tap(IdToken("0BADCAFE"))
    assert rig.last.refused == IdToken("0BADCAFE")
    assert rig.lines.power_path_closed

    rig.tap()
    assert rig.state.authorization is None
    assert rig.tap(IdToken("0BADCAFE")).judge is None
    assert rig.last.refused == IdToken("0BADCAFE")
    assert not rig.lines.power_path_closed
    assert_well_told(rig.told)
