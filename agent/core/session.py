"""The charging session of one EVSE, level-triggered.

A stimulus changes facts; what follows from the facts (whether energy is offered, whether a
transaction starts, goes on or ends, what is told of it) is derived afterwards and compared with
before. After a restart the same derivation says what the outputs must be.

A transaction that reaches its stop point is told only when the contactor is open, so that its last
register holds all the energy that flowed.
"""

from dataclasses import replace

from agent.core import transaction_events as told
from agent.core.events import TransactionEvent
from agent.core.session_facts import SessionFacts, due
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
)
from agent.core.snapshot import EvseSnapshot, charging_state
from agent.core.transaction_points import starts, stops
from agent.core.vocabulary import TriggerReason

_TELLS_BY_ITSELF = frozenset(
    {
        TriggerReason.CHARGING_RATE_CHANGED,
        TriggerReason.DEAUTHORIZED,
        TriggerReason.EV_CONNECT_TIMEOUT,
        TriggerReason.METER_VALUE_CLOCK,
        TriggerReason.METER_VALUE_PERIODIC,
        TriggerReason.REMOTE_STOP,
        TriggerReason.STOP_AUTHORIZED,
        TriggerReason.TRIGGER,
    }
)


class Session:
    """One EVSE's session. `policy` may be replaced at any time; it holds from the next stimulus."""

    def __init__(self, state: SessionState, policy: SessionPolicy) -> None:
        self._facts = SessionFacts(state, policy)

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
        before = self.state.snapshot
        cause = self._facts.absorb(stimulus, moment)
        self._derive(moment)
        events = self._transact(before, cause, moment)
        self._derive(moment)
        self._schedule(before, moment)
        return Step(events, self._facts.judge, self._facts.refused)

    def remember_begin(self, transaction: Transaction) -> None:
        """Keep the running transaction with its signed begin value."""
        running = self.state.transaction
        if running is not None and running.id == transaction.id:
            self._facts.change_transaction(transaction)

    # --- What follows.

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
        self._facts.change_snapshot(
            authorized=authorized,
            awaiting_ev=authorized and not plugged_in,
            in_transaction=transaction is not None,
        )
        self._facts.change_snapshot(offered=self._offers(transaction))

    def _offers(self, transaction: Transaction | None) -> bool:
        snapshot = self.state.snapshot
        wanted = snapshot.authorized and snapshot.plugged_in and not snapshot.faulted
        if transaction is None:
            wanted = wanted and snapshot.operative
        else:
            wanted = wanted and transaction.ending is None and not transaction.energy_cut
        return wanted and self.state.limit_a >= MINIMUM_CURRENT_A

    def _transact(
        self, before: EvseSnapshot, cause: Cause, moment: Moment
    ) -> tuple[TransactionEvent, ...]:
        transaction, after = self.state.transaction, self.state.snapshot
        if transaction is None:
            return (self._begin(cause, moment),) if starts(before, after, self.policy) else ()
        if transaction.ending is None and stops(before, after, self.policy):
            transaction = self._facts.change_transaction(transaction, ending=cause)
        if transaction.ending is not None:
            return self._end(transaction, transaction.ending, moment)
        return self._update(transaction, cause, moment)

    def _begin(self, cause: Cause, moment: Moment) -> TransactionEvent:
        event, transaction = told.started(self.state, self.policy, cause, moment)
        interval_s, ended_s = self.policy.updated_interval_s, self.policy.ended_interval_s
        deadlines = replace(
            self.state.deadlines,
            sample_s=moment.now_s + interval_s if interval_s else None,
            ended_sample_s=moment.now_s + ended_s if ended_s else None,
        )
        self._facts.state = replace(self.state, transaction=transaction, deadlines=deadlines)
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
            deadlines=Deadlines(),
        )
        self._facts.change_snapshot(in_transaction=False, transaction_ended=snapshot.plugged_in)
        return (event,)

    # --- When something is due next.

    def _schedule(self, before: EvseSnapshot, moment: Moment) -> None:
        state, deadlines = self.state, self.state.deadlines
        waits, waited = _waits_for_partner(state.snapshot), _waits_for_partner(before)
        if waits != waited or (waits and deadlines.connect_s is None and not waited):
            due_s = moment.now_s + self.policy.connection_timeout_s
            deadlines = replace(deadlines, connect_s=due_s if waits else None)
        if state.transaction is not None and state.transaction.ending is None:
            deadlines = replace(
                deadlines,
                sample_s=_next(deadlines.sample_s, self.policy.updated_interval_s, moment),
                ended_sample_s=_next(
                    deadlines.ended_sample_s, self.policy.ended_interval_s, moment
                ),
            )
        if not state.snapshot.power_path_closed and moment.reading.fresh:
            state = replace(state, rest=moment.reading)
        self._facts.state = replace(state, deadlines=deadlines)


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
    if due_s is None:
        return moment.now_s + interval_s
    missed = max(0, int((moment.now_s - due_s) // interval_s + 1))
    return due_s + missed * interval_s


def idle_state(evse: int, *, operative: bool = True) -> SessionState:
    """Return the state of an EVSE that has never been used."""
    return SessionState(evse, EvseSnapshot(operative=operative))
