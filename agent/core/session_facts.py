"""How a stimulus changes the facts of a session: plug, token, orders, time.

Each method takes one stimulus in and returns its cause in the words of a transaction event. What
follows from the changed facts is derived elsewhere.
"""

from dataclasses import replace

from agent.core.faults import stopped_reason
from agent.core.session_state import (
    AlignedDue,
    Authorization,
    AvailabilityChanged,
    Cause,
    Deadlines,
    Elapsed,
    EventTriggered,
    LimitChanged,
    LinesChanged,
    Moment,
    RemoteStarted,
    Resumed,
    SessionPolicy,
    SessionState,
    Stimulus,
    StopOrdered,
    TokenJudged,
    TokenPresented,
    TokenRevoked,
    Transaction,
)
from agent.core.vocabulary import (
    AuthorizedBy,
    IdToken,
    StoppedReason,
    TokenType,
    TriggerReason,
)

STATE_CHANGED = Cause(TriggerReason.CHARGING_STATE_CHANGED)
_UNPLUGGED = Cause(TriggerReason.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED)
_NOT_CONNECTED = Cause(TriggerReason.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT)
_DEAUTHORIZED = Cause(TriggerReason.DEAUTHORIZED, StoppedReason.DE_AUTHORIZED)
_RESTARTED = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.REBOOT)
_POWER_LOST = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.POWER_LOSS)


class SessionFacts:
    """The facts of one EVSE's session and how stimuli change them."""

    def __init__(self, state: SessionState, policy: SessionPolicy) -> None:
        self.state = state
        self.policy = policy
        self.judge: IdToken | None = None
        self.refused: IdToken | None = None

    def absorb(self, stimulus: Stimulus, moment: Moment) -> Cause:
        """Change the facts; `judge` and `refused` name a token that needs somebody's attention."""
        self.judge = self.refused = None
        match stimulus:
            case LinesChanged():
                cause = self._lines_changed(stimulus)
            case TokenPresented(token):
                cause = self._token_presented(token)
            case TokenJudged():
                cause = self._token_judged(stimulus)
            case RemoteStarted():
                cause = self._remote_started(stimulus)
            case Resumed():
                cause = self._resumed(stimulus)
            case Elapsed():
                cause = self._elapsed(moment)
            case _:
                cause = self._ordered(stimulus, moment)
        return cause

    def _ordered(
        self,
        stimulus: TokenRevoked
        | StopOrdered
        | LimitChanged
        | AvailabilityChanged
        | AlignedDue
        | EventTriggered,
        moment: Moment,
    ) -> Cause:
        match stimulus:
            case TokenRevoked(transaction_id):
                return self._token_revoked(transaction_id, moment)
            case StopOrdered(cause, final):
                return self._stop_ordered(cause, final=final)
            case LimitChanged(limit_a):
                changed = limit_a != self.state.limit_a
                self.state = replace(self.state, limit_a=limit_a)
                return Cause(TriggerReason.CHARGING_RATE_CHANGED) if changed else STATE_CHANGED
            case AvailabilityChanged(operative):
                self.change_snapshot(operative=operative)
                return STATE_CHANGED
            case AlignedDue():
                return Cause(TriggerReason.METER_VALUE_CLOCK)
            case EventTriggered():
                return Cause(TriggerReason.TRIGGER)

    def _lines_changed(self, lines: LinesChanged) -> Cause:
        was = self.state.snapshot
        self.state = replace(self.state, connection=lines.connection, cable_max_a=lines.cable_max_a)
        self.change_snapshot(
            plugged_in=lines.plugged_in,
            ev_ready=lines.ev_ready,
            power_path_closed=lines.power_path_closed,
            faults=lines.faults,
            transaction_ended=was.transaction_ended and lines.plugged_in,
        )
        fatal = stopped_reason(lines.faults - was.faults)
        if fatal is not None:
            return self._deauthorize(Cause(TriggerReason.ABNORMAL_CONDITION, fatal))
        if was.plugged_in and not lines.plugged_in:
            return self._unplugged()
        if lines.plugged_in and not was.plugged_in:
            return self._plugged_in()
        return STATE_CHANGED

    def _plugged_in(self) -> Cause:
        if self.state.authorization is None and not self.policy.authorization_required:
            free = IdToken("", TokenType.NO_AUTHORIZATION)
            self._authorize(Authorization(free, AuthorizedBy.NOBODY))
        return Cause(TriggerReason.CABLE_PLUGGED_IN)

    def _unplugged(self) -> Cause:
        # E09.FR.01: new energy only after a new authorization; E10 keeps it for a while.
        if self.state.transaction is not None and self.policy.stop_on_ev_side_disconnect:
            self._deauthorize(_UNPLUGGED)
        return _UNPLUGGED

    def _token_presented(self, token: IdToken) -> Cause:
        state = self.state
        transaction, holder = state.transaction, state.authorization
        if transaction is not None and transaction.ending is not None:
            return STATE_CHANGED
        if holder is not None and holder.token.same_as(token):
            # C01.FR.03, E07.FR.01: the same token stops without asking the CSMS.
            return self._stop_locally(token)
        if holder is None and not self._may_start(token):
            self.refused = token
        elif state.pending is None:
            self.state = replace(state, pending=Authorization(token, AuthorizedBy.CSMS))
            self.judge = token
        return STATE_CHANGED

    def _token_judged(self, judged: TokenJudged) -> Cause:
        pending, holder = self.state.pending, self.state.authorization
        if pending is None or not pending.token.same_as(judged.token):
            return STATE_CHANGED
        self.state = replace(self.state, pending=None)
        evses = judged.info.evse_ids
        accepted = judged.info.accepted and (not evses or self.state.evse in evses)
        if accepted and holder is not None and _same_group(holder.group, judged.info.group):
            return self._stop_locally(judged.token)
        if not accepted or holder is not None or not self._may_start(judged.token):
            self.refused = judged.token
            return STATE_CHANGED
        self._authorize(replace(pending, by=judged.by, group=judged.info.group or pending.group))
        return Cause(TriggerReason.AUTHORIZED)

    def _remote_started(self, start: RemoteStarted) -> Cause:
        asked = Authorization(start.token, AuthorizedBy.REMOTE, start.group, start.remote_start_id)
        if start.to_be_judged:
            self.state = replace(self.state, pending=asked)
            self.judge = start.token
            return STATE_CHANGED
        self._authorize(asked)
        return Cause(TriggerReason.REMOTE_START)

    def _token_revoked(self, transaction_id: str, moment: Moment) -> Cause:
        transaction = self.state.transaction
        if transaction is None or transaction.id != transaction_id:
            return STATE_CHANGED
        if self.policy.stop_on_invalid_id:
            return self._deauthorize(_DEAUTHORIZED)
        allowance_wh = self.policy.max_energy_on_invalid_id_wh or 0
        bound_wh = moment.reading.register_wh + allowance_wh
        if transaction.energy_until_wh is None:
            self.change_transaction(transaction, energy_until_wh=bound_wh)
        return STATE_CHANGED

    def _stop_ordered(self, cause: Cause, *, final: bool) -> Cause:
        self._deauthorize(cause)
        transaction = self.state.transaction
        if final and transaction is not None and transaction.ending is None:
            self.change_transaction(transaction, ending=cause)
        return cause

    def _resumed(self, resumed: Resumed) -> Cause:
        """Go on after a restart, unless power was lost or the EV left meanwhile."""
        was_plugged, connection = self.state.snapshot.plugged_in, self.state.connection
        lines = resumed.lines
        swapped = was_plugged and (not lines.plugged_in or lines.connection != connection)
        watched = lines.connection >> 16 == connection >> 16
        self.state = replace(self.state, pending=None, deadlines=Deadlines())
        self._lines_changed(lines)
        if self.state.transaction is not None and (resumed.power_was_lost or swapped):
            unwatched = _UNPLUGGED if watched else _RESTARTED
            return self._stop_ordered(
                _POWER_LOST if resumed.power_was_lost else unwatched, final=True
            )
        if resumed.power_was_lost or swapped:
            self._deauthorize(STATE_CHANGED)
        return STATE_CHANGED

    def _elapsed(self, moment: Moment) -> Cause:
        deadlines, snapshot = self.state.deadlines, self.state.snapshot
        if due(deadlines.connect_s, moment):
            self.state = replace(self.state, deadlines=replace(deadlines, connect_s=None))
            if snapshot.authorized:
                return self._deauthorize(_NOT_CONNECTED)
            # S16-STAT-05: with the cable in, waiting ends as after a transaction.
            self.change_snapshot(transaction_ended=snapshot.plugged_in)
        if due(deadlines.sample_s, moment):
            return Cause(TriggerReason.METER_VALUE_PERIODIC)
        return STATE_CHANGED

    # --- Small changes of state.

    def _authorize(self, authorization: Authorization) -> None:
        self.state = replace(self.state, authorization=authorization, pending=None)

    def _deauthorize(self, cause: Cause) -> Cause:
        self.state = replace(self.state, authorization=None, pending=None)
        return cause

    def _stop_locally(self, token: IdToken) -> Cause:
        return self._deauthorize(Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, token))

    def _may_start(self, token: IdToken) -> bool:
        """Tell whether this token may be authorized here and now (C01.FR.23)."""
        transaction, snapshot = self.state.transaction, self.state.snapshot
        if transaction is None:
            return snapshot.operative and not snapshot.faulted
        return transaction.holder is None or transaction.holder.token.same_as(token)

    def change_snapshot(self, **facts: object) -> None:
        """Replace fields of the snapshot."""
        snapshot = replace(self.state.snapshot, **facts)  # type: ignore[arg-type]
        self.state = replace(self.state, snapshot=snapshot)

    def change_transaction(self, transaction: Transaction, **facts: object) -> Transaction:
        """Replace fields of the transaction and make it the running one."""
        changed = replace(transaction, **facts)  # type: ignore[arg-type]
        self.state = replace(self.state, transaction=changed)
        return changed


def due(deadline_s: float | None, moment: Moment) -> bool:
    """Tell whether a deadline has passed."""
    return deadline_s is not None and moment.now_s >= deadline_s


def _same_group(one: IdToken | None, other: IdToken | None) -> bool:
    return one is not None and one.same_as(other)
