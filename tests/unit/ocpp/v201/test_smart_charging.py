from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, Verdict, rejected
from agent.core.smart_charging.composite import CompositePeriod
from agent.core.smart_charging.installation import Criteria
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    CompositeSchedule,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
)
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfileRules,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.ocpp.codec import Answer, CallRejected
from agent.ocpp.rpc import RpcErrorCode
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, read
from tests.wire.official_schemas import ONLINE, check_response

SCHEDULE: dict[str, Any] = {
    "id": 1,
    "startSchedule": "2025-05-17T12:00:00Z",
    "duration": 3600,
    "chargingRateUnit": "A",
    "minChargingRate": 6.0,
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.1},
        {"startPeriod": 600, "limit": 0, "numberPhases": 1},
    ],
}
PROFILE: dict[str, Any] = {
    "id": 9,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "validFrom": "2025-05-17T00:00:00Z",
    "validTo": "2025-05-18T02:00:00+02:00",
    "chargingSchedule": [SCHEDULE],
}


def set_profile(**changes: Any) -> Any:
    return read("SetChargingProfile", {"evseId": 0, "chargingProfile": PROFILE | changes})


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


@pytest.mark.requirement("K01.FR.10", "K01.FR.49")
def test_a_profile_is_read_with_the_digits_of_its_limits() -> None:
    assert set_profile() == SetChargingProfile(
        0,
        ChargingProfile(
            id=9,
            stack_level=0,
            purpose=ProfilePurpose.TX_DEFAULT,
            kind=ProfileKind.ABSOLUTE,
            schedules=(
                ChargingSchedule(
                    unit=RateUnit.AMPERE,
                    periods=(
                        SchedulePeriod(0, Decimal("16.1")),
                        SchedulePeriod(600, Decimal(0), 1),
                    ),
                    start=datetime(2025, 5, 17, 12, tzinfo=UTC),
                    duration_s=3600,
                    id=1,
                    min_rate=Decimal(6),
                ),
            ),
            valid_from=datetime(2025, 5, 17, tzinfo=UTC),
            valid_to=datetime(2025, 5, 18, tzinfo=UTC),
        ),
        ProfileRules(),
    )


def test_a_transactions_profile_names_it_and_no_other_one_does() -> None:
    command = set_profile(chargingProfilePurpose="TxProfile", transactionId="t-1")

    assert command.profile.transaction_id == "t-1"
    assert set_profile(transactionId="t-1").profile.transaction_id is None


def test_a_relative_profile_has_no_start() -> None:
    schedule = without(SCHEDULE, "startSchedule")

    command = set_profile(chargingProfileKind="Relative", chargingSchedule=[schedule])

    assert command.profile.schedules[0].start is None


@pytest.mark.requirement("K01.FR.60")
def test_a_recurrence_belongs_to_recurring_profiles() -> None:
    weekly = set_profile(chargingProfileKind="Recurring", recurrencyKind="Weekly").profile

    assert (weekly.kind, weekly.recurrency) == (ProfileKind.RECURRING, Recurrency.WEEKLY)
    assert set_profile(recurrencyKind="Weekly").profile.recurrency is None
    assert set_profile(chargingProfileKind="Recurring").profile.recurrency is None


def test_every_purpose_and_every_schedule_is_handed_on_for_the_core_to_judge() -> None:
    command = set_profile(
        chargingProfilePurpose="ChargingStationExternalConstraints",
        chargingSchedule=[SCHEDULE | {"id": n} for n in (1, 2, 3)],
    )

    assert command.profile.purpose is ProfilePurpose.EXTERNAL_CONSTRAINTS
    assert [schedule.id for schedule in command.profile.schedules] == [1, 2, 3]


def test_an_unreadable_instant_is_a_violation_of_its_property() -> None:
    payload = {"evseId": 0, "chargingProfile": PROFILE | {"validFrom": "soon"}}

    with pytest.raises(CallRejected, match="validFrom") as caught:
        CODEC.decode("SetChargingProfile", payload, ONLINE)

    assert caught.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION


@pytest.mark.requirement("K01.FR.28")
def test_the_reply_to_a_profile_tells_the_verdict() -> None:
    for outcome, status in ((ACCEPTED, "Accepted"), (rejected("UnknownEvse"), "Rejected")):
        reply = CODEC.encode_outcome("SetChargingProfile", outcome, {}, ONLINE)
        assert check_response(CODEC, "SetChargingProfile", reply)["status"] == status


@pytest.mark.requirement("K10.FR.03", "K10.FR.04")
@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({"chargingProfileId": 9}, ClearChargingProfile(9)),
        (
            {
                "chargingProfileCriteria": {
                    "evseId": 0,
                    "chargingProfilePurpose": "TxProfile",
                    "stackLevel": 0,
                }
            },
            ClearChargingProfile(
                criteria=Criteria(evse=0, purpose=ProfilePurpose.TX, stack_level=0)
            ),
        ),
        (
            {"chargingProfileCriteria": {"stackLevel": 3}},
            ClearChargingProfile(criteria=Criteria(stack_level=3)),
        ),
    ],
)
def test_profiles_are_cleared_by_id_or_criteria(
    payload: dict[str, Any], command: ClearChargingProfile
) -> None:
    assert read("ClearChargingProfile", payload) == command


@pytest.mark.requirement("K09.FR.04", "K09.FR.05", "K09.FR.06")
def test_profiles_are_asked_for_by_criteria() -> None:
    everything = {
        "requestId": 5,
        "evseId": 2,
        "chargingProfile": {
            "chargingProfilePurpose": "TxProfile",
            "stackLevel": 3,
            "chargingProfileId": [7, 8],
            "chargingLimitSource": ["EMS", "CSO"],
        },
    }

    asked = read("GetChargingProfiles", everything)

    assert isinstance(asked, GetChargingProfiles)
    assert asked.request_id == 5
    assert asked.criteria == Criteria(
        evse=2, purpose=ProfilePurpose.TX, stack_level=3, ids=(7, 8), sources=("EMS", "CSO")
    )
    assert ProfilePurpose.PRIORITY_CHARGING not in asked.purposes
    nothing = read("GetChargingProfiles", {"requestId": 5, "chargingProfile": {}})
    assert nothing.criteria == Criteria()


@pytest.mark.parametrize(
    ("outcome", "status"), [(ACCEPTED, "Accepted"), (Outcome(Verdict.UNKNOWN), "NoProfiles")]
)
def test_the_reply_says_whether_there_are_profiles(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("GetChargingProfiles", outcome, {}, ONLINE)

    assert check_response(CODEC, "GetChargingProfiles", reply) == {"status": status}


@pytest.mark.parametrize("payload", [{}, {"chargingProfileCriteria": {}}])
def test_a_clearance_without_any_criterion_clears_nothing(payload: dict[str, Any]) -> None:
    answer = read("ClearChargingProfile", payload)

    assert isinstance(answer, Answer)
    reply = check_response(CODEC, "ClearChargingProfile", answer.payload)
    assert reply["status"] == "Unknown"
    assert reply["statusInfo"]["reasonCode"] == "MissingParam"


@pytest.mark.requirement("K10.FR.01")
@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.REJECTED])
def test_what_was_not_cleared_was_not_found(verdict: Verdict) -> None:
    reply = CODEC.encode_outcome("ClearChargingProfile", Outcome(verdict), {}, ONLINE)

    assert check_response(CODEC, "ClearChargingProfile", reply) == {"status": "Unknown"}


@pytest.mark.requirement("K08.FR.02")
def test_a_composite_schedule_is_asked_for_in_a_unit_or_none() -> None:
    payload = {"evseId": 0, "duration": 60}

    assert read("GetCompositeSchedule", payload) == GetCompositeSchedule(0, 60)
    assert read("GetCompositeSchedule", payload | {"chargingRateUnit": "W"}) == (
        GetCompositeSchedule(0, 60, "W")
    )


@pytest.mark.requirement("K08.FR.02")
def test_limits_are_told_with_one_decimal_and_never_rounded_up() -> None:
    outcome = CompositeSchedule(
        evse=1,
        start=NOW,
        duration_s=600,
        unit="A",
        periods=(
            CompositePeriod(0, Decimal(32) / 3),
            CompositePeriod(60, Decimal("15.99")),
            CompositePeriod(120, Decimal(6), 1),
        ),
    )

    reply = CODEC.encode_outcome("GetCompositeSchedule", outcome, {}, ONLINE)

    assert check_response(CODEC, "GetCompositeSchedule", reply) == {
        "status": "Accepted",
        "schedule": {
            "evseId": 1,
            "duration": 600,
            "scheduleStart": SENT_NOW,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 10.6},
                {"startPeriod": 60, "limit": 15.9},
                {"startPeriod": 120, "limit": 6, "numberPhases": 1},
            ],
        },
    }


@pytest.mark.requirement("K08.FR.05")
@pytest.mark.parametrize("periods", [None, ()])
def test_without_periods_there_is_no_schedule(periods: tuple[()] | None) -> None:
    outcome = CompositeSchedule(evse=7, start=NOW, duration_s=60, unit="A", periods=periods)

    reply = CODEC.encode_outcome("GetCompositeSchedule", outcome, {}, ONLINE)

    assert check_response(CODEC, "GetCompositeSchedule", reply) == {"status": "Rejected"}
