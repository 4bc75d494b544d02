"""The fields of single events; their sequences are told by the sessions' tests."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agent.core import transaction_events as told
from agent.core.metering import Reading
from agent.core.session_state import Authorization, Cause, SessionPolicy, SessionState
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    AuthorizedBy,
    Measurand,
    StoppedReason,
    TransactionPhase,
    TriggerReason,
)
from tests.unit.core.session_rig import DRIVER, FIRST_WH, PARTNER, Rig

POLICY = SessionPolicy()
PLUGGED_IN = SessionState(1, EvseSnapshot(plugged_in=True))
AUTHORIZED = replace(
    PLUGGED_IN,
    snapshot=EvseSnapshot(plugged_in=True, authorized=True),
    authorization=Authorization(DRIVER, AuthorizedBy.CSMS, None, 42),
)
PLUG = Cause(TriggerReason.CABLE_PLUGGED_IN)
PERIODIC = Cause(TriggerReason.METER_VALUE_PERIODIC)
STOP = Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, PARTNER)


def test_a_transaction_remembers_what_its_first_event_told() -> None:
    moment = Rig().moment()

    event, transaction = told.started(AUTHORIZED, POLICY, PLUG, moment)

    assert event.phase is TransactionPhase.STARTED
    assert event.transaction_id == transaction.id == moment.fresh_id
    assert (event.seq_no, transaction.next_seq_no) == (0, 1)
    assert transaction.told_at == transaction.started_at == event.at == moment.at
    assert transaction.told_register_wh == transaction.register_at_start_wh == FIRST_WH
    assert transaction.holder == AUTHORIZED.authorization
    assert not told.something_untold(transaction, AUTHORIZED)


def test_what_was_not_known_at_the_start_is_untold() -> None:
    _, transaction = told.started(PLUGGED_IN, POLICY, PLUG, Rig().moment())
    _, before_the_cable = told.started(SessionState(1), POLICY, PLUG, Rig().moment())

    assert told.something_untold(transaction, AUTHORIZED)
    assert not told.something_untold(transaction, PLUGGED_IN)
    assert told.something_untold(before_the_cable, PLUGGED_IN)
    known_token = replace(transaction, told_token=True)
    assert told.something_untold(known_token, AUTHORIZED)
    assert not told.something_untold(replace(known_token, told_remote_start=True), AUTHORIZED)


@pytest.mark.requirement("E07.FR.02")
def test_the_token_that_stops_is_not_the_token_that_starts() -> None:
    moment = Rig().moment()
    _, transaction = told.started(AUTHORIZED, POLICY, PLUG, moment)

    event, _ = told.updated(PLUGGED_IN, transaction, POLICY, STOP, moment)
    ended = told.ended(PLUGGED_IN, transaction, POLICY, STOP, moment)

    assert (event.id_token, event.starts_billing) == (PARTNER, False)
    assert (ended.id_token, ended.stopped_reason) == (PARTNER, StoppedReason.LOCAL)
    assert event.stopped_reason is None


def test_a_moment_before_the_last_one_told_is_told_as_that_one() -> None:
    moment = Rig().moment()
    _, transaction = told.started(AUTHORIZED, POLICY, PLUG, moment)
    earlier = replace(
        moment, at=moment.at - timedelta(days=1), reading=Reading(FIRST_WH - 1), now_s=0.0
    )

    event, transaction = told.updated(AUTHORIZED, transaction, POLICY, PERIODIC, earlier)
    transaction = told.with_series(transaction, AUTHORIZED, POLICY, earlier)
    ended = told.ended(AUTHORIZED, transaction, POLICY, STOP, earlier)

    for one in (event, ended):
        assert (one.at, one.register_wh) == (moment.at, FIRST_WH)
        assert {value.at for value in one.meter_values} == {moment.at}
        assert {s.value for value in one.meter_values for s in value.samples} == {FIRST_WH}


def test_a_series_without_measurands_stays_empty() -> None:
    moment = Rig().moment()
    _, transaction = told.started(AUTHORIZED, POLICY, PLUG, moment)

    assert (
        told.with_series(transaction, AUTHORIZED, SessionPolicy(ended_measurands=()), moment)
        is transaction
    )


@pytest.mark.requirement("J01.FR.22", "F06.FR.07", "J02.FR.11")
@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (TriggerReason.METER_VALUE_PERIODIC, Measurand.POWER_ACTIVE_IMPORT),
        (TriggerReason.TRIGGER, Measurand.POWER_ACTIVE_IMPORT),
        (TriggerReason.METER_VALUE_CLOCK, Measurand.ENERGY_ACTIVE_IMPORT_REGISTER),
        (TriggerReason.CHARGING_STATE_CHANGED, None),
    ],
)
def test_each_cause_of_a_sample_has_its_own_measurands(
    trigger: TriggerReason, expected: Measurand | None
) -> None:
    policy = SessionPolicy(updated_measurands=(Measurand.POWER_ACTIVE_IMPORT,))

    value = told.sample(AUTHORIZED, policy, Cause(trigger), Rig().moment())

    assert (None if value is None else value.samples[0].measurand) == expected


@pytest.mark.parametrize(
    ("closed", "rest_wh", "fresh", "expected"),
    [
        (False, None, True, 100),
        (False, 90, True, 100),
        (False, 110, False, 110),
        (False, 110, True, 100),
        (True, 90, True, 90),
        (True, None, True, 100),
    ],
)
def test_a_transaction_begins_at_the_register_before_any_of_its_energy(
    *, closed: bool, rest_wh: int | None, fresh: bool, expected: int
) -> None:
    state = replace(
        AUTHORIZED,
        snapshot=replace(AUTHORIZED.snapshot, power_path_closed=closed),
        rest=None if rest_wh is None else Reading(Decimal(rest_wh)),
    )
    moment = replace(Rig().moment(), reading=Reading(Decimal(100), fresh=fresh))

    event, transaction = told.started(state, POLICY, PLUG, moment)

    assert event.register_wh == transaction.register_at_start_wh == expected
    assert event.meter_values[0].samples[0].value == expected
