from typing import Any

import pytest

from agent.core.commands import RequestStart, SetChargingProfile
from agent.ocpp.codec import Answer
from agent.ocpp.v21.codec import CODEC
from agent.ocpp.v201.codec import CODEC as V201
from tests.unit.ocpp.v201.instances import read
from tests.unit.ocpp.v201.test_smart_charging import PROFILE, SCHEDULE, without
from tests.wire.official_schemas import check_response

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
        with_schedule(useLocalTime=False, randomizedDelay=0, powerTolerance=0.1),
    ],
)
def test_what_asks_for_nothing_new_is_read_as_before(profile: Any) -> None:
    before = read("SetChargingProfile", {"evseId": 0, "chargingProfile": PROFILE}, V201)

    assert set_profile(profile) == before
    assert isinstance(before, SetChargingProfile)


@pytest.mark.parametrize(
    ("profile", "reason_code"),
    [
        pytest.param(profile, reason_code, marks=pytest.mark.requirement(*requirements))
        for profile, reason_code, requirements in (
            (
                with_profile(chargingProfileKind="Dynamic"),
                "UnsupportedKind",
                ["K01.FR.121"],
            ),
            (with_profile(dynUpdateInterval=30), "InvalidProfile", ["K01.FR.122"]),
            (
                with_profile(dynUpdateTime="2025-01-01T00:00:00Z"),
                "InvalidProfile",
                ["K01.FR.122"],
            ),
            (with_profile(maxOfflineDuration=60), "UnsupportedParam", ["K01.FR.101"]),
            (with_profile(maxOfflineDuration=0), "UnsupportedParam", ["K01.FR.101"]),
            (with_schedule(useLocalTime=True), "InvalidSchedule", ["K01.FR.123"]),
            (with_schedule(randomizedDelay=5), "InvalidSchedule", ["K01.FR.124"]),
            (
                with_schedule(limitAtSoC={"soc": 80, "limit": 6}),
                "InvalidSchedule",
                ["K01.FR.125"],
            ),
            (
                with_profile(chargingProfilePurpose="PriorityCharging"),
                "UnsupportedPurpose",
                ["K01.FR.120"],
            ),
            (
                with_profile(chargingProfilePurpose="LocalGeneration"),
                "UnsupportedPurpose",
                ["K01.FR.120"],
            ),
            (with_period(evseSleep=True), "InvalidSchedule", ["K01.FR.126"]),
            (
                with_period(operationMode="CentralSetpoint", setpoint=-11000),
                "InvalidOperationMode",
                ["K01.FR.115"],
            ),
            (with_period(limit_L2=6), "PhaseConflict", ["K01.FR.144"]),
            (with_period(limit_L3=0), "PhaseConflict", ["K01.FR.144"]),
            (with_period(dischargeLimit=0), "UnsupportedParam", ["K01.FR.115"]),
            (without_limit(), "InvalidSchedule", ["F01.FR.26"]),
            (with_period(phaseToUse=1), "InvalidSchedule", ["K01.FR.48"]),
        )
    ],
)
def test_what_the_station_cannot_follow_in_full_is_refused(profile: Any, reason_code: str) -> None:
    answer = set_profile(profile)

    assert isinstance(answer, Answer)
    reply = check_response(CODEC, "SetChargingProfile", answer.payload)
    assert reply["status"] == "Rejected"
    assert reply["statusInfo"]["reasonCode"] == reason_code


@pytest.mark.requirement("F01.FR.26")
def test_a_remote_start_is_refused_with_such_a_profile() -> None:
    profile = with_profile(chargingProfileKind="Dynamic")

    answer = read("RequestStartTransaction", START | {"chargingProfile": profile}, CODEC)

    assert isinstance(answer, Answer)
    assert answer.payload["statusInfo"]["reasonCode"] == "UnsupportedKind"


def test_a_remote_start_with_a_plain_profile_is_read() -> None:
    command = read("RequestStartTransaction", START | {"chargingProfile": PROFILE}, CODEC)

    assert isinstance(command, RequestStart)
    assert command.profile is not None
