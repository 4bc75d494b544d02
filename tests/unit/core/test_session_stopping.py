"""How a session ends: whose word stops it, what is told, and that the contactor opens first."""

from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.session_state import (
    AlignedDue,
    AvailabilityChanged,
    Cause,
    Elapsed,
    EventTriggered,
    GroupTold,
    LimitChanged,
    SessionPolicy,
    StopOrdered,
    TokenRevoked,
)
from agent.core.vocabulary import (
    ChargingState,
    IdToken,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
    TxPoint,
)
from tests.unit.core.session_rig import (
    DRIVER,
    OTHER_GUARD,
    OTHERS,
    PARTNER,
    STRANGER,
    Rig,
    assert_well_told,
    points,
)

UPDATED, ENDED = TransactionPhase.UPDATED, TransactionPhase.ENDED
REMOTE_STOP = StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE))
RESET = StopOrdered(Cause(TriggerReason.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET), final=True)
ONLY_UNPLUGGING = SessionPolicy(
    start_points=points("EVConnected"), stop_points=points("EVConnected")
)
ENERGY_ONLY = SessionPolicy(
    start_points=points("EnergyTransfer"), stop_points=points("EnergyTransfer")
)


def charging(policy: SessionPolicy | None = None, *, obedient: bool = True) -> Rig:
    rig = Rig(SessionPolicy() if policy is None else policy)
    rig.charge()
    rig.run(30)
    rig.obedient = obedient
    return rig


# --- The driver.


@pytest.mark.requirement(
    "C01.FR.03", "C01.FR.04", "E06.FR.03", "E07.FR.01", "E07.FR.02", "E07.FR.05", "S16-AUTH-04"
)
def test_the_same_token_stops_without_asking_anybody() -> None:
    rig = charging()

    step = rig.tap(IdToken(DRIVER.value.lower()))

    assert step.judge is None
    assert rig.ended.trigger is TriggerReason.STOP_AUTHORIZED
    assert rig.ended.stopped_reason is StoppedReason.LOCAL
    assert rig.ended.id_token == DRIVER or rig.ended.id_token == IdToken(DRIVER.value.lower())
    assert rig.state.snapshot.transaction_ended


@pytest.mark.requirement("C01.FR.25")
def test_the_same_value_of_another_type_is_another_token() -> None:
    rig = charging()

    step = rig.tap(IdToken(DRIVER.value, "ISO15693"))

    assert step.refused == IdToken(DRIVER.value, "ISO15693")
    assert rig.state.transaction is not None


@pytest.mark.requirement("E07.FR.01", "E08.FR.02", "S16-AUTH-05")
def test_another_token_of_the_group_stops_after_judgement() -> None:
    rig = charging()

    rig.tap(PARTNER)

    assert rig.ended.trigger is TriggerReason.STOP_AUTHORIZED
    assert rig.ended.id_token == PARTNER


@pytest.mark.requirement("C09.FR.02", "C09.FR.03")
def test_a_group_told_late_lets_its_members_stop_and_no_others() -> None:
    rig = charging()
    rig.do(GroupTold("another transaction", DRIVER, OTHERS))
    rig.do(GroupTold(rig.transaction.id, STRANGER, OTHERS))
    rig.tap(STRANGER)
    assert rig.state.transaction is not None
    rig.do(GroupTold(rig.transaction.id, DRIVER, OTHERS))
    rig.tap(PARTNER)
    assert rig.state.transaction is not None
    rig.tap(STRANGER)
    assert rig.ended.stopped_reason is StoppedReason.LOCAL
    rig.do(GroupTold(rig.ended.transaction_id, DRIVER, OTHERS))
    assert rig.state.authorization is None


@pytest.mark.requirement("E08.FR.01", "E08.FR.04", "E08.FR.07", "E04.FR.03")
def test_offline_the_starting_token_stops_and_the_events_say_offline() -> None:
    rig = charging()
    rig.online = False

    rig.tap()

    assert rig.ended.offline
    assert not rig.events[0].offline


def test_a_token_of_another_group_is_judged_and_turned_away() -> None:
    rig = charging()

    rig.tap(STRANGER)

    assert rig.last.refused == STRANGER
    assert rig.state.authorization is not None
    assert len(rig.told_since(0)) == len(rig.events)
    assert rig.events[-1].phase is UPDATED


@pytest.mark.requirement("E07.FR.02")
def test_a_stop_before_the_stop_point_tells_the_stopping_token() -> None:
    rig = charging(ONLY_UNPLUGGING)

    rig.tap()

    stopped = rig.events[-1]
    assert (stopped.phase, stopped.trigger) == (UPDATED, TriggerReason.STOP_AUTHORIZED)
    assert stopped.id_token == DRIVER
    assert not stopped.starts_billing
    assert stopped.charging_state is ChargingState.EV_CONNECTED
    rig.unplug()
    assert rig.ended.trigger is TriggerReason.EV_COMMUNICATION_LOST
    assert rig.ended.stopped_reason is StoppedReason.LOCAL
    assert rig.ended.id_token is None


@pytest.mark.requirement("E02.FR.01", "E01.FR.18")
def test_the_driver_may_go_on_in_a_transaction_that_still_runs() -> None:
    rig = charging(ONLY_UNPLUGGING)
    rig.tap()

    rig.tap()

    assert rig.lines.power_path_closed
    again = rig.events[-2]
    assert again.trigger is TriggerReason.AUTHORIZED
    rig.unplug()
    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert sum(e.starts_billing for e in rig.events) == 1
    assert len({e.transaction_id for e in rig.events}) == 1


# --- The EV.


@pytest.mark.requirement("E06.FR.02", "E09.FR.01", "S16-TXN-07", "E06.FR.08")
def test_unplugging_ends_and_takes_the_authorization() -> None:
    rig = charging()

    rig.unplug()

    assert rig.ended.trigger is TriggerReason.EV_COMMUNICATION_LOST
    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert rig.ended.charging_state is ChargingState.IDLE
    assert rig.state.authorization is None
    assert not rig.state.snapshot.transaction_ended


@pytest.mark.requirement("S16-TXN-08", "E10.FR.03")
@pytest.mark.parametrize("stop", ["EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer"])
def test_an_ev_that_comes_back_in_time_goes_on_where_unplugging_does_not_stop(stop: str) -> None:
    policy = SessionPolicy(stop_points=points(stop), stop_on_ev_side_disconnect=False)
    rig = charging(policy)

    rig.unplug()
    assert rig.events[-1].trigger is TriggerReason.EV_COMMUNICATION_LOST
    assert rig.events[-1].phase is UPDATED
    assert rig.events[-1].charging_state is ChargingState.IDLE
    rig.run(30)
    rig.plug(ready=True)

    assert rig.lines.power_path_closed
    rig.run(61)
    assert rig.state.transaction is not None
    assert_well_told(rig.told)


@pytest.mark.requirement("E10.FR.02")
@pytest.mark.parametrize("stop", ["EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer"])
def test_an_ev_that_does_not_come_back_loses_its_authorization(stop: str) -> None:
    policy = SessionPolicy(stop_points=points(stop), stop_on_ev_side_disconnect=False)
    rig = charging(policy)
    rig.unplug()

    rig.run(61)

    assert rig.ended.trigger is TriggerReason.EV_CONNECT_TIMEOUT
    assert rig.ended.stopped_reason is StoppedReason.TIMEOUT


@pytest.mark.requirement("E06.FR.07")
def test_an_ev_that_stops_drawing_ends_a_transaction_of_energy() -> None:
    rig = charging(ENERGY_ONLY)

    rig.see(ev_ready=False, closed=False)

    assert rig.ended.stopped_reason is StoppedReason.STOPPED_BY_EV
    assert rig.ended.trigger is TriggerReason.CHARGING_STATE_CHANGED


@pytest.mark.requirement("E06.FR.07", "E06.FR.16")
def test_a_passing_fault_that_ends_a_transaction_of_energy_is_its_reason() -> None:
    rig = charging(ENERGY_ONLY)

    rig.fault("over_temperature")

    assert rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert rig.ended.stopped_reason is StoppedReason.OTHER


@pytest.mark.requirement("E06.FR.07")
def test_a_limit_that_ends_the_flow_is_not_the_evs_doing() -> None:
    rig = charging(ENERGY_ONLY)

    rig.do(LimitChanged(Decimal(0)))

    assert rig.ended.stopped_reason is StoppedReason.OTHER
    assert rig.ended.trigger is TriggerReason.CHARGING_STATE_CHANGED


@pytest.mark.requirement("E06.FR.07")
def test_an_ev_that_obeys_the_end_of_the_offer_did_not_stop_by_itself() -> None:
    rig = charging(ENERGY_ONLY, obedient=False)
    rig.do(LimitChanged(Decimal(0)))

    rig.see(ev_ready=False, closed=False)

    assert rig.ended.stopped_reason is StoppedReason.OTHER


def test_an_ev_swapped_unseen_between_two_reports_is_another_ev() -> None:
    rig = charging()

    rig.see(connection=rig.lines.connection + 1, closed=False)

    assert rig.ended.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert not rig.state.snapshot.transaction_ended
    assert not rig.state.snapshot.offered


def test_an_ev_swapped_unseen_starts_its_own_transaction() -> None:
    rig = charging(ONLY_UNPLUGGING)
    before = len(rig.events)

    rig.see(connection=rig.lines.connection + 1, closed=False)

    assert rig.told_since(before) == [
        (ENDED, TriggerReason.EV_COMMUNICATION_LOST),
        (TransactionPhase.STARTED, TriggerReason.CABLE_PLUGGED_IN),
    ]
    assert rig.events[before].transaction_id != rig.events[-1].transaction_id
    assert_well_told(rig.told)


@pytest.mark.parametrize("policy", [SessionPolicy(), ONLY_UNPLUGGING, ENERGY_ONLY])
def test_a_cable_that_nobody_watched_ends_the_transaction(policy: SessionPolicy) -> None:
    rig = charging(policy)

    rig.see(connection=OTHER_GUARD + 1, closed=False)

    assert rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert rig.ended.stopped_reason is StoppedReason.REBOOT
    assert rig.state.snapshot.transaction_ended
    assert not rig.state.snapshot.offered


def test_a_fatal_fault_found_with_an_unwatched_cable_is_the_reason() -> None:
    rig = charging(ONLY_UNPLUGGING)

    rig.see(connection=OTHER_GUARD + 1, closed=False, faults=frozenset({"pe"}))

    assert rig.ended.stopped_reason is StoppedReason.GROUND_FAULT


# --- The CSMS.


@pytest.mark.requirement("F03.FR.03", "F03.FR.04", "F03.FR.09", "S16-RTX-07", "S16-TXN-04")
def test_a_remote_stop_ends_the_transaction() -> None:
    rig = charging()

    rig.stop(REMOTE_STOP)

    assert rig.ended.trigger is TriggerReason.REMOTE_STOP
    assert rig.ended.stopped_reason is StoppedReason.REMOTE
    assert rig.ended.id_token is None


@pytest.mark.requirement("F03.FR.02", "F04.FR.03")
def test_a_remote_stop_before_the_stop_point_cuts_energy_and_the_driver_unplugs() -> None:
    rig = charging(ONLY_UNPLUGGING)

    rig.stop(REMOTE_STOP)

    assert (rig.events[-1].phase, rig.events[-1].trigger) == (UPDATED, TriggerReason.REMOTE_STOP)
    assert not rig.lines.power_path_closed
    rig.unplug()
    assert rig.ended.stopped_reason is StoppedReason.REMOTE


def test_orders_to_stop_without_a_transaction_only_drop_the_authorization() -> None:
    rig = Rig()
    rig.tap()

    rig.stop(RESET)

    assert rig.state.authorization is None
    assert rig.events == []
    rig.plug(ready=True)
    assert rig.events == []


@pytest.mark.requirement("B12.FR.04")
@pytest.mark.parametrize("policy", [SessionPolicy(), ONLY_UNPLUGGING, ENERGY_ONLY])
def test_a_reset_ends_the_transaction_whatever_the_stop_points(policy: SessionPolicy) -> None:
    rig = charging(policy)

    rig.stop(RESET)

    assert rig.ended.trigger is TriggerReason.RESET_COMMAND
    assert rig.ended.stopped_reason is StoppedReason.IMMEDIATE_RESET


@pytest.mark.requirement("B12.FR.04")
def test_a_reset_ends_a_transaction_that_was_stopped_before() -> None:
    rig = charging(ONLY_UNPLUGGING)
    rig.tap()

    rig.stop(RESET)

    assert rig.ended.stopped_reason is StoppedReason.IMMEDIATE_RESET


@pytest.mark.requirement("E05.FR.10", "C15.FR.04", "S16-OFFL-05")
@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed", "EnergyTransfer"])
def test_a_revoked_token_ends_the_transaction(stop: str) -> None:
    rig = charging(SessionPolicy(stop_points=points(stop)))

    rig.revoke()

    assert rig.ended.trigger is TriggerReason.DEAUTHORIZED
    assert rig.ended.stopped_reason is StoppedReason.DE_AUTHORIZED


@pytest.mark.requirement("E05.FR.09", "C15.FR.03")
def test_a_revoked_token_before_the_stop_point_only_loses_energy() -> None:
    rig = charging(ONLY_UNPLUGGING)
    before = len(rig.events)

    rig.revoke()

    assert rig.told_since(before) == [(UPDATED, TriggerReason.DEAUTHORIZED)]
    assert rig.events[-1].charging_state is ChargingState.EV_CONNECTED
    assert not rig.lines.power_path_closed
    rig.revoke()
    assert len(rig.events) == before + 1
    rig.unplug()
    assert rig.ended.stopped_reason is StoppedReason.DE_AUTHORIZED


@pytest.mark.requirement("E05.FR.02", "C15.FR.06", "S16-OFFL-05")
@pytest.mark.parametrize("allowance_wh", [None, 0])
def test_a_revoked_token_that_may_not_stop_cuts_energy(allowance_wh: int | None) -> None:
    rig = charging(
        SessionPolicy(stop_on_invalid_id=False, max_energy_on_invalid_id_wh=allowance_wh)
    )
    before = len(rig.events)

    rig.revoke()

    assert rig.told_since(before) == [(UPDATED, TriggerReason.CHARGING_STATE_CHANGED)]
    assert rig.events[-1].charging_state is ChargingState.SUSPENDED_EVSE
    rig.run(30)
    assert not rig.lines.power_path_closed


@pytest.mark.requirement("E05.FR.03", "C15.FR.07", "S16-OFFL-06", "E05.FR.02")
def test_a_revoked_token_gets_the_energy_allowed_and_no_more() -> None:
    rig = charging(SessionPolicy(stop_on_invalid_id=False, max_energy_on_invalid_id_wh=100))
    revoked_wh = rig.register_wh

    rig.revoke()
    assert rig.lines.power_path_closed
    while rig.lines.power_path_closed:
        rig.wait(1)
        rig.do(Elapsed())
        rig.revoke()

    used_wh = rig.register_wh - revoked_wh
    assert 100 <= used_wh < 100 + Decimal(rig.power_w) / 3600
    assert rig.events[-1].charging_state is ChargingState.SUSPENDED_EVSE
    rig.do(LimitChanged(Decimal(32)))
    assert not rig.state.snapshot.offered


def test_energy_cut_from_a_revoked_token_ends_a_transaction_of_energy() -> None:
    rig = charging(replace(ENERGY_ONLY, stop_on_invalid_id=False))

    rig.revoke()

    assert rig.ended.trigger is TriggerReason.DEAUTHORIZED
    assert rig.ended.stopped_reason is StoppedReason.DE_AUTHORIZED


def test_a_token_accepted_again_has_energy_again() -> None:
    rig = charging(replace(ONLY_UNPLUGGING, stop_on_invalid_id=False))
    rig.revoke()
    rig.tap()

    rig.tap()

    assert rig.transaction.energy_until_wh is None
    assert rig.lines.power_path_closed


def test_a_verdict_on_another_transaction_does_not_touch_this_one() -> None:
    rig = charging()

    rig.do(TokenRevoked("long ago"))

    assert rig.lines.power_path_closed
    idle = Rig()
    idle.do(TokenRevoked("long ago"))
    assert idle.events == []


@pytest.mark.requirement("G03.FR.05", "S16-AVAIL-01")
def test_a_transaction_outlives_the_availability_of_its_evse() -> None:
    rig = charging()

    rig.do(AvailabilityChanged(operative=False))
    rig.run(30)
    assert rig.lines.power_path_closed
    rig.tap()
    rig.tap()

    assert rig.last.refused == DRIVER
    assert not rig.state.snapshot.offered


# --- Faults.


@pytest.mark.requirement("E06.FR.16", "E06.FR.08")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("rcd", StoppedReason.GROUND_FAULT),
        ("estop", StoppedReason.EMERGENCY_STOP),
        ("over_current", StoppedReason.OVERCURRENT_FAULT),
        ("cp_short", StoppedReason.OTHER),
    ],
)
def test_a_fatal_fault_ends_the_transaction(fault: str, reason: StoppedReason) -> None:
    rig = charging()

    rig.fault(fault)

    assert rig.ended.trigger is TriggerReason.ABNORMAL_CONDITION
    assert rig.ended.stopped_reason is reason
    assert rig.state.authorization is None


@pytest.mark.requirement("E06.FR.16", "E02.FR.17")
def test_a_fatal_fault_before_the_stop_point_is_told_and_ends_with_unplugging() -> None:
    rig = charging(ONLY_UNPLUGGING)
    before = len(rig.events)

    rig.fault("rcd")
    assert rig.told_since(before) == [(UPDATED, TriggerReason.ABNORMAL_CONDITION)]
    rig.tap()
    assert rig.last.refused == DRIVER
    rig.unplug(faults=frozenset())

    assert rig.ended.stopped_reason is StoppedReason.GROUND_FAULT


@pytest.mark.requirement("S16-STAT-07")
@pytest.mark.parametrize("fault", ["over_temperature", "under_voltage", "meter_lost", "guard_lost"])
def test_a_passing_fault_suspends_and_goes(fault: str) -> None:
    rig = charging()

    rig.fault(fault)
    assert rig.events[-1].charging_state is ChargingState.SUSPENDED_EVSE
    rig.run(10)
    rig.fault()

    assert rig.lines.power_path_closed
    assert rig.state.transaction is not None


def test_a_fault_and_unplugging_at_one_instant_leave_nothing_running() -> None:
    rig = charging(ONLY_UNPLUGGING)

    rig.unplug(faults=frozenset({"rcd"}))

    assert rig.ended.stopped_reason is StoppedReason.GROUND_FAULT


# --- The contactor opens first.


@pytest.mark.requirement("E06.FR.11", "S16-TXN-03")
def test_the_end_is_told_when_the_contactor_is_open_with_the_register_of_then() -> None:
    rig = charging(obedient=False)
    before = len(rig.events)
    rig.tap()
    assert not rig.state.snapshot.offered
    assert rig.told_since(before) == []
    rig.register_wh += 7

    rig.see(ev_ready=False, closed=False)

    assert rig.told_since(before) == [(ENDED, TriggerReason.STOP_AUTHORIZED)]
    assert rig.ended.register_wh == rig.register_wh
    assert rig.state.deadlines.earliest_s() is None


def test_nothing_is_told_of_what_happens_while_the_contactor_opens() -> None:
    rig = charging(obedient=False)
    rig.tap()
    before = len(rig.events)

    for stimulus in (
        LimitChanged(Decimal(10)),
        AlignedDue(),
        EventTriggered(),
        Elapsed(),
        TokenRevoked(rig.transaction.id),
        REMOTE_STOP,
        RESET,
        AvailabilityChanged(operative=False),
    ):
        rig.do(stimulus)
    assert rig.told_since(before) == []
    rig.unplug()
    rig.see(closed=False)

    assert rig.told_since(before) == [(ENDED, TriggerReason.STOP_AUTHORIZED)]
    assert rig.ended.stopped_reason is StoppedReason.LOCAL


def test_a_welded_contactor_does_not_hold_the_end_back_for_ever() -> None:
    rig = charging(SessionPolicy(ending_timeout_s=10), obedient=False)
    rig.tap()
    rig.see(faults=frozenset({"contactor_welded"}))
    rig.run(9.9)
    assert rig.state.transaction is not None

    rig.run(0.2)

    assert rig.ended.stopped_reason is StoppedReason.LOCAL
    assert rig.state.deadlines.ending_s is None
    rig.see(closed=False)
    assert rig.events[-1].phase is ENDED
    assert_well_told(rig.told)


def test_waiting_for_the_contactor_is_not_prolonged_by_what_else_happens() -> None:
    rig = charging(SessionPolicy(ending_timeout_s=10), obedient=False)
    rig.tap()
    ending_s = rig.state.deadlines.ending_s

    rig.wait(5)
    rig.do(RESET)

    assert rig.state.deadlines.ending_s == ending_s


def test_an_ev_that_leaves_an_ending_transaction_leaves_nothing_waiting() -> None:
    policy = replace(ENERGY_ONLY, stop_on_ev_side_disconnect=False, ending_timeout_s=10)
    rig = charging(policy, obedient=False)
    rig.see(ev_ready=False)
    assert rig.transaction.ending is not None
    rig.unplug()
    rig.run(61)

    assert rig.ended.stopped_reason is StoppedReason.STOPPED_BY_EV
    assert rig.state.authorization is None
    assert rig.state.deadlines.earliest_s() is None


def test_a_cable_that_stays_in_starts_no_transaction_by_itself() -> None:
    rig = charging(replace(ONLY_UNPLUGGING, stop_points=frozenset({TxPoint.AUTHORIZED})))
    rig.tap()
    assert rig.events[-1].phase is ENDED

    rig.run(300)
    rig.see(ev_ready=False)

    assert rig.events[-1].phase is ENDED
    assert rig.state.deadlines.connect_s is None
