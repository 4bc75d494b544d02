from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commands import ACCEPTED, Outcome, Verdict, rejected
from agent.core.smart_charging.composite import CompositePeriod
from agent.core.smart_charging.installation import Criteria
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    CompositeSchedule,
    GetCompositeSchedule,
    SetChargingProfile,
)
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.ocpp.codec import Answer, CallRejected
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v16.codec import CODEC
from agent.ocpp.v16.smart_charging import RULES
from tests.unit.ocpp.v16.instances import (
    KNOWN,
    NOW,
    NUMBER,
    SENT_NOW,
    TRANSACTION_ID,
    UNKNOWN,
    numbered,
    read,
)
from tests.wire.official_schemas import check_response

SCHEDULE = {
    "duration": 3600,
    "startSchedule": "2025-05-17T12:00:00Z",
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0},
        {"startPeriod": 600, "limit": 6.5, "numberPhases": 1},
    ],
}
PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "validFrom": "2025-05-17T00:00:00Z",
    "validTo": "2025-05-18T00:00:00+02:00",
    "chargingSchedule": SCHEDULE,
}


def set_profile(context: Any = KNOWN, connector: int = 1, **fields: Any) -> Any:
    payload = {"connectorId": connector, "csChargingProfiles": PROFILE | fields}
    return read("SetChargingProfile", payload, context)


def test_a_profile_is_read_whole() -> None:
    assert set_profile(connector=2) == SetChargingProfile(
        2,
        ChargingProfile(
            id=7,
            stack_level=0,
            purpose=ProfilePurpose.TX_DEFAULT,
            kind=ProfileKind.ABSOLUTE,
            schedules=(
                ChargingSchedule(
                    RateUnit.AMPERE,
                    (SchedulePeriod(0, Decimal(16)), SchedulePeriod(600, Decimal("6.5"), 1)),
                    datetime(2025, 5, 17, 12, tzinfo=UTC),
                    3600,
                ),
            ),
            valid_from=datetime(2025, 5, 17, tzinfo=UTC),
            valid_to=datetime(2025, 5, 17, 22, tzinfo=UTC),
        ),
        RULES,
    )


@pytest.mark.requirement("S16-SC-02", "S16-SC-05", "S16-SC-14")
def test_the_rules_are_those_of_1_6() -> None:
    assert RULES.same_level_gives_way
    assert RULES.defaults_shadow
    assert RULES.station_may_be_relative
    assert not RULES.phases_are_a_promise


@pytest.mark.requirement("S16-SC-12")
def test_a_recurring_profile_says_how_often() -> None:
    weekly = set_profile(chargingProfileKind="Recurring", recurrencyKind="Weekly").profile

    assert (weekly.kind, weekly.recurrency) == (ProfileKind.RECURRING, Recurrency.WEEKLY)
    assert set_profile(recurrencyKind="Weekly").profile.recurrency is None


@pytest.mark.requirement("S16-SC-12")
def test_an_absolute_schedule_without_start_begins_with_the_charging() -> None:
    schedule = {name: value for name, value in SCHEDULE.items() if name != "startSchedule"}

    profile = set_profile(chargingSchedule=schedule).profile

    assert (profile.kind, profile.schedules[0].start) == (ProfileKind.RELATIVE, None)


@pytest.mark.requirement("S16-SC-12")
def test_the_start_of_a_relative_schedule_means_nothing() -> None:
    profile = set_profile(chargingProfileKind="Relative").profile

    assert (profile.kind, profile.schedules[0].start) == (ProfileKind.RELATIVE, None)


@given(st.decimals(min_value=0, max_value=100_000, places=1))
def test_a_limit_keeps_its_digits(limit: Decimal) -> None:
    period = {"startPeriod": 0, "limit": float(limit)}
    command = set_profile(chargingSchedule=SCHEDULE | {"chargingSchedulePeriod": [period]})
    assert command.profile.schedules[0].periods[0].limit == limit


@pytest.mark.parametrize(
    ("word", "purpose"),
    [
        ("ChargePointMaxProfile", ProfilePurpose.STATION_MAX),
        ("TxDefaultProfile", ProfilePurpose.TX_DEFAULT),
        ("TxProfile", ProfilePurpose.TX),
    ],
)
def test_every_purpose_has_its_word_in_the_core(word: str, purpose: ProfilePurpose) -> None:
    assert set_profile(connector=0, chargingProfilePurpose=word).profile.purpose is purpose


def test_connector_0_is_the_station() -> None:
    assert set_profile(connector=0).evse == 0


@pytest.mark.parametrize("number", [NUMBER, 0])
def test_a_profile_for_a_transaction_is_for_ours_of_that_number(number: int) -> None:
    purpose = "TxProfile"
    command = set_profile(numbered(number), transactionId=number, chargingProfilePurpose=purpose)
    assert command.profile.transaction_id == TRANSACTION_ID
    # Only a TxProfile belongs to a transaction.
    assert set_profile(numbered(number), transactionId=number).profile.transaction_id is None


@pytest.mark.parametrize(("context", "number"), [(UNKNOWN, 1), (KNOWN, 1), (numbered(-1), -1)])
def test_a_profile_for_an_unknown_transaction_is_rejected(context: Any, number: int) -> None:
    answer = set_profile(context, transactionId=number, chargingProfilePurpose="TxProfile")
    assert answer == Answer({"status": "Rejected"})


@pytest.mark.requirement("S16-SC-09")
@pytest.mark.parametrize("connector", [3, -1])
def test_an_unknown_connector_is_a_property_constraint_violation(connector: int) -> None:
    calls = (
        ("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": PROFILE}),
        ("GetCompositeSchedule", {"connectorId": connector, "duration": 60}),
    )
    for action, payload in calls:
        with pytest.raises(CallRejected, match="no connector") as refused:
            read(action, payload)
        assert refused.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION


@pytest.mark.requirement("S16-SC-09")
def test_an_unreadable_instant_is_a_property_constraint_violation() -> None:
    payload = {
        "connectorId": 1,
        "csChargingProfiles": PROFILE | {"validTo": "0000-01-01T00:00:00Z"},
    }
    with pytest.raises(CallRejected) as refused:
        CODEC.decode("SetChargingProfile", payload, KNOWN)
    assert refused.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION


@pytest.mark.parametrize(
    ("outcome", "status"), [(ACCEPTED, "Accepted"), (rejected("TxNotFound"), "Rejected")]
)
def test_the_reply_to_a_profile_is_its_verdict(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("SetChargingProfile", outcome, {}, UNKNOWN)
    assert check_response(CODEC, "SetChargingProfile", reply) == {"status": status}


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({}, ClearChargingProfile()),
        ({"id": 7}, ClearChargingProfile(profile_id=7)),
        ({"id": 0}, ClearChargingProfile(profile_id=0)),
        ({"id": 7, "connectorId": 9, "stackLevel": 3}, ClearChargingProfile(profile_id=7)),
        ({"connectorId": 0}, ClearChargingProfile(criteria=Criteria(evse=0))),
        (
            {
                "connectorId": 2,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "stackLevel": 0,
            },
            ClearChargingProfile(
                criteria=Criteria(evse=2, purpose=ProfilePurpose.STATION_MAX, stack_level=0)
            ),
        ),
        ({"connectorId": 3}, Answer({"status": "Unknown"})),
    ],
)
def test_profiles_are_cleared_by_id_or_by_all_criteria(
    payload: dict[str, Any], command: Any
) -> None:
    assert read("ClearChargingProfile", payload) == command


@pytest.mark.parametrize(
    ("outcome", "status"), [(ACCEPTED, "Accepted"), (Outcome(Verdict.UNKNOWN), "Unknown")]
)
def test_the_reply_to_clearing_says_whether_anything_matched(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("ClearChargingProfile", outcome, {}, UNKNOWN)
    assert check_response(CODEC, "ClearChargingProfile", reply) == {"status": status}


def test_a_composite_schedule_is_asked_for_by_connector() -> None:
    payload = {"connectorId": 2, "duration": 60, "chargingRateUnit": "W"}
    assert read("GetCompositeSchedule", payload) == GetCompositeSchedule(2, 60, "W")
    payload = {"connectorId": 0, "duration": 60}
    assert read("GetCompositeSchedule", payload) == GetCompositeSchedule(0, 60)


def test_a_composite_schedule_starts_outside_of_itself() -> None:
    periods = (CompositePeriod(0, Decimal(16)), CompositePeriod(600, Decimal(32) / 3, 1))
    outcome = CompositeSchedule(2, NOW, 3600, "A", periods)
    request = {"connectorId": 2, "duration": 3600}

    reply = CODEC.encode_outcome("GetCompositeSchedule", outcome, request, UNKNOWN)

    assert check_response(CODEC, "GetCompositeSchedule", reply) == {
        "status": "Accepted",
        "connectorId": 2,
        "scheduleStart": SENT_NOW,
        "chargingSchedule": {
            "duration": 3600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16},
                {"startPeriod": 600, "limit": 10.6, "numberPhases": 1},
            ],
        },
    }


@pytest.mark.parametrize("periods", [None, ()])
def test_without_a_schedule_the_reply_is_a_rejection(periods: Any) -> None:
    outcome = CompositeSchedule(2, NOW, 60, "A", periods)
    reply = CODEC.encode_outcome("GetCompositeSchedule", outcome, {"connectorId": 2}, UNKNOWN)
    assert check_response(CODEC, "GetCompositeSchedule", reply) == {"status": "Rejected"}
