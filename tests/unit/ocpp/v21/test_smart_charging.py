from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, RequestStart, Verdict, rejected
from agent.core.smart_charging.installation import Criteria
from agent.core.smart_charging.news import (
    DynamicUpdateAsked,
    DynamicUpdateTold,
    PriorityChargingTold,
)
from agent.core.smart_charging.orders import (
    GetChargingProfiles,
    SetChargingProfile,
    UpdateDynamicSchedule,
    UsePriorityCharging,
)
from agent.core.smart_charging.profiles import ProfileKind
from agent.core.vocabulary import ProfilePurpose
from agent.ocpp.codec import Answer, Call
from agent.ocpp.v21.codec import CODEC
from agent.ocpp.v201.codec import CODEC as V201
from tests.unit.ocpp.v201.instances import TRANSACTION_ID, read, told
from tests.unit.ocpp.v201.test_smart_charging import PROFILE, SCHEDULE, without
from tests.wire.official_schemas import ONLINE, check_response

START = {"idToken": {"idToken": "04A2B3C4", "type": "ISO14443"}, "remoteStartId": 1}


def with_profile(**changes: Any) -> Any:
    return PROFILE | changes


def with_schedule(**changes: Any) -> Any:
    return with_profile(chargingSchedule=[SCHEDULE | changes])


def with_period(**changes: Any) -> Any:
    first, *rest = SCHEDULE["chargingSchedulePeriod"]
    return with_schedule(chargingSchedulePeriod=[first | changes, *rest])


def without_limit() -> Any:
    first, *rest = SCHEDULE["chargingSchedulePeriod"]
    return with_schedule(chargingSchedulePeriod=[without(first, "limit"), *rest])


def set_profile(profile: Any) -> Any:
    return read("SetChargingProfile", {"evseId": 0, "chargingProfile": profile}, CODEC)


@pytest.mark.parametrize(
    "profile",
    [
        PROFILE,
        with_period(operationMode="ChargingOnly"),
        with_period(evseSleep=False, preconditioningRequest=True),
        with_schedule(useLocalTime=False, randomizedDelay=0),
    ],
)
def test_what_asks_for_nothing_new_is_read_as_before(profile: Any) -> None:
    before = read("SetChargingProfile", {"evseId": 0, "chargingProfile": PROFILE}, V201)
    now = set_profile(profile)

    assert isinstance(now, SetChargingProfile)
    assert now.profile == before.profile
    assert now.rules == replace(before.rules, reserves_ids=True, phases_agree=True)


@pytest.mark.requirement("K01.FR.90", "K01.FR.92", "K01.FR.101", "K01.FR.102", "K28.FR.10")
def test_what_is_new_is_read() -> None:
    profile = with_profile(
        chargingProfileKind="Dynamic",
        maxOfflineDuration=600,
        invalidAfterOfflineDuration=True,
        dynUpdateInterval=30,
        dynUpdateTime="2025-05-17T12:00:00Z",
        chargingSchedule=[SCHEDULE | {"randomizedDelay": 60, "useLocalTime": True}],
    )

    read_profile = set_profile(profile).profile

    assert read_profile.kind is ProfileKind.DYNAMIC
    assert (read_profile.max_offline_s, read_profile.ends_offline) == (600, True)
    assert read_profile.update_interval_s == 30
    assert read_profile.updated_at == datetime(2025, 5, 17, 12, tzinfo=UTC)
    (schedule,) = read_profile.schedules
    assert (schedule.randomized_delay_s, schedule.local_time) == (60, True)


@pytest.mark.parametrize("purpose", ["PriorityCharging", "LocalGeneration"])
def test_the_new_purposes_are_handed_on(purpose: str) -> None:
    assert set_profile(with_profile(chargingProfilePurpose=purpose)).profile.purpose == purpose


@pytest.mark.parametrize(
    ("profile", "reason_code"),
    [
        pytest.param(profile, reason_code, marks=pytest.mark.requirement(*requirements))
        for profile, reason_code, requirements in (
            (
                with_schedule(limitAtSoC={"soc": 80, "limit": 6}),
                "InvalidSchedule",
                ["K01.FR.125"],
            ),
            (with_period(evseSleep=True), "InvalidSchedule", ["K01.FR.126"]),
            (
                with_period(operationMode="CentralSetpoint", setpoint=-11000),
                "InvalidOperationMode",
                ["K01.FR.115", "K01.FR.111", "K01.FR.114"],
            ),
            (
                with_period(operationMode="Idle") | {"chargingProfilePurpose": "PriorityCharging"},
                "InvalidOperationMode",
                ["K01.FR.71", "K01.FR.111", "K01.FR.114"],
            ),
            (
                with_period(operationMode="CentralSetpoint")
                | {"chargingProfilePurpose": "ChargingStationExternalConstraints"},
                "InvalidOperationMode",
                ["K01.FR.112", "K01.FR.114"],
            ),
            (
                with_period(operationMode="LocalFrequency")
                | {"chargingProfilePurpose": "LocalGeneration"},
                "InvalidOperationMode",
                ["K01.FR.113", "K01.FR.114"],
            ),
            (with_period(limit_L2=6), "PhaseConflict", ["K01.FR.144"]),
            (with_period(limit_L3=0), "PhaseConflict", ["K01.FR.144"]),
            (without_limit() | {}, "InvalidSchedule", ["F01.FR.26"]),
            (with_period(dischargeLimit=0), "UnsupportedParam", []),
        )
    ],
)
def test_what_the_station_cannot_follow_in_full_is_refused(profile: Any, reason_code: str) -> None:
    answer = set_profile(profile)

    assert isinstance(answer, Answer)
    reply = check_response(CODEC, "SetChargingProfile", answer.payload)
    assert reply["status"] == "Rejected"
    assert reply["statusInfo"]["reasonCode"] == reason_code


@pytest.mark.requirement("K01.FR.146")
def test_limits_of_other_phases_without_the_first_are_a_conflict() -> None:
    profile = without_limit()
    profile["chargingSchedule"][0]["chargingSchedulePeriod"][0] |= {"limit_L2": 6}

    assert set_profile(profile).payload["statusInfo"]["reasonCode"] == "PhaseConflict"


@pytest.mark.requirement("F01.FR.26")
def test_a_remote_start_is_refused_with_such_a_profile() -> None:
    profile = with_schedule(limitAtSoC={"soc": 80, "limit": 6})

    answer = read("RequestStartTransaction", START | {"chargingProfile": profile}, CODEC)

    assert isinstance(answer, Answer)
    assert answer.payload["statusInfo"]["reasonCode"] == "InvalidSchedule"


def test_a_remote_start_with_a_plain_profile_is_read() -> None:
    command = read("RequestStartTransaction", START | {"chargingProfile": PROFILE}, CODEC)

    assert isinstance(command, RequestStart)
    assert command.profile is not None
    assert command.rules.reserves_ids


def test_all_purposes_may_be_asked_for() -> None:
    payload = {"requestId": 1, "chargingProfile": {"chargingLimitSource": ["EMS"]}}

    asked = read("GetChargingProfiles", payload, CODEC)

    assert asked == GetChargingProfiles(1, Criteria(sources=("EMS",)))


# --- Dynamic limits.


@pytest.mark.requirement("K28.FR.06")
def test_an_update_is_another_limit() -> None:
    payload = {"chargingProfileId": 7, "scheduleUpdate": {"limit": 8.5}}

    assert read("UpdateDynamicSchedule", payload, CODEC) == UpdateDynamicSchedule(7, Decimal("8.5"))


@pytest.mark.parametrize(
    ("update", "reason_code"),
    [
        ({}, "InvalidSchedule"),
        ({"setpoint": 6, "limit": 6}, "UnsupportedParam"),
        ({"limit": 6, "limit_L2": 6}, "PhaseConflict"),
    ],
)
def test_an_update_that_cannot_be_followed_is_refused(
    update: dict[str, Any], reason_code: str
) -> None:
    payload = {"chargingProfileId": 7, "scheduleUpdate": update}

    answer = read("UpdateDynamicSchedule", payload, CODEC)

    reply = check_response(CODEC, "UpdateDynamicSchedule", answer.payload)
    assert reply["statusInfo"]["reasonCode"] == reason_code


@pytest.mark.requirement("K28.FR.08", "K28.FR.10")
@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        ({"status": "Accepted", "scheduleUpdate": {"limit": 9}}, Decimal(9)),
        ({"status": "Accepted"}, None),
        ({"status": "Accepted", "scheduleUpdate": {"setpoint": 9}}, None),
        ({"status": "Rejected", "scheduleUpdate": {"limit": 9}}, None),
    ],
)
def test_an_update_is_asked_for_by_the_id_of_the_profile(
    reply: dict[str, Any], limit: Decimal | None
) -> None:
    asked = DynamicUpdateAsked(profile_id=7)
    (call,) = CODEC.encode(asked, ONLINE)

    assert told(asked, codec=CODEC) == {"chargingProfileId": 7}
    assert CODEC.fact(call, asked, reply, ONLINE) == DynamicUpdateTold(limit)
    assert V201.encode(asked, ONLINE) == ()


# --- Priority charging.


@pytest.mark.requirement("K21.FR.03", "K21.FR.06")
@pytest.mark.parametrize("activate", [True, False])
def test_priority_charging_is_switched_for_a_transaction(activate: bool) -> None:
    payload = {"transactionId": "t-1", "activate": activate}

    assert read("UsePriorityCharging", payload, CODEC) == UsePriorityCharging("t-1", activate)


@pytest.mark.requirement("K21.FR.01", "K21.FR.02", "K21.FR.03")
@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ACCEPTED, "Accepted"),
        (Outcome(Verdict.UNKNOWN), "NoProfile"),
        (rejected("TxNotFound"), "Rejected"),
    ],
)
def test_the_reply_says_whether_there_is_a_profile(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("UsePriorityCharging", outcome, {}, ONLINE)

    assert check_response(CODEC, "UsePriorityCharging", reply)["status"] == status


@pytest.mark.requirement("K21.FR.05", "K21.FR.08", "K22.FR.03", "K22.FR.05")
def test_priority_charging_is_told_by_its_transaction() -> None:
    event = PriorityChargingTold(transaction_id=TRANSACTION_ID, activated=True)

    assert CODEC.encode(event, ONLINE) == (
        Call("NotifyPriorityCharging", {"transactionId": TRANSACTION_ID, "activated": True}),
    )
    assert CODEC.encode(replace(event, transaction_id="x" * 37), ONLINE) == ()
    assert V201.encode(event, ONLINE) == ()
    assert ProfilePurpose.PRIORITY_CHARGING == "PriorityCharging"
