"""A session after a restart: the same transaction, or its end, from the state as kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.documents import read, written
from agent.core.session import Session, idle_state
from agent.core.session_state import (
    Cause,
    EventTriggered,
    LinesChanged,
    Resumed,
    SessionPolicy,
    SessionState,
    StopOrdered,
    TokenJudged,
    TokenPresented,
)
from agent.core.vocabulary import (
    AuthorizedBy,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)
from tests.unit.core.session_rig import (
    DRIVER,
    OTHER_GUARD,
    PARTNER,
    Rig,
    accepted,
    assert_well_told,
    points,
)

POLICIES = {
    "cable starts": SessionPolicy(
        start_points=points("EVConnected"), stop_points=points("EVConnected")
    ),
    "token starts": SessionPolicy(
        start_points=points("Authorized"), stop_points=points("EVConnected", "Authorized")
    ),
    "energy starts": SessionPolicy(
        start_points=points("EnergyTransfer"), stop_points=points("EVConnected", "Authorized")
    ),
    "both start": SessionPolicy(),
}


def idle(rig: Rig) -> None:
    rig.see()


def plugged_in(rig: Rig) -> None:
    rig.plug()


def awaiting_cable(rig: Rig) -> None:
    rig.tap()


def charging(rig: Rig) -> None:
    rig.charge()
    rig.run(70)


def suspended(rig: Rig) -> None:
    rig.charge()
    rig.see(ev_ready=False)


def faulted(rig: Rig) -> None:
    rig.charge()
    rig.fault("over_temperature")


def judging(rig: Rig) -> None:
    rig.plug()
    rig.do(TokenPresented(DRIVER))


def bounded(rig: Rig) -> None:
    rig.charge()
    rig.session.policy = replace(
        rig.policy, stop_on_invalid_id=False, max_energy_on_invalid_id_wh=500
    )
    rig.revoke()


def stopped(rig: Rig) -> None:
    rig.charge()
    rig.tap()


def ending(rig: Rig) -> None:
    rig.charge()
    rig.obedient = False
    rig.stop(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE), final=True))


SITUATIONS: list[Callable[[Rig], None]] = [
    idle,
    plugged_in,
    awaiting_cable,
    charging,
    suspended,
    faulted,
    judging,
    bounded,
    stopped,
    ending,
]
in_every_situation = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.__name__)
with_every_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def through_the_disk(state: SessionState) -> SessionState:
    return read(SessionState, json.loads(json.dumps(written(state), allow_nan=False)))


def reboot(rig: Rig, *, power_was_lost: bool = False, lines: LinesChanged | None = None) -> None:
    """Restart from what the disk holds; the monotonic clock starts anew."""
    rig.session = Session(through_the_disk(rig.state), rig.policy)
    rig.now_s = 5.0
    rig.restart(power_was_lost=power_was_lost, lines=lines)


@in_every_situation
@with_every_policy
def test_the_state_comes_back_from_the_disk_as_it_was(
    situation: Callable[[Rig], None], policy: SessionPolicy
) -> None:
    rig = Rig(policy)
    situation(rig)

    assert through_the_disk(rig.state) == rig.state


@in_every_situation
@with_every_policy
def test_a_restored_session_goes_on_like_the_original(
    situation: Callable[[Rig], None], policy: SessionPolicy
) -> None:
    def play(*, restored: bool) -> list[object]:
        rig = Rig(policy)
        situation(rig)
        if restored:
            rig.session = Session(through_the_disk(rig.state), rig.session.policy)
        rig.do(EventTriggered())
        rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))
        rig.run(90)
        rig.tap(PARTNER)
        rig.tap()
        rig.run(10)
        rig.unplug(faults=frozenset())
        rig.see(closed=False)
        rig.run(120)
        return [*rig.events, rig.state]

    assert play(restored=True) == play(restored=False)


@pytest.mark.requirement("E01.FR.07", "E01.FR.08", "E01.FR.14")
@in_every_situation
@with_every_policy
def test_a_mere_restart_changes_nothing_that_is_told(
    situation: Callable[[Rig], None], policy: SessionPolicy
) -> None:
    rig = Rig(policy)
    situation(rig)
    before, state = len(rig.events), rig.state
    running = None if state.transaction is None else state.transaction.id

    reboot(rig)

    after = rig.state.transaction
    assert (None if after is None else after.id) == running
    assert rig.told_since(before) == []
    assert rig.state.snapshot == state.snapshot
    assert rig.state.authorization == state.authorization
    rig.obedient = True
    rig.run(70)
    rig.unplug(faults=frozenset())
    rig.run(120)
    assert rig.state.transaction is None
    assert_well_told(rig.told)


@pytest.mark.requirement("S16-TXN-11", "E06.FR.08", "E17.FR.21")
@in_every_situation
@with_every_policy
def test_a_power_cut_ends_the_transaction(
    situation: Callable[[Rig], None], policy: SessionPolicy
) -> None:
    rig = Rig(policy)
    situation(rig)
    before, running = len(rig.events), rig.state.transaction
    rig.register_wh += 3
    lines = replace(rig.lines, power_path_closed=False, ev_ready=False, connection=OTHER_GUARD + 1)

    reboot(rig, power_was_lost=True, lines=lines)

    assert rig.state.transaction is None
    assert rig.state.authorization is None
    assert not rig.state.snapshot.offered
    if running is None:
        assert rig.told_since(before) == []
        return
    expected = StoppedReason.REMOTE if running.ending else StoppedReason.POWER_LOSS
    assert len(rig.told_since(before)) == 1
    assert rig.ended.stopped_reason is expected
    assert rig.ended.transaction_id == running.id
    assert rig.ended.register_wh == rig.register_wh
    assert running.ending or rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert_well_told(rig.told)


@pytest.mark.requirement("E17.FR.17", "E09.FR.01")
def test_an_ev_that_left_during_the_restart_ends_its_transaction() -> None:
    rig = Rig()
    charging(rig)
    gone = replace(rig.lines, plugged_in=False, ev_ready=False, power_path_closed=False)

    reboot(rig, lines=gone)

    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert rig.ended.trigger is TriggerReason.EV_COMMUNICATION_LOST


@pytest.mark.requirement("S16-TXN-08")
def test_an_ev_that_left_during_the_restart_may_come_back_where_unplugging_does_not_stop() -> None:
    rig = Rig(SessionPolicy(stop_on_ev_side_disconnect=False))
    charging(rig)
    running = rig.transaction.id
    gone = replace(rig.lines, plugged_in=False, ev_ready=False, power_path_closed=False)

    reboot(rig, lines=gone)
    assert rig.transaction.id == running
    rig.run(61)

    assert rig.ended.stopped_reason is StoppedReason.TIMEOUT


@with_every_policy
def test_an_ev_swapped_during_the_restart_does_not_charge_for_the_former(
    policy: SessionPolicy,
) -> None:
    rig = Rig(policy)
    charging(rig)
    former = rig.transaction.id
    swapped = replace(
        rig.lines, ev_ready=True, power_path_closed=False, connection=rig.lines.connection + 1
    )

    reboot(rig, lines=swapped)

    ended = [e for e in rig.events if e.phase is TransactionPhase.ENDED]
    assert [e.transaction_id for e in ended] == [former]
    assert ended[0].stopped_reason is StoppedReason.EV_DISCONNECTED
    assert rig.state.authorization is None
    assert not rig.state.snapshot.offered
    assert rig.state.transaction is None or rig.transaction.id != former
    assert_well_told(rig.told)


@with_every_policy
def test_a_cable_watched_by_nobody_during_the_restart_ends_the_transaction(
    policy: SessionPolicy,
) -> None:
    rig = Rig(policy)
    charging(rig)

    reboot(rig, lines=replace(rig.lines, power_path_closed=False, connection=OTHER_GUARD + 1))

    assert rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert rig.ended.stopped_reason is StoppedReason.REBOOT
    assert not rig.state.snapshot.offered


def test_a_swap_of_an_authorized_ev_without_transaction_takes_the_authorization() -> None:
    rig = Rig(POLICIES["energy starts"])
    rig.plug()
    rig.tap()

    reboot(rig, lines=replace(rig.lines, connection=rig.lines.connection + 1))

    assert rig.state.authorization is None


@pytest.mark.requirement("E06.FR.16")
def test_a_fatal_fault_during_the_restart_is_the_reason_of_the_end() -> None:
    rig = Rig()
    charging(rig)

    reboot(rig, lines=replace(rig.lines, power_path_closed=False, faults=frozenset({"rcd"})))

    assert rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert rig.ended.stopped_reason is StoppedReason.GROUND_FAULT


@pytest.mark.requirement("E02.FR.06")
def test_an_ev_plugged_in_during_the_restart_starts_its_transaction() -> None:
    rig = Rig(POLICIES["cable starts"])

    reboot(rig, lines=replace(rig.lines, plugged_in=True, connection=rig.lines.connection + 1))

    assert rig.told_since(0) == [(TransactionPhase.STARTED, TriggerReason.CABLE_PLUGGED_IN)]


@pytest.mark.requirement("C01.FR.26")
def test_the_wait_for_the_cable_starts_anew_after_a_restart() -> None:
    rig = Rig()
    rig.tap()

    reboot(rig)
    assert rig.state.deadlines.connect_s == rig.now_s + 60
    rig.run(61)

    assert rig.state.authorization is None


def test_samples_go_on_after_a_restart() -> None:
    rig = Rig()
    rig.charge()
    reboot(rig)

    before = len(rig.events)
    rig.run(125)

    assert (
        rig.told_since(before)
        == [(TransactionPhase.UPDATED, TriggerReason.METER_VALUE_PERIODIC)] * 2
    )


def test_the_time_spent_charging_survives_the_new_monotonic_clock() -> None:
    rig = Rig()
    rig.charge()
    rig.run(60)
    reboot(rig)
    rig.run(40)

    rig.tap()

    assert rig.ended.time_spent_charging_s == 100


def test_a_verdict_awaited_before_the_restart_is_not_awaited_after_it() -> None:
    rig = Rig()
    judging(rig)
    rig.restart()

    step = rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))

    assert step.refused == DRIVER
    assert rig.state.authorization is None


def test_an_ending_transaction_ends_after_the_restart_with_its_own_reason() -> None:
    rig = Rig()
    ending(rig)

    reboot(rig)
    assert rig.state.deadlines.ending_s == rig.now_s + 10
    rig.see(closed=False)

    assert rig.ended.stopped_reason is StoppedReason.REMOTE


@pytest.mark.parametrize("plugged_in", [True, False])
def test_a_token_that_came_before_the_first_word_of_the_guard_is_judged_all_the_same(
    plugged_in: bool,
) -> None:
    rig = Rig()
    rig.session = Session(idle_state(1), rig.policy)
    rig.do(TokenPresented(DRIVER))

    rig.do(Resumed(replace(rig.lines, plugged_in=plugged_in), power_was_lost=False))
    rig.do(TokenJudged(DRIVER, accepted(DRIVER), AuthorizedBy.CSMS))

    assert rig.state.snapshot.authorized
    if not plugged_in:
        rig.run(rig.policy.connection_timeout_s + 1)
        assert not rig.state.snapshot.authorized


def test_a_register_that_is_not_there_yet_after_a_power_cut_is_the_last_one_told() -> None:
    rig = Rig()
    rig.charge()
    rig.run(125)
    last_wh = rig.events[-1].register_wh
    rig.fresh, rig.register_wh = False, Decimal(0)

    reboot(rig, power_was_lost=True, lines=replace(rig.lines, power_path_closed=False))

    assert rig.ended.register_wh == last_wh


def test_a_stimulus_that_could_not_be_dealt_with_can_be_taken_back() -> None:
    rig = Rig()
    charging(rig)
    sound, before = rig.state, len(rig.events)
    rig.obedient = False
    rig.stop(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))

    rig.session.restore(sound)

    assert rig.state == sound
    rig.do(EventTriggered())
    assert rig.told_since(before) == [(TransactionPhase.UPDATED, TriggerReason.TRIGGER)]
    assert rig.events[-1].seq_no == before
