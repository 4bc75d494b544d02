"""Anything may happen to a session in any order: what is told stays true all the same."""

import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.core.documents import read, written
from agent.core.session import Session
from agent.core.session_state import (
    AlignedDue,
    AvailabilityChanged,
    Cause,
    Elapsed,
    EventTriggered,
    LimitChanged,
    LinesChanged,
    RemoteStarted,
    SessionPolicy,
    SessionState,
    StopOrdered,
    TokenJudged,
    TokenPresented,
    TokenRevoked,
)
from agent.core.snapshot import charging_state, connector_status
from agent.core.transaction_points import starts
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
    TxPoint,
)
from tests.unit.core.session_rig import (
    DRIVER,
    GROUPS,
    GUARD,
    PARTNER,
    STRANGER,
    Rig,
    assert_offer_is_deserved,
    assert_well_told,
)

tokens = st.sampled_from([DRIVER, PARTNER, STRANGER])
faults = st.frozensets(
    st.sampled_from(["rcd", "estop", "over_temperature", "meter_lost", "reader_lost"]), max_size=2
)
point_sets = st.frozensets(
    st.sampled_from(sorted(set(TxPoint) - {TxPoint.PARKING_BAY_OCCUPANCY})), min_size=1, max_size=3
)
policies = st.builds(
    SessionPolicy,
    start_points=point_sets,
    stop_points=point_sets,
    connection_timeout_s=st.sampled_from([1, 30]),
    stop_on_invalid_id=st.booleans(),
    stop_on_ev_side_disconnect=st.booleans(),
    max_energy_on_invalid_id_wh=st.sampled_from([None, 0, 500]),
    authorization_required=st.sampled_from([True, True, False]),
    updated_interval_s=st.sampled_from([0, 10, 60]),
    ended_interval_s=st.sampled_from([0, 10]),
    ended_values_at_most=st.just(6),
)
stop_orders = st.builds(
    StopOrdered,
    st.builds(
        Cause,
        st.sampled_from([TriggerReason.REMOTE_STOP, TriggerReason.RESET_COMMAND]),
        st.sampled_from([StoppedReason.REMOTE, StoppedReason.REBOOT]),
    ),
    final=st.booleans(),
)


class AnySession(RuleBasedStateMachine):
    """Drives a session with whatever hypothesis thinks of."""

    rig: Rig

    @initialize(policy=policies)
    def begin(self, policy: SessionPolicy) -> None:
        self.rig = Rig(policy, obedient=False)

    # --- The world.

    @rule(
        plugged_in=st.booleans(),
        ev_ready=st.booleans(),
        closed=st.booleans(),
        faults=st.just(frozenset()) | faults,
        swapped=st.sampled_from([0, 0, 0, 1, GUARD]),
    )
    def lines_change(
        self,
        *,
        plugged_in: bool,
        ev_ready: bool,
        closed: bool,
        faults: frozenset[str],
        swapped: int,
    ) -> None:
        was = self.rig.lines
        replugged = plugged_in and not was.plugged_in
        connection = was.connection + (swapped or int(replugged))
        # A cable that was out meanwhile was without power.
        closed = closed and plugged_in and connection == was.connection
        self.rig.see(
            plugged_in=plugged_in,
            ev_ready=ev_ready and plugged_in,
            closed=closed,
            faults=faults,
            connection=connection,
        )

    @rule()
    def guard_follows(self) -> None:
        self.rig.follow()

    @rule(closed=st.booleans())
    def ev_charges(self, *, closed: bool) -> None:
        self.rig.see(plugged_in=True, ev_ready=True, closed=closed, faults=frozenset())

    @rule(seconds=st.sampled_from([0.0, 0.3, 9.9, 31.0, 61.0, 100_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.rig.wait(seconds)
        self.rig.do(Elapsed())

    @rule(seconds=st.sampled_from([5, 65]))
    def time_passes_at_the_services_pace(self, seconds: int) -> None:
        self.rig.run(seconds)

    @rule(jump_s=st.sampled_from([-86_400.0, -1.0, 1.0, 1e9]))
    def the_clock_is_set(self, jump_s: float) -> None:
        if self.rig.at.year < 2200:
            self.rig.wait(0, jump_s=jump_s)

    @rule(fresh=st.booleans(), step_wh=st.sampled_from([-1_000_000, -1, 0, 1, 600]))
    def the_meter_does_what_it_wants(self, *, fresh: bool, step_wh: int) -> None:
        self.rig.fresh = fresh
        self.rig.register_wh = max(Decimal(0), self.rig.register_wh + step_wh)

    @rule(online=st.booleans())
    def the_link_changes(self, *, online: bool) -> None:
        self.rig.online = online

    # --- People and the CSMS.

    @rule(token=tokens)
    def a_token_is_presented(self, token: IdToken) -> None:
        self.rig.do(TokenPresented(token))

    @rule(token=tokens, good=st.sampled_from([True, True, False]))
    def a_token_is_judged(self, *, token: IdToken, good: bool) -> None:
        status = AuthorizationStatus.ACCEPTED if good else AuthorizationStatus.INVALID
        info = IdTokenInfo(status, GROUPS[token])
        self.rig.do(TokenJudged(token, info, AuthorizedBy.CSMS))

    @rule(token=tokens)
    def a_token_is_presented_and_accepted(self, token: IdToken) -> None:
        self.rig.tap(token)

    @rule(token=tokens)
    def a_car_arrives_for_a_token_that_waits_for_it(self, token: IdToken) -> None:
        state = self.rig.state
        taken = state.authorization or state.pending or state.transaction or state.cable_keeper
        usable = state.snapshot.operative and not state.snapshot.faults
        if usable and not taken and not state.snapshot.plugged_in:
            self.rig.arrive(token)

    @rule(token=tokens, to_be_judged=st.booleans(), numbered=st.booleans())
    def a_remote_start(self, *, token: IdToken, to_be_judged: bool, numbered: bool) -> None:
        self.rig.ids += 1
        number = self.rig.ids if numbered else None
        start = RemoteStarted(token, None, number, to_be_judged=to_be_judged)
        self.rig.do(start)

    @rule(known=st.booleans())
    def a_token_is_revoked(self, *, known: bool) -> None:
        running = self.rig.state.transaction
        self.rig.do(TokenRevoked(running.id if running and known else "unknown"))

    @rule(order=stop_orders)
    def a_stop_is_ordered(self, order: StopOrdered) -> None:
        self.rig.do(order)

    @rule(limit_a=st.sampled_from(["0", "5.9", "6", "16", "32"]))
    def the_limit_changes(self, limit_a: str) -> None:
        self.rig.do(LimitChanged(Decimal(limit_a)))

    @rule(operative=st.booleans())
    def the_availability_changes(self, *, operative: bool) -> None:
        self.rig.do(AvailabilityChanged(operative))

    @rule(stimulus=st.sampled_from([AlignedDue(), EventTriggered()]))
    def values_are_wanted(self, stimulus: AlignedDue | EventTriggered) -> None:
        before = len(self.rig.told)
        ending = self.rig.state.transaction is None or self.rig.state.transaction.ending is not None
        self.rig.do(stimulus)
        if ending:
            phases = {told.event.phase for told in self.rig.told[before:]}
            assert phases <= {TransactionPhase.ENDED, TransactionPhase.STARTED}

    @rule(policy=policies)
    def the_rules_change(self, policy: SessionPolicy) -> None:
        self.rig.policy = self.rig.session.policy = policy
        self.rig.do(Elapsed())

    # --- Restarts.

    @rule()
    def the_state_goes_through_the_disk(self) -> None:
        document = json.loads(json.dumps(written(self.rig.state), allow_nan=False))
        restored = read(SessionState, document)
        assert restored == self.rig.state
        self.rig.session = Session(restored, self.rig.policy)

    @rule(power_was_lost=st.booleans(), swapped=st.sampled_from([0, 0, 1, GUARD]))
    def the_software_restarts(self, *, power_was_lost: bool, swapped: int) -> None:
        lines: LinesChanged = self.rig.lines
        if swapped or power_was_lost:
            connection = lines.connection + swapped
            lines = replace(lines, connection=connection, power_path_closed=False)
        before, running = len(self.rig.told), self.rig.state.transaction
        self.rig.restart(power_was_lost=power_was_lost, lines=lines)
        if power_was_lost and running is not None and running.ending is None:
            ended = self.rig.told[before].event
            assert ended.stopped_reason is StoppedReason.POWER_LOSS
            assert ended.transaction_id == running.id
        if power_was_lost and self.rig.policy.authorization_required:
            assert self.rig.state.authorization is None

    # --- What always holds.

    @invariant()
    def what_runs_is_what_was_told(self) -> None:
        if not hasattr(self, "rig"):
            return
        state = self.rig.state
        assert_offer_is_deserved(state)
        told = [told.event for told in self.rig.told[-1:]]
        running = {e.transaction_id for e in told if e.phase is not TransactionPhase.ENDED}
        assert running == (set() if state.transaction is None else {state.transaction.id})

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            assert_well_told(self.rig.told)

    @invariant()
    def energy_is_accounted_for(self) -> None:
        if not hasattr(self, "rig"):
            return
        state, policy = self.rig.state, self.rig.policy
        if state.snapshot.offered and state.transaction is None:
            assert TxPoint.ENERGY_TRANSFER in policy.start_points
            measured = self.rig.fresh or state.rest is not None
            assert not (measured and starts(state.snapshot, policy))

    @invariant()
    def nobody_is_left_behind(self) -> None:
        if not hasattr(self, "rig"):
            return
        state = self.rig.state
        charging_state(state.snapshot)
        connector_status(state.snapshot)
        running = state.transaction
        if running is not None and running.ending is not None:
            assert state.deadlines.ending_s is not None
        if state.authorization is not None and not state.snapshot.plugged_in and running is None:
            assert state.deadlines.connect_s is not None


AnySession.TestCase.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, derandomize=True
)
TestAnySession = AnySession.TestCase
