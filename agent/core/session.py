"""The charging session of one EVSE, level-triggered.

A stimulus changes facts; what follows from the facts (whether energy is offered, whether a
transaction starts, goes on or ends, what is told of it) is derived afterwards and compared with
before. After a restart the same derivation says what the outputs must be.

A transaction that reaches its stop point is told only when the contactor is open, so that its last
register holds all the energy that flowed.
"""

from dataclasses import replace
from datetime import timedelta

from agent.core import transaction_events as told
from agent.core.cable import keeper_after_end
from agent.core.event_dating import WORTH_MOVING, moved_transaction
from agent.core.events import TransactionEvent
from agent.core.plug_ins import parts
from agent.core.session_facts import SessionFacts
from agent.core.session_state import (
    MINIMUM_CURRENT_A,
    Cause,
    Deadlines,
    Moment,
    SessionPolicy,
    SessionState,
    Step,
    Stimulus,
    Transaction,
    due,
)
from agent.core.snapshot import EvseSnapshot, charging_state
from agent.core.transaction_points import starts, starts_by_signature, stops
from agent.core.vocabulary import StoppedReason, TriggerReason, TxPoint

_TELLS_BY_ITSELF = frozenset(
    {
        TriggerReason.ABNORMAL_CONDITION,
        TriggerReason.AUTHORIZED,
        TriggerReason.CHARGING_RATE_CHANGED,
        TriggerReason.DEAUTHORIZED,
        TriggerReason.EV_CONNECT_TIMEOUT,
        TriggerReason.REMOTE_START,
        TriggerReason.REMOTE_STOP,
        TriggerReason.STOP_AUTHORIZED,
        TriggerReason.TRIGGER,
    }
)


class Session:
    """One EVSE's session. `policy` may be replaced at any time; it holds from the next stimulus."""

    def __init__(self, state: SessionState, policy: SessionPolicy) -> None:
        self._facts = SessionFacts(state, policy)
        self._learned: timedelta | None = None

    @property
    def state(self) -> SessionState:
        """Everything that must outlive a restart."""
        return self._facts.state

    @property
    def policy(self) -> SessionPolicy:
        """The rules in force."""
        return self._facts.policy

    @policy.setter
    def policy(self, policy: SessionPolicy) -> None:
        self._facts.policy = policy

    def handle(self, stimulus: Stimulus, moment: Moment) -> Step:
        """Take a stimulus in; return what is to be told and which token must be judged."""
        self.learn(moment.learned)
        events: tuple[TransactionEvent, ...] = ()
        for part in parts(self.state, stimulus):
            events += self._handle(part, moment)
        facts = self._facts
        return Step(events, facts.judge, facts.refused, facts.master_pass, facts.contract)

    def learn(self, by: timedelta | None) -> None:
        """Date anew what was dated before the time became known, once (B01.FR.06)."""
        transaction, knew = self.state.transaction, self._learned is not None
        self._learned = by if self._learned is None else self._learned
        if by is None or knew or transaction is None or abs(by) <= WORTH_MOVING:
            return
        self._facts.change_transaction(moved_transaction(transaction, by))

    def remember_begin(self, transaction: Transaction) -> None:
        """Keep the running transaction with its signed begin value."""
        running = self.state.transaction
        if running is not None and running.id == transaction.id:
            self._facts.change_transaction(transaction)

    def restore(self, state: SessionState) -> None:
        """Go back to a state that was sound, after a stimulus that could not be dealt with."""
        self._facts.state = state

    # --- What follows.

    def _handle(self, stimulus: Stimulus, moment: Moment) -> tuple[TransactionEvent, ...]:
        before = self.state.snapshot
        cause = self._facts.absorb(stimulus, moment)
        self._derive(moment)
        events = self._transact(before, cause, moment)
        self._derive(moment)
        if not self._records_energy(moment):
            self._facts.change_snapshot(offered=False)
        self._schedule(before, cause, moment)
        return events

    def _records_energy(self, moment: Moment) -> bool:
        """Tell whether energy is accounted for: by a transaction, or by starting one."""
        if self.state.transaction is not None:
            return True
        starts_one = TxPoint.ENERGY_TRANSFER in self.policy.start_points
        return starts_one and self._has_register(moment)

    def _has_register(self, moment: Moment) -> bool:
        return moment.reading.fresh or self.state.rest is not None

    def _derive(self, moment: Moment) -> None:
        """Recompute what follows from the facts: authorized, offered, energy bound."""
        state = self.state
        transaction, authorized = state.transaction, state.authorization is not None
        plugged_in = state.snapshot.plugged_in
        if transaction is not None and transaction.energy_until_wh is not None:
            cut = moment.reading.register_wh >= transaction.energy_until_wh
            transaction = self._facts.change_transaction(
                transaction, energy_cut=transaction.energy_cut or cut
            )
        if transaction is not None and authorized and plugged_in and transaction.ready_at is None:
            transaction = self._facts.change_transaction(transaction, ready_at=moment.at)
        self._facts.change_snapshot(
            authorized=authorized,
            reserved=state.hold is not None and state.hold.held and not authorized,
            awaiting_ev=authorized and not plugged_in,
            cable_kept=state.cable_keeper is not None or None,
            in_transaction=transaction is not None,
        )
        self._facts.change_snapshot(offered=self._offers(transaction))
        if not self.state.snapshot.transaction_ended:
            self._facts.state = replace(self.state, ended=None)

    def _offers(self, transaction: Transaction | None) -> bool:
        snapshot = self.state.snapshot
        wanted = snapshot.authorized and snapshot.plugged_in and not snapshot.faulted
        if transaction is None:
            wanted = wanted and snapshot.operative
        else:
            wanted = wanted and transaction.ending is None and not transaction.energy_cut
        return wanted and self.state.granted_a >= MINIMUM_CURRENT_A

    def _transact(
        self, before: EvseSnapshot, cause: Cause, moment: Moment
    ) -> tuple[TransactionEvent, ...]:
        transaction, after = self.state.transaction, self.state.snapshot
        if transaction is None:
            begins = starts(after, self.policy) and self._has_register(moment)
            return (self._begin(cause, moment),) if begins else ()
        if transaction.ending is None and stops(before, after, self.policy):
            ending = _cause_of_end(cause, transaction, after)
            transaction = self._facts.change_transaction(transaction, ending=ending)
        if transaction.ending is not None:
            return self._end(transaction, transaction.ending, moment)
        return self._update(transaction, cause, moment)

    def _begin(self, cause: Cause, moment: Moment) -> TransactionEvent:
        if starts_by_signature(self.state.snapshot, self.policy):
            cause = Cause(TriggerReason.SIGNED_DATA_RECEIVED)
        event, transaction = told.started(self.state, self.policy, cause, moment)
        self._facts.state = replace(self.state, transaction=transaction)
        self._facts.change_snapshot(in_transaction=True, transaction_ended=False)
        return event

    def _update(
        self, transaction: Transaction, cause: Cause, moment: Moment
    ) -> tuple[TransactionEvent, ...]:
        state = self.state
        if due(state.deadlines.ended_sample_s, moment):
            transaction = told.with_series(transaction, state, self.policy, moment)
        news = (
            cause.trigger in _TELLS_BY_ITSELF
            or told.sample(state, self.policy, cause, moment) is not None
            or charging_state(state.snapshot) is not transaction.told_state
            or told.something_untold(transaction, state)
        )
        if not news:
            self._facts.change_transaction(transaction)
            return ()
        event, transaction = told.updated(state, transaction, self.policy, cause, moment)
        self._facts.change_transaction(transaction)
        return (event,)

    def _end(
        self, transaction: Transaction, cause: Cause, moment: Moment
    ) -> tuple[TransactionEvent, ...]:
        """End once the contactor is open, or when it should have been for long."""
        deadlines, snapshot = self.state.deadlines, self.state.snapshot
        if snapshot.power_path_closed and not due(deadlines.ending_s, moment):
            if deadlines.ending_s is None:
                ending_s = moment.now_s + self.policy.ending_timeout_s
                deadlines = Deadlines(ending_s=ending_s)
                self._facts.state = replace(self.state, deadlines=deadlines)
            return ()
        event = told.ended(self.state, transaction, self.policy, cause, moment)
        self._facts.state = replace(
            self.state,
            transaction=None,
            authorization=None,
            pending=None,
            cable_keeper=keeper_after_end(self.state, cause),
            ended=transaction.id if snapshot.plugged_in else None,
            deadlines=Deadlines(),
        )
        self._facts.change_snapshot(in_transaction=False, transaction_ended=snapshot.plugged_in)
        return (event,)

    # --- When something is due next.

    def _schedule(self, before: EvseSnapshot, cause: Cause, moment: Moment) -> None:
        state, deadlines = self.state, self.state.deadlines
        waits = _waits_for_partner(state.snapshot)
        if not waits:
            deadlines = replace(deadlines, connect_s=None)
        elif waits != _waits_for_partner(before) or deadlines.connect_s is None:
            connect_s = moment.now_s + self.policy.connection_timeout_s
            deadlines = replace(deadlines, connect_s=connect_s)
        if state.transaction is not None and state.transaction.ending is None:
            deadlines = self._next_samples(deadlines, cause, moment)
        if not state.snapshot.power_path_closed and moment.reading.fresh:
            state = replace(state, rest=moment.reading)
        self._facts.state = replace(state, deadlines=deadlines)

    def _next_samples(self, deadlines: Deadlines, cause: Cause, moment: Moment) -> Deadlines:
        """Advance what was sampled; a sample that another stimulus came before stays due."""
        sample_s, policy = deadlines.sample_s, self.policy
        interval_s = policy.updated_interval_s
        sampled = cause.trigger is TriggerReason.METER_VALUE_PERIODIC
        if sampled or not interval_s or not due(sample_s, moment):
            sample_s = _next(sample_s, interval_s, moment)
        ended_sample_s = _next(deadlines.ended_sample_s, policy.ended_interval_s, moment)
        return replace(deadlines, sample_s=sample_s, ended_sample_s=ended_sample_s)


def _cause_of_end(cause: Cause, transaction: Transaction, after: EvseSnapshot) -> Cause:
    """Return why a transaction ends, the true reason where only its energy flow ended."""
    if cause.trigger is not TriggerReason.CHARGING_STATE_CHANGED:
        return cause
    if after.faulted:
        return Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.OTHER)
    if transaction.energy_cut:
        return Cause(TriggerReason.DEAUTHORIZED, StoppedReason.DE_AUTHORIZED)
    by_ev = after.offered and not after.ev_ready
    return replace(cause, stopped_reason=StoppedReason.STOPPED_BY_EV) if by_ev else cause


def _waits_for_partner(snapshot: EvseSnapshot) -> str:
    """Return which half of a session is waiting for the other, '' if none is (E03.FR.05)."""
    if snapshot.authorized and not snapshot.plugged_in:
        return "token"
    lonely_cable = snapshot.plugged_in and not snapshot.authorized
    if lonely_cable and not snapshot.in_transaction and not snapshot.transaction_ended:
        return "cable"
    return ""


def _next(due_s: float | None, interval_s: int, moment: Moment) -> float | None:
    """Return the next sampling instant; missed ones are not made up for."""
    if not interval_s:
        return None
    if due_s is None or due_s > moment.now_s + interval_s:
        return moment.now_s + interval_s
    missed = max(0, int((moment.now_s - due_s) // interval_s + 1))
    return due_s + missed * interval_s


def after_restart(kept: SessionState) -> SessionState:
    """Return a kept state as a restart leaves it: no verdict is awaited, the old clock is gone."""
    return replace(kept, pending=None, deadlines=Deadlines())


def idle_state(evse: int, *, operative: bool = True) -> SessionState:
    """Return the state of an EVSE that has never been used."""
    return SessionState(evse, EvseSnapshot(operative=operative))
