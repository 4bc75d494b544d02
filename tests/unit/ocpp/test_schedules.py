import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.smart_charging.profiles import ChargingSchedule, SchedulePeriod
from agent.core.vocabulary import RateUnit
from agent.ocpp.codec import CallRejected
from agent.ocpp.schedules import charging_schedule


def test_a_schedule_is_read_with_the_digits_of_its_limits() -> None:
    document = json.loads(
        """{"chargingRateUnit": "W", "duration": 86400, "startSchedule": "2025-01-01T00:00:00Z",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.3, "numberPhases": 3},
                                       {"startPeriod": 60, "limit": 0}]}"""
    )

    assert charging_schedule(document) == ChargingSchedule(
        unit=RateUnit.WATT,
        periods=(SchedulePeriod(0, Decimal("11000.3"), 3), SchedulePeriod(60, Decimal(0))),
        start=datetime(2025, 1, 1, tzinfo=UTC),
        duration_s=86_400,
    )


def test_every_field_that_concerns_limits_is_read_and_the_rest_is_kept_as_it_is() -> None:
    tariff = {"id": 3, "salesTariffEntry": [{"relativeTimeInterval": {"start": 0}}]}
    schedule = charging_schedule(
        {
            "id": 7,
            "chargingRateUnit": "A",
            "minChargingRate": 6.5,
            "randomizedDelay": 60,
            "useLocalTime": True,
            "salesTariff": tariff,
            "customData": {"vendorId": "x"},
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16, "numberPhases": 1, "phaseToUse": 2}
            ],
        }
    )

    assert schedule == ChargingSchedule(
        RateUnit.AMPERE,
        (SchedulePeriod(0, Decimal(16), 1, 2),),
        id=7,
        min_rate=Decimal("6.5"),
        randomized_delay_s=60,
        local_time=True,
        remainder=schedule.remainder,
    )
    assert json.loads(schedule.remainder or "") == {"salesTariff": tariff}


def test_what_asks_for_nothing_is_as_good_as_absent() -> None:
    document = {"chargingRateUnit": "A", "chargingSchedulePeriod": []}

    asked = charging_schedule(document | {"randomizedDelay": 0, "useLocalTime": False})

    assert asked == charging_schedule(document)


def test_equal_limits_need_no_memory_of_their_own() -> None:
    periods = [{"startPeriod": n, "limit": 6.5} for n in range(3)]

    found = charging_schedule({"chargingRateUnit": "A", "chargingSchedulePeriod": periods})

    assert len({id(period.limit) for period in found.periods}) == 1


def test_an_open_schedule_has_neither_start_nor_duration() -> None:
    schedule = charging_schedule({"chargingRateUnit": "A", "chargingSchedulePeriod": []})

    assert schedule == ChargingSchedule(RateUnit.AMPERE, ())


def test_a_schedule_with_an_unreadable_start_is_rejected() -> None:
    with pytest.raises(CallRejected, match="startSchedule"):
        charging_schedule(
            {"chargingRateUnit": "A", "chargingSchedulePeriod": [], "startSchedule": "soon"}
        )
