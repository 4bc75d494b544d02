"""Block K as it is told by 2.0.1 and 2.1."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent.core.smart_charging.needs import ChargingNeeds, EnergyTransfer, NeedsStatus
from agent.core.smart_charging.news import (
    ChargingLimitCleared,
    ChargingLimitTold,
    EvScheduleTold,
    NeedsAnswered,
    NeedsTold,
    ProfilesReport,
)
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.ocpp.codec import Codec
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, told
from tests.wire.official_schemas import ONLINE

TARIFF = {"id": 1, "salesTariffEntry": [{"relativeTimeInterval": {"start": 0}}]}
SCHEDULE = ChargingSchedule(
    RateUnit.WATT,
    (SchedulePeriod(0, Decimal("11000.0")), SchedulePeriod(60, Decimal("4140.55"), 3)),
    start=NOW,
    duration_s=3600,
    id=4,
    min_rate=Decimal("1380.5"),
    randomized_delay_s=60,
    local_time=True,
    remainder=json.dumps({"salesTariff": TARIFF, "signatureId": 2}),
)
PROFILE = ChargingProfile(
    id=9,
    stack_level=3,
    purpose=ProfilePurpose.TX,
    kind=ProfileKind.RECURRING,
    schedules=(SCHEDULE,),
    recurrency=Recurrency.DAILY,
    transaction_id="t-1",
    valid_from=NOW,
    valid_to=NOW + timedelta(hours=1),
    max_offline_s=60,
    ends_offline=True,
)
INSTALLED = InstalledProfile(2, PROFILE, NOW)
NEEDS = ChargingNeeds(
    energy_wh=20_000,
    min_current_a=6,
    max_current_a=16,
    max_voltage_v=400,
    departure=datetime(2025, 5, 17, 18, tzinfo=UTC),
    schedules=3,
)


def report(*profiles: InstalledProfile, more: bool = False) -> ProfilesReport:
    return ProfilesReport(request_id=5, to_be_continued=more, profiles=profiles)


@pytest.mark.requirement("K09.FR.01", "K09.FR.02")
def test_a_profile_is_reported_as_it_was_set() -> None:
    payload = told(report(INSTALLED, more=True))

    assert payload == {
        "requestId": 5,
        "chargingLimitSource": "CSO",
        "evseId": 2,
        "tbc": True,
        "chargingProfile": [
            {
                "id": 9,
                "stackLevel": 3,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Recurring",
                "recurrencyKind": "Daily",
                "validFrom": SENT_NOW,
                "validTo": "2025-05-17T13:00:00.123Z",
                "transactionId": "t-1",
                "chargingSchedule": [
                    {
                        "salesTariff": TARIFF,
                        "id": 4,
                        "startSchedule": SENT_NOW,
                        "duration": 3600,
                        "chargingRateUnit": "W",
                        "minChargingRate": 1380.5,
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 11000},
                            {"startPeriod": 60, "limit": 4140.5, "numberPhases": 3},
                        ],
                    }
                ],
            }
        ],
    }
    assert told(report(INSTALLED))["tbc"] is False


@pytest.mark.requirement("K09.FR.02")
def test_2_1_reports_what_it_has_words_for() -> None:
    (profile,) = told(report(INSTALLED), codec=V21)["chargingProfile"]
    (schedule,) = profile["chargingSchedule"]

    assert (profile["maxOfflineDuration"], profile["invalidAfterOfflineDuration"]) == (60, True)
    assert (schedule["randomizedDelay"], schedule["useLocalTime"]) == (60, True)
    assert schedule["signatureId"] == 2


@pytest.mark.requirement("K11.FR.06", "K12.FR.05", "K27.FR.02", "K29.FR.04")
def test_a_limit_from_outside_is_shown_as_dynamic_or_as_what_that_amounts_to() -> None:
    profile = replace(
        PROFILE,
        id=-1,
        purpose=ProfilePurpose.EXTERNAL_CONSTRAINTS,
        kind=ProfileKind.DYNAMIC,
        recurrency=None,
        schedules=(ChargingSchedule(RateUnit.AMPERE, (SchedulePeriod(0, Decimal(16)),), id=1),),
        updated_at=NOW,
    )
    outside = InstalledProfile(0, profile, NOW, source="EMS")

    (old,), (new,) = (
        told(report(outside), codec=codec)["chargingProfile"] for codec in (CODEC, V21)
    )

    assert told(report(outside))["chargingLimitSource"] == "EMS"
    assert old["chargingProfileKind"] == "Absolute"
    assert old["chargingSchedule"][0]["startSchedule"] == SENT_NOW
    assert new["chargingProfileKind"] == "Dynamic"
    assert new["dynUpdateTime"] == SENT_NOW
    assert "startSchedule" not in new["chargingSchedule"][0]


def test_a_dynamic_profile_that_was_never_updated_is_told_without_a_start() -> None:
    schedule = ChargingSchedule(RateUnit.AMPERE, (SchedulePeriod(0, Decimal(16)),), id=1)
    profile = replace(PROFILE, kind=ProfileKind.DYNAMIC, recurrency=None, schedules=(schedule,))
    (shown,) = told(report(replace(INSTALLED, profile=profile)))["chargingProfile"]
    assert "startSchedule" not in shown["chargingSchedule"][0]


def test_a_purpose_that_a_version_has_no_word_for_is_not_told() -> None:
    generation = replace(PROFILE, purpose=ProfilePurpose.LOCAL_GENERATION)
    sun = replace(INSTALLED, evse=0, profile=generation)

    assert CODEC.encode(report(sun), ONLINE) == ()
    assert len(V21.encode(report(sun), ONLINE)) == 1


@pytest.mark.requirement("K11.FR.02", "K11.FR.03", "K11.FR.05", "K12.FR.02", "K12.FR.03")
@pytest.mark.parametrize("codec", [CODEC, V21], ids=["2.0.1", "2.1"])
def test_a_limit_is_told_with_its_source_and_its_schedule_if_there_is_one(codec: Codec) -> None:
    event = ChargingLimitTold(evse=1, source="SO", grid_critical=True, schedules=(SCHEDULE,))

    payload = told(event, codec=codec)

    assert payload["evseId"] == 1
    assert payload["chargingLimit"] == {"chargingLimitSource": "SO", "isGridCritical": True}
    assert payload["chargingSchedule"][0]["id"] == 4
    assert "chargingSchedule" not in told(replace(event, schedules=()), codec=codec)


@pytest.mark.requirement("K27.FR.03", "K27.FR.05")
def test_only_2_1_tells_of_generation() -> None:
    event = ChargingLimitTold(evse=0, source="EMS", local_generation=True)

    assert told(event, codec=V21)["chargingLimit"]["isLocalGeneration"] is True
    assert CODEC.encode(event, ONLINE) == ()


@pytest.mark.requirement("K13.FR.02")
def test_a_limit_that_is_gone_is_told() -> None:
    assert told(ChargingLimitCleared(evse=0, source="EMS")) == {
        "chargingLimitSource": "EMS",
        "evseId": 0,
    }


@pytest.mark.requirement("K15.FR.01", "K15.FR.06", "K17.FR.01", "K17.FR.06")
@pytest.mark.parametrize("codec", [CODEC, V21], ids=["2.0.1", "2.1"])
def test_needs_are_told_with_the_parameters_of_an_ac_station(codec: Codec) -> None:
    event = NeedsTold(evse=1, needs=NEEDS)

    assert told(event, codec=codec) == {
        "evseId": 1,
        "maxScheduleTuples": 3,
        "chargingNeeds": {
            "requestedEnergyTransfer": "AC_three_phase",
            "departureTime": "2025-05-17T18:00:00.000Z",
            "acChargingParameters": {
                "energyAmount": 20_000,
                "evMinCurrent": 6,
                "evMaxCurrent": 16,
                "evMaxVoltage": 400,
            },
        },
    }
    bare = replace(NEEDS, departure=None, schedules=None, transfer=EnergyTransfer.AC_SINGLE_PHASE)
    payload = told(NeedsTold(evse=1, needs=bare), codec=codec)
    assert payload["chargingNeeds"]["requestedEnergyTransfer"] == "AC_single_phase"
    assert "departureTime" not in payload["chargingNeeds"]


@pytest.mark.requirement("K15.FR.20", "K17.FR.17")
def test_needs_that_had_to_wait_bear_their_time_where_there_is_a_place_for_it() -> None:
    event = NeedsTold(evse=1, needs=NEEDS, at=NOW)

    assert told(event, codec=V21)["timestamp"] == SENT_NOW
    assert "timestamp" not in told(event)


@pytest.mark.requirement("K15.FR.04", "K15.FR.05")
@pytest.mark.parametrize("status", list(NeedsStatus))
def test_the_answer_to_needs_is_its_status(status: NeedsStatus) -> None:
    event = NeedsTold(evse=1, needs=NEEDS)
    (call,) = V21.encode(event, ONLINE)

    assert V21.fact(call, event, {"status": status.value}, ONLINE) == NeedsAnswered(status)


@pytest.mark.requirement("K15.FR.10", "K15.FR.21", "K16.FR.05", "K16.FR.14", "K17.FR.10")
@pytest.mark.parametrize("codec", [CODEC, V21], ids=["2.0.1", "2.1"])
def test_what_an_ev_will_do_is_told_from_an_instant_on(codec: Codec) -> None:
    schedule = replace(SCHEDULE, start=None)
    event = EvScheduleTold(evse=1, at=NOW, schedule=schedule, selected=4)

    payload: Any = told(event, codec=codec)

    assert (payload["timeBase"], payload["evseId"]) == (SENT_NOW, 1)
    assert payload["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 11_000
    assert payload.get("selectedChargingScheduleId") == (4 if codec is V21 else None)


@pytest.mark.requirement("K17.FR.18")
def test_the_schedule_that_an_ev_has_taken_is_named_in_2_1() -> None:
    event = EvScheduleTold(evse=1, at=NOW, schedule=SCHEDULE, selected=7)

    assert told(event, codec=V21)["selectedChargingScheduleId"] == 7
