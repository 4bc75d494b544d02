"""How a stimulus changes the facts of a session: plug, token, orders, time.

Each method takes one stimulus in and returns its cause in the words of a transaction event. What
follows from the changed facts is derived elsewhere.
"""

from dataclasses import replace
from typing import assert_never

from agent.core import transaction_events as told
from agent.core.admission import may_be_judged, may_start, same_group, with_group
from agent.core.authorization import is_master_pass
from agent.core.cable import keeper_after_lines, may_take
from agent.core.fault_taxonomy import stopped_reason
from agent.core.limiting import grants_other, is_news, limited
from agent.core.plug_ins import guards_differ
from agent.core.reservation import used_at
from agent.core.session_state import (
    UNDECIDED,
    AlignedDue,
    Arrived,
    Authorization,
    AvailabilityChanged,
    CableReleased,
    Cause,
    CeilingChanged,
    Elapsed,
    EventTriggered,
    GroupTold,
    HoldChanged,
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
    due,
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
_UNWATCHED = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.REBOOT)
_POWER_LOST = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.POWER_LOSS)
_FREE = Authorization(IdToken("", TokenType.NO_AUTHORIZATION), AuthorizedBy.NOBODY)


class SessionFacts:
    """The facts of one EVSE's session and how stimuli change them."""

    def __init__(self, state: SessionState, policy: SessionPolicy) -> None:
        self.state = state
        self.policy = policy
        self.judge: IdToken | None = None
        self.refused: IdToken | None = None
        self.master_pass: IdToken | None = None
        self.contract: str | None = None

    def absorb(self, stimulus: Stimulus, moment: Moment) -> Cause:
        """Change the facts; `judge`, `refused`, `master_pass` name a token to be seen to."""
        self.judge = self.refused = self.master_pass = self.contract = None
        match stimulus:
            case LinesChanged() | Arrived() | Resumed():
                cause = self._seen(stimulus, moment)
            case TokenPresented():
                cause = self._token_presented(stimulus)
            case TokenJudged():
                cause = self._token_judged(stimulus)
            case RemoteStarted():
                cause = self._remote_started(stimulus)
            case CableReleased():
                cause = self._release_cable()
            case GroupTold():
                cause = self._group_told(stimulus)
            case Elapsed():
                cause = self._elapsed(moment)
            case _:
                cause = self._ordered(stimulus, moment)
        return self._authorize_freely(cause)

    def _seen(self, stimulus: LinesChanged | Arrived | Resumed, moment: Moment) -> Cause:
        match stimulus:
            case LinesChanged():
                return self._lines_changed(stimulus)
            case Arrived():
                return self._arrived(stimulus, moment)
            case Resumed():
                return self._resumed(stimulus, moment)

    def _ordered(
        self,
        stimulus: TokenRevoked
        | StopOrdered
        | LimitChanged
        | CeilingChanged
        | AvailabilityChanged
        | HoldChanged
        | AlignedDue
        | EventTriggered,
        moment: Moment,
    ) -> Cause:
        match stimulus:
            case TokenRevoked(transaction_id):
                return self._token_revoked(transaction_id, moment)
            case StopOrdered(cause, final):
                self._release_cable()
                return self._stop_ordered(cause, final=final)
            case LimitChanged() | CeilingChanged():
                before, self.state = self.state, limited(self.state, stimulus)
                changed = is_news(stimulus) and grants_other(before, self.state)
                return Cause(TriggerReason.CHARGING_RATE_CHANGED) if changed else STATE_CHANGED
            case AvailabilityChanged() | HoldChanged():
                return self._admission_changed(stimulus)
            case AlignedDue(tell, keep):
                return self._aligned_due(moment, tell=tell, keep=keep)
            case EventTriggered():
                return Cause(TriggerReason.TRIGGER)
            case _:
                assert_never(stimulus)

    def _aligned_due(self, moment: Moment, *, tell: bool, keep: bool) -> Cause:
        transaction = self.state.transaction
        if keep and transaction is not None and transaction.ending is None:
            kept = told.with_aligned(transaction, self.state, self.policy, moment)
            self.change_transaction(kept)
        return Cause(TriggerReason.METER_VALUE_CLOCK) if tell else STATE_CHANGED

    def _lines_changed(self, lines: LinesChanged) -> Cause:
        was, unwatched = self.state.snapshot, guards_differ(self.state, lines)
        self.state = replace(
            self.state,
            connection=lines.connection or self.state.connection,
            cable_keeper=keeper_after_lines(self.state, lines, self.policy),
            cable_max_a=lines.cable_max_a,
        )
        self.change_snapshot(
            plugged_in=lines.plugged_in,
            ev_ready=lines.ev_ready,
            power_path_closed=lines.power_path_closed,
            faults=lines.faults,
            transaction_ended=was.transaction_ended and lines.plugged_in,
        )
        fatal = stopped_reason(lines.faults - was.faults)
        if fatal is not None:
            fault = Cause(TriggerReason.ABNORMAL_CONDITION, fatal)
            return self._stop_ordered(fault, final=unwatched)
        if unwatched:
            return self._stop_ordered(_UNWATCHED, final=True)
        if was.plugged_in and not lines.plugged_in:
            return self._unplugged()
        if lines.plugged_in and not was.plugged_in:
            return Cause(TriggerReason.CABLE_PLUGGED_IN)
        return STATE_CHANGED

    def _arrived(self, arrived: Arrived, moment: Moment) -> Cause:
        """Take over the authorization, and the transaction that it started elsewhere."""
        self._authorize(arrived.authorization)
        if arrived.transaction is not None:
            transaction = told.arrived(arrived.transaction, self.state, self.policy, moment)
            self.state = replace(self.state, transaction=transaction)
        return self._lines_changed(arrived.lines)

    def _unplugged(self) -> Cause:
        """Take the authorization away, as its EV has left (E09.FR.01); E10 keeps it for a while."""
        state = self.state
        transaction, concluded = state.transaction, state.authorization is None
        if self.policy.stop_on_ev_side_disconnect:
            self.state = replace(state, authorization=None)
        stopped = None if transaction is None else transaction.stopped_reason
        if concluded and stopped is not None:
            # F04.FR.03: unplugging only concludes what was stopped before for a reason of its own.
            return replace(_UNPLUGGED, stopped_reason=stopped)
        return _UNPLUGGED

    def _admission_changed(self, change: AvailabilityChanged | HoldChanged) -> Cause:
        if isinstance(change, HoldChanged):
            self.state = replace(self.state, hold=change.hold)
            return STATE_CHANGED
        self.change_snapshot(operative=change.operative)
        if not change.operative and self.state.transaction is None:
            self.state = replace(self.state, authorization=None)
        return STATE_CHANGED

    def _authorize_freely(self, cause: Cause) -> Cause:
        """Authorize an EV without a token where none is required (C02)."""
        state, transaction = self.state, self.state.transaction
        if self.policy.authorization_required or state.authorization or state.pending:
            return cause
        waits = state.snapshot.plugged_in and not state.snapshot.transaction_ended
        unheld = transaction is None or transaction.holder is None
        if not (waits and unheld and may_start(self.state, _FREE.token)):
            return cause
        self._authorize(_FREE)
        return Cause(TriggerReason.AUTHORIZED) if cause is STATE_CHANGED else cause

    def _token_presented(self, presented: TokenPresented) -> Cause:
        token, holder, pending = presented.token, self.state.authorization, self.state.pending
        keeper = self._idle_keeper()
        if keeper is not None and may_take(keeper, token):
            return self._release_cable()
        if holder is not None and holder.token.same_as(token):
            if presented.contract is not None:
                # A vehicle that shows its contract again wants to go on charging.
                return STATE_CHANGED
            # C01.FR.03, E07.FR.01: the same token stops without asking the CSMS.
            return self._stop_locally(token)
        if pending is not None:
            self.refused = None if pending.token.same_as(token) else token
        elif holder is None and not may_be_judged(self.state, token):
            self.refused = token
        else:
            self.state = replace(self.state, pending=Authorization(token, AuthorizedBy.CSMS))
            self.judge, self.contract = token, presented.contract
        return STATE_CHANGED

    def _token_judged(self, judged: TokenJudged) -> Cause:
        pending, holder = self.state.pending, self.state.authorization
        if pending is None or not pending.token.same_as(judged.token):
            # The session that this verdict was for is over, or somebody else's by now.
            known = holder is not None and holder.token.same_as(judged.token)
            self.refused = None if known else judged.token
            return STATE_CHANGED
        self.state = replace(self.state, pending=None)
        if judged.info.accepted and self._is_master_pass(judged.info.group):
            # C12.FR.09, C16.FR.03: it stops, and never starts.
            self.master_pass = self.refused = judged.token
            return STATE_CHANGED
        keeper = self._idle_keeper()
        if keeper is not None:
            return self._cable_claimed(keeper, judged)
        evses = judged.info.evse_ids
        here = not evses or self.state.evse in (UNDECIDED, *evses)
        accepted = judged.info.accepted and here
        if accepted and holder is not None and same_group(holder.group, judged.info.group):
            return self._stop_locally(judged.token)
        group = judged.info.group or pending.group
        if not accepted or holder is not None or not may_start(self.state, judged.token, group):
            self.refused = judged.token
            return STATE_CHANGED
        pending = replace(pending, by=judged.by, group=group, evses=evses or None)
        self._authorize(replace(pending, priority=judged.info.charging_priority))
        return Cause(TriggerReason.AUTHORIZED)

    def _remote_started(self, start: RemoteStarted) -> Cause:
        asked = Authorization(start.token, AuthorizedBy.REMOTE, start.group, start.remote_start_id)
        free, judged = self.state.authorization is None, start.to_be_judged
        open_to = may_start(self.state, start.token, start.group)
        usable = free and (open_to or (judged and may_be_judged(self.state, start.token)))
        if not usable or self._is_master_pass(start.group):
            # F01.FR.21 to FR.24: the EVSE was free when the CSMS was answered, and no longer is.
            self.refused = start.token
            return STATE_CHANGED
        pending = self.state.pending
        if pending is not None and not pending.token.same_as(start.token):
            self.refused = pending.token
        if start.to_be_judged:
            self.state = replace(self.state, pending=asked)
            self.judge = start.token
            return STATE_CHANGED
        self._authorize(asked)
        return Cause(TriggerReason.REMOTE_START)

    def _token_revoked(self, transaction_id: str, moment: Moment) -> Cause:
        transaction = self.state.transaction
        known = transaction is not None and transaction.id == transaction_id
        if transaction is None or not known or self.state.authorization is None:
            return STATE_CHANGED
        if self.policy.stop_on_invalid_id:
            return self._deauthorize(_DEAUTHORIZED)
        allowance_wh = self.policy.max_energy_on_invalid_id_wh or 0
        bound_wh = moment.reading.register_wh + allowance_wh
        if transaction.energy_until_wh is None:
            self.change_transaction(transaction, energy_until_wh=bound_wh)
        return STATE_CHANGED

    def _group_told(self, told: GroupTold) -> Cause:
        self.state = with_group(self.state, told)
        return STATE_CHANGED

    def _stop_ordered(self, cause: Cause, *, final: bool) -> Cause:
        self._deauthorize(cause)
        transaction = self.state.transaction
        if final and transaction is not None and transaction.ending is None:
            self.change_transaction(transaction, ending=cause)
        return cause

    def _resumed(self, resumed: Resumed, moment: Moment) -> Cause:
        """Go on after a restart, unless power was lost; what the EV did meanwhile counts as now.

        Time spent charging is told from here on: the monotonic clock may have begun anew.
        """
        transaction = self.state.transaction
        if transaction is not None and transaction.charging_since_s is not None:
            self.change_transaction(transaction, charging_since_s=moment.now_s)
        if resumed.power_was_lost:
            self._stop_ordered(_POWER_LOST, final=True)
        return self._lines_changed(resumed.lines)

    def _elapsed(self, moment: Moment) -> Cause:
        deadlines, snapshot = self.state.deadlines, self.state.snapshot
        if due(deadlines.connect_s, moment):
            self.state = replace(self.state, deadlines=replace(deadlines, connect_s=None))
            if snapshot.authorized:
                return self._deauthorize(_NOT_CONNECTED)
            # S16-STAT-05: with the cable in, waiting for a token ends as after a transaction.
            waited = snapshot.plugged_in and self.policy.authorization_required
            self.change_snapshot(transaction_ended=waited)
        if due(deadlines.sample_s, moment):
            return Cause(TriggerReason.METER_VALUE_PERIODIC)
        return STATE_CHANGED

    # --- Small changes of state.

    def _authorize(self, authorization: Authorization) -> None:
        """Let a token charge; in a running transaction it starts with a clean slate."""
        used = used_at(self.state.hold, authorization.token, authorization.group)
        authorization = replace(authorization, reservation_id=used)
        self.state = replace(
            self.state, authorization=authorization, pending=None, cable_keeper=None
        )
        transaction = self.state.transaction
        if transaction is not None:
            told = transaction.told_remote_start and authorization.remote_start_id is None
            self.change_transaction(
                transaction,
                told_remote_start=told,
                stopped_reason=None,
                energy_until_wh=None,
                energy_cut=False,
            )

    def _deauthorize(self, cause: Cause) -> Cause:
        authorized, transaction = self.state.authorization is not None, self.state.transaction
        self.state = replace(self.state, authorization=None, pending=None)
        if authorized and transaction is not None:
            self.change_transaction(transaction, stopped_reason=cause.stopped_reason)
        return cause

    def _idle_keeper(self) -> Authorization | None:
        """Return for whom a cable is kept that nobody is using."""
        in_use = self.state.authorization is not None or self.state.transaction is not None
        return None if in_use else self.state.cable_keeper

    def _cable_claimed(self, keeper: Authorization, judged: TokenJudged) -> Cause:
        if judged.info.accepted and may_take(keeper, judged.token, judged.info.group):
            return self._release_cable()
        self.refused = judged.token
        return STATE_CHANGED

    def _release_cable(self) -> Cause:
        self.state = replace(self.state, cable_keeper=None)
        return STATE_CHANGED

    def _stop_locally(self, token: IdToken) -> Cause:
        self._release_cable()
        return self._deauthorize(Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, token))

    def _is_master_pass(self, group: IdToken | None) -> bool:
        return is_master_pass(group, self.policy.master_pass_group_id)

    def change_snapshot(self, **facts: object) -> None:
        """Replace fields of the snapshot."""
        snapshot = replace(self.state.snapshot, **facts)  # type: ignore[arg-type]
        self.state = replace(self.state, snapshot=snapshot)

    def change_transaction(self, transaction: Transaction, **facts: object) -> Transaction:
        """Replace fields of the transaction and make it the running one."""
        changed = replace(transaction, **facts)  # type: ignore[arg-type]
        self.state = replace(self.state, transaction=changed)
        return changed
