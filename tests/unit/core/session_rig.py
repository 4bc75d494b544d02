"""A session on a bench: virtual clocks, a meter that counts, a guard that obeys, and a referee."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from agent.core.events import TransactionEvent
from agent.core.metering import Reading
from agent.core.session import Session, after_restart, idle_state
from agent.core.session_state import (
    UNDECIDED,
    Arrived,
    Elapsed,
    LimitChanged,
    LinesChanged,
    Moment,
    RemoteStarted,
    Resumed,
    SessionPolicy,
    SessionState,
    Step,
    Stimulus,
    StopOrdered,
    TokenJudged,
    TokenPresented,
    TokenRevoked,
    Transaction,
)
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    ChargingState,
    IdToken,
    IdTokenInfo,
    ReadingContext,
    TransactionPhase,
    TriggerReason,
    TxPoint,
)

BEGIN_AT = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
DRIVER = IdToken("04A2B3C4")
PARTNER = IdToken("04FFEE11")
STRANGER = IdToken("04000000")
FAMILY = IdToken("FAMILY", "Central")
OTHERS = IdToken("OTHERS", "Central")
GROUPS = {DRIVER: FAMILY, PARTNER: FAMILY, STRANGER: OTHERS}
GUARD = 7 << 16
OTHER_GUARD = 8 << 16
FIRST_WH = Decimal("12340.5")


def accepted(token: IdToken = DRIVER, evse_ids: tuple[int, ...] = ()) -> IdTokenInfo:
    return IdTokenInfo(AuthorizationStatus.ACCEPTED, GROUPS.get(token), evse_ids=evse_ids)


@dataclass(frozen=True)
class Told:
    """An event, with what was true when it was told."""

    event: TransactionEvent
    lines: LinesChanged
    now_s: float
    ending_s: float | None


@dataclass
class Rig:
    """Drives one session. With `obedient` the guard follows the offer after every stimulus."""

    policy: SessionPolicy = field(default_factory=SessionPolicy)
    obedient: bool = True
    limit_a: int = 16
    power_w: int = 11_000
    lines: LinesChanged = field(
        default_factory=lambda: LinesChanged(
            plugged_in=False, ev_ready=False, power_path_closed=False, connection=GUARD
        )
    )
    at: datetime = BEGIN_AT
    now_s: float = 1000.0
    register_wh: Decimal = FIRST_WH
    current_a: tuple[Decimal, ...] = ()
    fresh: bool = True
    online: bool = True
    learned: timedelta | None = None
    told: list[Told] = field(default_factory=list)
    ids: int = 0

    def __post_init__(self) -> None:
        self.session = Session(idle_state(1), self.policy)
        self.last = Step()
        self.do(Resumed(self.lines, power_was_lost=False))
        self.do(LimitChanged(Decimal(self.limit_a)))

    # --- What can be seen.

    @property
    def state(self) -> SessionState:
        return self.session.state

    @property
    def transaction(self) -> Transaction:
        assert self.state.transaction is not None
        return self.state.transaction

    @property
    def events(self) -> list[TransactionEvent]:
        return [told.event for told in self.told]

    @property
    def ended(self) -> TransactionEvent:
        event = self.events[-1]
        assert event.phase is TransactionPhase.ENDED
        return event

    def told_since(self, count: int) -> list[tuple[TransactionPhase, TriggerReason]]:
        return [(event.phase, event.trigger) for event in self.events[count:]]

    # --- What can happen.

    def moment(self) -> Moment:
        self.ids += 1
        return Moment(
            at=self.at,
            now_s=self.now_s,
            reading=Reading(self.register_wh, current_a=self.current_a, fresh=self.fresh),
            fresh_id=f"transaction-{self.ids}",
            online=self.online,
            learned=self.learned,
        )

    def do(self, stimulus: Stimulus) -> Step:
        step = self._handle(stimulus)
        if self.obedient:
            self.follow()
        self.last = step
        return step

    def follow(self) -> None:
        """Let the guard do what the session wants of the contactor."""
        lines, snapshot = self.lines, self.state.snapshot
        closed = snapshot.offered and lines.plugged_in and lines.ev_ready and not lines.faults
        if closed != lines.power_path_closed:
            self.lines = replace(lines, power_path_closed=closed)
            self._handle(self.lines)

    def wait(self, seconds: float, *, jump_s: float = 0.0) -> None:
        """Let time pass, and energy flow; `jump_s` sets the wall clock besides."""
        if self.lines.power_path_closed:
            self.register_wh += Decimal(self.power_w) * Decimal(str(seconds)) / 3600
        self.now_s += seconds
        self.at += timedelta(seconds=seconds + jump_s)

    def run(self, seconds: float) -> None:
        """Let time pass as the service does: woken at every deadline."""
        end_s = self.now_s + seconds
        while (due_s := self.state.deadlines.earliest_s()) is not None and due_s <= end_s:
            self.wait(max(0.0, due_s - self.now_s))
            self.do(Elapsed())
        self.wait(max(0.0, end_s - self.now_s))

    def see(
        self,
        *,
        plugged_in: bool | None = None,
        ev_ready: bool | None = None,
        closed: bool | None = None,
        faults: frozenset[str] | None = None,
        connection: int | None = None,
        cable_max_a: int | None = -1,
    ) -> Step:
        """Let the guard report changed lines; a cable that nobody names goes with its plug."""
        was = self.lines
        plugged_in = was.plugged_in if plugged_in is None else plugged_in
        self.lines = LinesChanged(
            plugged_in=plugged_in,
            ev_ready=was.ev_ready if ev_ready is None else ev_ready,
            power_path_closed=was.power_path_closed if closed is None else closed,
            faults=was.faults if faults is None else faults,
            connection=was.connection if connection is None else connection,
            cable_max_a=(32 if plugged_in else None) if cable_max_a == -1 else cable_max_a,
        )
        return self.do(self.lines)

    def plug(self, *, ready: bool = False) -> Step:
        return self.see(plugged_in=True, ev_ready=ready, connection=self.lines.connection + 1)

    def unplug(self, *, faults: frozenset[str] | None = None) -> Step:
        closed = None if not self.obedient else False
        return self.see(plugged_in=False, ev_ready=False, closed=closed, faults=faults)

    def unplug_at_the_ev(self) -> Step:
        """Pull the plug out of the EV; the cable stays in the outlet."""
        closed = None if not self.obedient else False
        return self.see(plugged_in=False, ev_ready=False, closed=closed, cable_max_a=32)

    def fault(self, *names: str) -> Step:
        closed = False if self.obedient else None
        return self.see(closed=closed, faults=frozenset(names))

    def tap(
        self,
        token: IdToken = DRIVER,
        info: IdTokenInfo | None = None,
        by: AuthorizedBy = AuthorizedBy.CSMS,
    ) -> Step:
        """Hold a token before the reader, and have it judged if that is wanted."""
        step = self.do(TokenPresented(token))
        if step.judge is not None:
            step = self.do(TokenJudged(step.judge, accepted(token) if info is None else info, by))
        return step

    def arrive(self, token: IdToken = DRIVER) -> Step:
        """Plug in an EV for a token that was presented before its EVSE was known."""
        waiting = Session(idle_state(UNDECIDED), self.policy)
        for stimulus in (
            TokenPresented(token),
            TokenJudged(token, accepted(token), AuthorizedBy.CSMS),
        ):
            moment = replace(self.moment(), reading=Reading(Decimal(0)))
            step = waiting.handle(stimulus, moment)
            self.told += [Told(event, self.lines, self.now_s, None) for event in step.events]
        assert waiting.state.authorization is not None
        self.wait(3)
        connection = self.lines.connection + 1
        self.lines = LinesChanged(
            plugged_in=True, ev_ready=False, power_path_closed=False, connection=connection
        )
        state = waiting.state
        assert state.authorization is not None
        return self.do(Arrived(self.lines, state.authorization, state.transaction))

    def start_remotely(self, token: IdToken = DRIVER, remote_start_id: int | None = 42) -> Step:
        return self.do(RemoteStarted(token, GROUPS.get(token), remote_start_id))

    def revoke(self) -> Step:
        return self.do(TokenRevoked(self.transaction.id))

    def stop(self, order: StopOrdered) -> Step:
        return self.do(order)

    def charge(self) -> None:
        """Plug in, authorize, and let energy flow."""
        self.plug(ready=True)
        self.tap()
        assert self.lines.power_path_closed

    def restart(self, *, power_was_lost: bool = False, lines: LinesChanged | None = None) -> None:
        """Start the software anew from the state as kept."""
        self.session = Session(after_restart(self.session.state), self.policy)
        self.lines = self.lines if lines is None else lines
        self.do(Resumed(self.lines, power_was_lost))

    def _handle(self, stimulus: Stimulus) -> Step:
        ending_s = self.state.deadlines.ending_s
        step = self.session.handle(stimulus, self.moment())
        self.told += [Told(event, self.lines, self.now_s, ending_s) for event in step.events]
        assert_offer_is_deserved(self.state)
        return step


def assert_offer_is_deserved(state: SessionState) -> None:
    """Energy is offered only to an authorized, connected EV, without faults, at 6 A or more."""
    snapshot = state.snapshot
    assert snapshot.in_transaction == (state.transaction is not None)
    assert snapshot.authorized == (state.authorization is not None)
    if snapshot.offered:
        assert snapshot.authorized
        assert snapshot.plugged_in
        assert not snapshot.faulted
        assert state.limit_a >= 6
        assert state.transaction is None or state.transaction.ending is None


def assert_well_told(told: list[Told]) -> None:
    """Every transaction begins once, ends at most once, and misses or repeats nothing between."""
    events = [one.event for one in told]
    order = list(dict.fromkeys(event.transaction_id for event in events))
    assert [event.transaction_id for event in events] == [
        event.transaction_id
        for transaction_id in order
        for event in events
        if event.transaction_id == transaction_id
    ], "transactions overlap"
    for number, transaction_id in enumerate(order):
        of_one = [one for one in told if one.event.transaction_id == transaction_id]
        _assert_one_well_told(of_one, is_last=number == len(order) - 1)


def _assert_one_well_told(told: list[Told], *, is_last: bool) -> None:
    events = [one.event for one in told]
    phases = [event.phase for event in events]
    assert [event.seq_no for event in events] == list(range(len(events)))
    assert phases.index(TransactionPhase.STARTED) == 0
    assert phases.count(TransactionPhase.STARTED) == 1
    assert TransactionPhase.ENDED not in phases[:-1]
    assert is_last or phases[-1] is TransactionPhase.ENDED
    assert sum(event.starts_billing for event in events) <= 1
    remote_starts = [e.remote_start_id for e in events if e.remote_start_id is not None]
    assert len(remote_starts) == len(set(remote_starts))
    places = [event.evse for event in events]
    assert places == sorted(places)
    assert set(places) <= {0, 1}
    assert events[0].names_evse == (events[0].evse == 1)
    assert sum(event.names_evse for event in events[1:]) <= 1
    for earlier, later in pairwise(events):
        assert earlier.at <= later.at
        assert earlier.register_wh <= later.register_wh
        assert (earlier.time_spent_charging_s or 0) <= (later.time_spent_charging_s or 0)
        _assert_has_a_cause(earlier, later)
    for one in told:
        _assert_contexts(one.event, begins_late=events[0].evse == 0)
        if one.event.phase is TransactionPhase.ENDED:
            timed_out = one.ending_s is not None and one.now_s >= one.ending_s
            assert timed_out or not one.lines.power_path_closed


def _assert_has_a_cause(earlier: TransactionEvent, later: TransactionEvent) -> None:
    """A change of the charging state that is none is no news, unless something else is."""
    if later.trigger is TriggerReason.CHARGING_STATE_CHANGED:
        changed = earlier.charging_state is not later.charging_state
        ends = later.phase is TransactionPhase.ENDED
        assert changed or ends or later.starts_billing or later.names_evse


_SAMPLES = {
    TriggerReason.METER_VALUE_PERIODIC: ReadingContext.SAMPLE_PERIODIC,
    TriggerReason.METER_VALUE_CLOCK: ReadingContext.SAMPLE_CLOCK,
    TriggerReason.TRIGGER: ReadingContext.TRIGGER,
}


def _assert_contexts(event: TransactionEvent, *, begins_late: bool) -> None:
    contexts = [s.context for value in event.meter_values for s in value.samples]
    if event.evse == 0:
        assert contexts == []
        return
    if begins_late and set(contexts) == {ReadingContext.TRANSACTION_BEGIN}:
        assert event.charging_state is ChargingState.CHARGING
        return
    match event.phase:
        case TransactionPhase.STARTED:
            assert set(contexts) <= {ReadingContext.TRANSACTION_BEGIN}
        case TransactionPhase.UPDATED:
            assert set(contexts) <= {_SAMPLES.get(event.trigger)}
            assert len(event.meter_values) <= 1
        case TransactionPhase.ENDED:
            _assert_series(event, contexts)


def _assert_series(event: TransactionEvent, contexts: list[ReadingContext]) -> None:
    if not event.meter_values:
        return
    assert contexts[0] is ReadingContext.TRANSACTION_BEGIN
    assert contexts[-1] is ReadingContext.TRANSACTION_END
    assert set(contexts[1:-1]) <= {ReadingContext.SAMPLE_PERIODIC, ReadingContext.SAMPLE_CLOCK}
    instants = [value.at for value in event.meter_values]
    assert instants == sorted(instants)
    assert instants[-1] == event.at


def points(*names: str) -> frozenset[TxPoint]:
    return frozenset(TxPoint(name) for name in names)
