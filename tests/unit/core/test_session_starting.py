"""How a session begins: cable, token, remote start, the wait for the other half."""

from dataclasses import replace

import pytest

from agent.core.session_state import (
    AvailabilityChanged,
    Cause,
    RemoteStarted,
    SessionPolicy,
    StopOrdered,
    TokenJudged,
    TokenPresented,
)
from agent.core.snapshot import connector_status
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    ChargingState,
    ConnectorStatus,
    IdToken,
    IdTokenInfo,
    ReadingContext,
    StoppedReason,
    TokenType,
    TransactionPhase,
    TriggerReason,
)
from tests.unit.core.session_rig import (
    DRIVER,
    FIRST_WH,
    GROUPS,
    OTHER_GUARD,
    PARTNER,
    STRANGER,
    Rig,
    accepted,
    assert_well_told,
    points,
)

INVALID = IdTokenInfo(AuthorizationStatus.INVALID)
EV_CONNECTED = SessionPolicy(start_points=points("EVConnected"))
AUTHORIZED = SessionPolicy(start_points=points("Authorized"))
ENERGY_TRANSFER = SessionPolicy(start_points=points("EnergyTransfer"))
FREE = SessionPolicy(authorization_required=False)
STARTED, UPDATED = TransactionPhase.STARTED, TransactionPhase.UPDATED
ENDED = TransactionPhase.ENDED


# --- Cable first.


@pytest.mark.requirement("E02.FR.06", "E02.FR.09", "E01.FR.09", "E01.FR.16", "E01.FR.02")
def test_with_start_point_ev_connected_the_cable_starts_the_transaction() -> None:
    rig = Rig(EV_CONNECTED)

    rig.plug()

    (event,) = rig.events
    assert (event.phase, event.trigger) == (STARTED, TriggerReason.CABLE_PLUGGED_IN)
    assert event.names_evse
    assert event.id_token is None
    assert event.charging_state is ChargingState.EV_CONNECTED
    assert event.cable_max_a == 32
    assert [s.context for v in event.meter_values for s in v.samples] == [
        ReadingContext.TRANSACTION_BEGIN
    ]
    assert not rig.state.snapshot.offered


@pytest.mark.requirement("E02.FR.01", "E02.FR.20", "E01.FR.10", "C01.FR.01", "S16-AUTH-01")
def test_the_event_after_the_authorization_carries_the_token_once() -> None:
    rig = Rig(EV_CONNECTED)
    rig.plug()

    rig.tap()
    rig.see(ev_ready=True)

    authorized = rig.events[1]
    assert (authorized.phase, authorized.trigger) == (UPDATED, TriggerReason.AUTHORIZED)
    assert authorized.id_token == DRIVER
    assert authorized.starts_billing
    assert [e.id_token for e in rig.events] == [None, DRIVER, *[None] * (len(rig.events) - 2)]


@pytest.mark.requirement("E02.FR.20", "C01.FR.01")
def test_a_refused_token_gives_no_event_and_no_energy() -> None:
    rig = Rig(EV_CONNECTED)
    rig.plug(ready=True)

    rig.tap(info=INVALID)

    assert rig.last.refused == DRIVER
    assert len(rig.events) == 1
    assert not rig.state.snapshot.offered


@pytest.mark.requirement("E01.FR.05", "S16-TXN-02")
def test_with_start_point_power_path_closed_both_halves_are_needed() -> None:
    rig = Rig()
    rig.plug()
    assert rig.events == []

    rig.tap()

    (event,) = rig.events
    assert (event.phase, event.trigger) == (STARTED, TriggerReason.AUTHORIZED)
    assert event.id_token == DRIVER
    assert event.charging_state is ChargingState.SUSPENDED_EV


@pytest.mark.requirement("E01.FR.18", "E02.FR.13", "E02.FR.18", "E03.FR.13")
def test_the_charging_state_is_told_when_it_changes() -> None:
    rig = Rig(obedient=False)
    rig.plug()
    rig.tap()
    rig.see(ev_ready=True)
    rig.see(closed=True)
    rig.see(closed=True)
    rig.see(ev_ready=False, closed=False)

    assert [e.charging_state for e in rig.events] == [
        ChargingState.SUSPENDED_EV,
        ChargingState.EV_CONNECTED,
        ChargingState.CHARGING,
        ChargingState.SUSPENDED_EV,
    ]
    assert [e.phases_used for e in rig.events] == [None, None, 3, None]
    assert {e.trigger for e in rig.events[1:]} == {TriggerReason.CHARGING_STATE_CHANGED}


@pytest.mark.requirement("E01.FR.19")
def test_an_ev_that_pauses_is_told_as_suspended_by_the_ev() -> None:
    rig = Rig()
    rig.charge()

    rig.see(ev_ready=False)

    assert rig.events[-1].charging_state is ChargingState.SUSPENDED_EV


@pytest.mark.requirement("E01.FR.06")
def test_with_start_point_energy_transfer_the_first_energy_is_not_lost() -> None:
    rig = Rig(ENERGY_TRANSFER, obedient=False)
    rig.plug(ready=True)
    rig.tap()
    assert rig.state.snapshot.offered
    assert rig.events == []
    rig.register_wh += 3

    rig.see(closed=True)

    (event,) = rig.events
    assert event.phase is STARTED
    assert event.id_token == DRIVER
    assert event.register_wh == FIRST_WH
    assert event.charging_state is ChargingState.CHARGING
    assert rig.transaction.register_at_start_wh == FIRST_WH


@pytest.mark.requirement("C01.FR.01")
def test_no_energy_is_offered_where_no_transaction_could_record_it() -> None:
    rig = Rig(SessionPolicy(start_points=points("ParkingBayOccupancy")))

    rig.plug(ready=True)
    rig.tap()

    assert not rig.state.snapshot.offered


def test_start_points_changed_while_an_ev_waits_hold_from_the_next_stimulus() -> None:
    rig = Rig(ENERGY_TRANSFER, obedient=False)
    rig.plug(ready=True)
    rig.tap()

    rig.session.policy = SessionPolicy(start_points=points("Authorized"))
    rig.see(closed=True)

    assert [e.phase for e in rig.events] == [STARTED]
    assert rig.session.policy.start_points == points("Authorized")


@pytest.mark.requirement("J02.FR.16")
def test_no_transaction_begins_before_the_meter_was_ever_read() -> None:
    rig = Rig(EV_CONNECTED, fresh=False)
    rig.plug(ready=True)
    rig.tap()
    assert rig.events == []
    assert not rig.state.snapshot.offered

    rig.fresh = True
    rig.see()

    assert [e.phase for e in rig.events] == [STARTED, UPDATED]
    assert rig.lines.power_path_closed


def test_a_meter_lost_since_the_last_reading_begins_with_that_reading() -> None:
    rig = Rig()
    rig.plug()
    rig.fresh, rig.register_wh = False, rig.register_wh * 0

    rig.tap()

    assert rig.events[0].register_wh == FIRST_WH


@pytest.mark.parametrize("fault", ["over_temperature", "rcd", "meter_lost"])
@pytest.mark.requirement("S16-TXN-13")
def test_a_faulty_evse_starts_nothing_until_the_fault_has_gone(fault: str) -> None:
    rig = Rig(EV_CONNECTED)
    rig.fault(fault)
    rig.plug()
    rig.tap()
    assert rig.last.refused == DRIVER
    assert rig.events == []

    rig.fault()

    assert [e.phase for e in rig.events] == [STARTED]


@pytest.mark.requirement("G03.FR.06", "S16-AVAIL-01")
def test_an_unavailable_evse_starts_nothing() -> None:
    rig = Rig(EV_CONNECTED)
    rig.do(AvailabilityChanged(operative=False))

    rig.plug()
    rig.tap()

    assert rig.last.refused == DRIVER
    assert rig.events == []
    assert connector_status(rig.state.snapshot) is ConnectorStatus.UNAVAILABLE


def test_a_lost_reader_does_not_keep_a_remote_start_from_charging() -> None:
    rig = Rig()
    rig.see(faults=frozenset({"reader_lost"}))
    rig.obedient = False
    rig.plug(ready=True)

    rig.start_remotely()

    assert rig.state.snapshot.offered


@pytest.mark.requirement("E01.FR.06")
def test_energy_that_flows_is_recorded_even_if_the_evse_became_unusable_meanwhile() -> None:
    rig = Rig(ENERGY_TRANSFER, obedient=False)
    rig.plug(ready=True)
    rig.tap()

    rig.see(closed=True, faults=frozenset({"over_temperature"}))

    assert [e.phase for e in rig.events] == [STARTED]
    assert not rig.state.snapshot.offered


# --- Id first, and the wait for the cable.


@pytest.mark.requirement("E03.FR.01", "E01.FR.03", "E01.FR.16", "E03.FR.07")
def test_with_start_point_authorized_the_token_starts_the_transaction() -> None:
    rig = Rig(AUTHORIZED)

    rig.tap()
    rig.plug()
    rig.see(ev_ready=True)

    started, plugged_in = rig.events[:2]
    assert (started.phase, started.trigger) == (STARTED, TriggerReason.AUTHORIZED)
    assert started.id_token == DRIVER
    assert started.charging_state is ChargingState.IDLE
    assert started.meter_values
    assert (plugged_in.phase, plugged_in.trigger) == (UPDATED, TriggerReason.CABLE_PLUGGED_IN)
    assert plugged_in.names_evse
    assert plugged_in.id_token is None


@pytest.mark.requirement("E03.FR.05", "F02.FR.07")
@pytest.mark.parametrize("stop", ["EVConnected", "Authorized", "PowerPathClosed"])
def test_a_cable_that_never_comes_ends_the_transaction(stop: str) -> None:
    rig = Rig(replace(AUTHORIZED, stop_points=points(stop), connection_timeout_s=30))
    rig.tap()

    rig.run(29.9)
    assert rig.state.transaction is not None
    rig.run(0.2)

    assert rig.ended.trigger is TriggerReason.EV_CONNECT_TIMEOUT
    assert rig.ended.stopped_reason is StoppedReason.TIMEOUT
    assert_well_told(rig.told)


@pytest.mark.requirement("E03.FR.15", "F02.FR.08")
def test_with_a_parking_bay_the_timeout_only_takes_the_authorization() -> None:
    stop_points = points("ParkingBayOccupancy")
    rig = Rig(replace(AUTHORIZED, stop_points=stop_points, connection_timeout_s=30))
    rig.tap()

    rig.run(31)

    assert rig.events[-1].phase is UPDATED
    assert rig.events[-1].trigger is TriggerReason.EV_CONNECT_TIMEOUT
    assert rig.state.authorization is None
    assert rig.state.transaction is not None


@pytest.mark.requirement("C01.FR.26", "S16-AUTH-08")
def test_without_a_transaction_the_timeout_drops_the_authorization_silently() -> None:
    rig = Rig(SessionPolicy(connection_timeout_s=30))
    rig.tap()
    assert rig.state.snapshot.awaiting_ev

    rig.run(31)

    assert rig.state.authorization is None
    assert not rig.state.snapshot.awaiting_ev
    assert rig.events == []
    rig.plug(ready=True)
    assert not rig.state.snapshot.offered


@pytest.mark.requirement("E03.FR.05")
def test_plugging_in_in_time_stops_the_clock() -> None:
    rig = Rig(SessionPolicy(connection_timeout_s=30))
    rig.tap()
    rig.run(29)
    rig.plug(ready=True)

    assert rig.state.deadlines.connect_s is None
    rig.run(31)

    assert rig.lines.power_path_closed


@pytest.mark.requirement("S16-STAT-05")
def test_a_cable_without_token_waits_no_longer_than_the_timeout() -> None:
    rig = Rig(SessionPolicy(connection_timeout_s=30))
    rig.plug()
    rig.run(31)
    assert rig.state.snapshot.transaction_ended
    assert rig.state.deadlines.connect_s is None

    rig.tap()

    assert [e.phase for e in rig.events] == [STARTED]
    assert not rig.state.snapshot.transaction_ended


def test_each_wait_has_its_full_time() -> None:
    rig = Rig(SessionPolicy(connection_timeout_s=30))
    rig.plug()
    rig.run(20)
    rig.unplug()
    rig.run(5)
    rig.tap()
    assert rig.state.deadlines.connect_s == rig.now_s + 30

    rig.run(29)

    assert rig.state.authorization is not None


@pytest.mark.requirement("E07.FR.01")
def test_the_same_token_again_takes_the_authorization_back_before_the_cable_comes() -> None:
    rig = Rig(replace(AUTHORIZED, stop_points=points("EVConnected")))
    rig.tap()

    rig.tap()

    assert rig.ended.trigger is TriggerReason.STOP_AUTHORIZED
    assert rig.ended.stopped_reason is StoppedReason.LOCAL
    assert rig.ended.id_token == DRIVER


def test_becoming_unavailable_drops_an_authorization_that_waits_for_its_cable() -> None:
    rig = Rig()
    rig.tap()

    rig.do(AvailabilityChanged(operative=False))
    rig.do(AvailabilityChanged(operative=True))
    rig.plug(ready=True)

    assert rig.state.authorization is None
    assert rig.events == []


@pytest.mark.requirement("E09.FR.01")
def test_an_ev_that_left_before_any_transaction_takes_its_authorization_along() -> None:
    rig = Rig(ENERGY_TRANSFER)
    rig.plug()
    rig.tap()

    rig.unplug()
    rig.plug(ready=True)

    assert not rig.state.snapshot.offered
    assert rig.events == []


# --- Tokens that cross each other.


def test_a_token_is_judged_once_however_often_it_is_presented_meanwhile() -> None:
    rig = Rig()
    first = rig.do(TokenPresented(DRIVER))
    second = rig.do(TokenPresented(IdToken(DRIVER.value.lower())))

    assert first.judge == DRIVER
    assert (second.judge, second.refused) == (None, None)


def test_another_token_is_turned_away_while_one_is_judged() -> None:
    rig = Rig()
    rig.do(TokenPresented(DRIVER))

    step = rig.do(TokenPresented(STRANGER))

    assert (step.judge, step.refused) == (None, STRANGER)
    rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))
    assert rig.state.authorization is not None
    assert rig.state.authorization.token == DRIVER


def test_a_verdict_on_a_token_that_nobody_waits_for_changes_nothing() -> None:
    rig = Rig()
    rig.plug(ready=True)

    step = rig.do(TokenJudged(STRANGER, accepted(STRANGER), AuthorizedBy.CSMS))

    assert step.refused == STRANGER
    assert rig.state.authorization is None
    assert not rig.state.snapshot.offered


def test_a_verdict_that_comes_after_the_ev_left_its_transaction_is_refused() -> None:
    rig = Rig(EV_CONNECTED)
    rig.plug()
    rig.do(TokenPresented(DRIVER))
    rig.unplug()
    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED

    step = rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))

    assert step.refused == DRIVER
    assert rig.state.authorization is None


def test_a_verdict_that_comes_after_unplugging_without_transaction_waits_for_the_cable() -> None:
    rig = Rig()
    rig.plug()
    rig.do(TokenPresented(DRIVER))
    rig.unplug()

    rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))

    assert rig.state.snapshot.awaiting_ev
    rig.run(61)
    assert rig.state.authorization is None


def test_a_verdict_that_comes_during_the_ending_is_refused() -> None:
    rig = Rig(EV_CONNECTED, obedient=False)
    rig.plug(ready=True)
    rig.tap()
    rig.see(closed=True)
    rig.do(TokenPresented(PARTNER))
    rig.stop(StopOrdered(Cause(TriggerReason.RESET_COMMAND), final=True))
    assert rig.transaction.ending is not None

    step = rig.do(TokenJudged(PARTNER, accepted(PARTNER), AuthorizedBy.CSMS))
    again = rig.do(TokenPresented(DRIVER))

    assert step.refused == PARTNER
    assert again.refused == DRIVER
    assert rig.state.authorization is None


def test_a_verdict_on_a_token_that_became_the_holder_otherwise_is_no_refusal() -> None:
    rig = Rig()
    rig.do(TokenPresented(DRIVER))
    rig.start_remotely(DRIVER)

    step = rig.do(TokenJudged(DRIVER, INVALID, AuthorizedBy.CSMS))

    assert step.refused is None
    assert rig.state.authorization is not None


@pytest.mark.requirement("C01.FR.21")
@pytest.mark.parametrize(("evse_ids", "may"), [((), True), ((1, 2), True), ((2,), False)])
def test_a_token_charges_only_at_the_evses_it_may(evse_ids: tuple[int, ...], *, may: bool) -> None:
    rig = Rig()
    rig.plug()

    rig.tap(info=accepted(DRIVER, evse_ids))

    assert (rig.state.authorization is not None) == may
    assert rig.last.refused == (None if may else DRIVER)


def test_who_vouched_for_the_token_is_kept() -> None:
    rig = Rig()
    rig.tap(by=AuthorizedBy.LOCAL_LIST)

    assert rig.state.authorization is not None
    assert rig.state.authorization.by is AuthorizedBy.LOCAL_LIST
    assert rig.state.authorization.group == GROUPS[DRIVER]


def test_a_token_that_became_unwelcome_while_it_was_judged_is_refused() -> None:
    rig = Rig()
    rig.do(TokenPresented(DRIVER))
    rig.do(AvailabilityChanged(operative=False))

    step = rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))

    assert step.refused == DRIVER
    assert rig.state.authorization is None


# --- Remote start.


@pytest.mark.requirement(
    "F01.FR.02", "F01.FR.03", "F01.FR.04", "F01.FR.14", "F01.FR.17", "F01.FR.19", "F01.FR.25"
)
def test_a_remote_start_for_a_connected_ev_starts_at_once() -> None:
    rig = Rig()
    rig.plug(ready=True)

    rig.start_remotely()

    started = rig.events[0]
    assert (started.phase, started.trigger) == (STARTED, TriggerReason.REMOTE_START)
    assert started.id_token == DRIVER
    assert started.remote_start_id == 42
    assert started.meter_values
    assert [e.remote_start_id for e in rig.events[1:]] == [None] * (len(rig.events) - 1)
    assert rig.lines.power_path_closed


@pytest.mark.requirement("F01.FR.13", "F01.FR.19", "F01.FR.25")
def test_a_remote_start_joins_a_transaction_that_the_cable_started() -> None:
    rig = Rig(EV_CONNECTED)
    rig.plug(ready=True)

    rig.start_remotely()

    assert rig.told_since(0)[:2] == [
        (STARTED, TriggerReason.CABLE_PLUGGED_IN),
        (UPDATED, TriggerReason.REMOTE_START),
    ]
    assert rig.events[1].remote_start_id == 42
    assert rig.events[1].id_token == DRIVER
    assert rig.events[1].transaction_id == rig.events[0].transaction_id


@pytest.mark.requirement("F02.FR.01", "F02.FR.21", "F02.FR.11", "F02.FR.05")
def test_a_remote_start_before_the_cable_is_told_with_the_cable() -> None:
    rig = Rig()
    rig.start_remotely()
    assert rig.events == []

    rig.plug()

    (event,) = rig.events
    assert (event.phase, event.trigger) == (STARTED, TriggerReason.REMOTE_START)
    assert (event.id_token, event.remote_start_id) == (DRIVER, 42)


def test_a_remote_start_without_number_is_told_by_its_trigger_alone() -> None:
    rig = Rig()
    rig.plug()

    rig.start_remotely(remote_start_id=None)

    assert rig.events[0].trigger is TriggerReason.REMOTE_START
    assert rig.events[0].remote_start_id is None


@pytest.mark.requirement("F01.FR.01", "F02.FR.09", "S16-RTX-02")
def test_a_remote_start_to_be_judged_gives_no_energy_before_the_verdict() -> None:
    rig = Rig()
    rig.plug(ready=True)

    step = rig.do(RemoteStarted(DRIVER, None, 42, to_be_judged=True))
    assert step.judge == DRIVER
    assert not rig.state.snapshot.offered

    rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))

    assert rig.events[0].trigger is TriggerReason.REMOTE_START
    assert rig.events[0].remote_start_id == 42
    assert rig.state.authorization is not None
    assert rig.state.authorization.group == GROUPS[DRIVER]


@pytest.mark.requirement("F01.FR.01", "F02.FR.09")
def test_a_remote_start_whose_token_is_refused_starts_nothing() -> None:
    rig = Rig()
    rig.plug(ready=True)
    rig.do(RemoteStarted(DRIVER, to_be_judged=True))

    step = rig.do(TokenJudged(DRIVER, INVALID, AuthorizedBy.CSMS))

    assert step.refused == DRIVER
    assert rig.events == []


@pytest.mark.parametrize("to_be_judged", [False, True])
def test_a_remote_start_goes_before_a_token_that_is_still_judged(*, to_be_judged: bool) -> None:
    rig = Rig()
    rig.do(TokenPresented(STRANGER))

    step = rig.do(RemoteStarted(DRIVER, to_be_judged=to_be_judged))

    assert step.refused == STRANGER
    assert step.judge == (DRIVER if to_be_judged else None)
    late = rig.do(TokenJudged(STRANGER, accepted(STRANGER), AuthorizedBy.CSMS))
    assert late.refused == STRANGER
    if to_be_judged:
        rig.do(TokenJudged(DRIVER, accepted(), AuthorizedBy.CSMS))
    assert rig.state.authorization is not None
    assert rig.state.authorization.token == DRIVER


@pytest.mark.requirement("F01.FR.24", "F02.FR.26")
@pytest.mark.parametrize("to_be_judged", [False, True])
def test_a_remote_start_never_replaces_whoever_charges(*, to_be_judged: bool) -> None:
    rig = Rig()
    rig.charge()

    step = rig.do(RemoteStarted(STRANGER, None, 43, to_be_judged=to_be_judged))

    assert (step.judge, step.refused) == (None, STRANGER)
    assert rig.state.authorization is not None
    assert rig.state.authorization.token == DRIVER
    assert rig.state.pending is None


@pytest.mark.requirement("F01.FR.23", "F02.FR.25")
@pytest.mark.parametrize("why", ["fault", "unavailable"])
def test_a_remote_start_that_comes_too_late_for_an_unusable_evse_is_dropped(why: str) -> None:
    rig = Rig()
    if why == "fault":
        rig.fault("over_temperature")
    else:
        rig.do(AvailabilityChanged(operative=False))

    rig.start_remotely()

    assert rig.last.refused == DRIVER
    assert rig.state.authorization is None


@pytest.mark.requirement("F01.FR.25")
def test_a_second_remote_start_in_one_transaction_is_told_with_its_own_number() -> None:
    rig = Rig(SessionPolicy(stop_points=points("EVConnected")))
    rig.plug()
    rig.start_remotely(remote_start_id=42)
    rig.stop(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))

    rig.start_remotely(remote_start_id=43)

    assert [e.remote_start_id for e in rig.events] == [42, None, 43]
    assert rig.events[-1].trigger is TriggerReason.REMOTE_START
    assert sum(e.starts_billing for e in rig.events) == 1


# --- Without authorization.


@pytest.mark.requirement("C02.FR.01")
def test_where_no_authorization_is_required_the_cable_is_enough() -> None:
    rig = Rig(FREE)

    rig.plug(ready=True)

    assert rig.events[0].trigger is TriggerReason.CABLE_PLUGGED_IN
    assert rig.events[0].id_token == IdToken("", TokenType.NO_AUTHORIZATION)
    assert rig.lines.power_path_closed
    assert rig.state.authorization is not None
    assert rig.state.authorization.by is AuthorizedBy.NOBODY


def test_a_stopped_free_session_stays_stopped_until_the_ev_is_plugged_in_again() -> None:
    rig = Rig(FREE)
    rig.plug(ready=True)
    rig.stop(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))
    assert rig.ended.stopped_reason is StoppedReason.REMOTE
    rig.run(10)
    assert not rig.state.snapshot.offered

    rig.unplug()
    rig.plug(ready=True)

    assert rig.lines.power_path_closed


def test_a_deauthorized_free_transaction_does_not_authorize_itself_again() -> None:
    rig = Rig(replace(FREE, stop_points=points("EVConnected")))
    rig.plug(ready=True)

    rig.stop(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))
    rig.run(10)

    assert rig.state.transaction is not None
    assert not rig.state.snapshot.offered


def test_a_free_ev_that_met_an_unavailable_evse_charges_as_soon_as_it_may() -> None:
    rig = Rig(FREE)
    rig.do(AvailabilityChanged(operative=False))
    rig.plug(ready=True)
    rig.run(300)
    assert rig.events == []

    rig.do(AvailabilityChanged(operative=True))

    assert rig.events[0].trigger is TriggerReason.AUTHORIZED
    assert rig.lines.power_path_closed


def test_a_transaction_of_the_cable_is_freed_when_authorization_is_switched_off() -> None:
    rig = Rig(EV_CONNECTED)
    rig.plug(ready=True)

    rig.session.policy = replace(EV_CONNECTED, authorization_required=False)
    rig.see()

    assert rig.events[1].trigger is TriggerReason.AUTHORIZED
    assert rig.lines.power_path_closed


def test_a_guard_without_number_for_the_cable_does_not_look_like_a_swap() -> None:
    rig = Rig()
    rig.charge()
    known = rig.state.connection

    rig.see(connection=0)
    assert rig.state.connection == known
    rig.see(connection=known)
    assert rig.state.transaction is not None

    rig.see(connection=OTHER_GUARD + 1)
    assert rig.ended.stopped_reason is StoppedReason.REBOOT
