import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.smart_charging import ChargingSchedule, SchedulePeriod
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


def test_an_open_schedule_has_neither_start_nor_duration() -> None:
    schedule = charging_schedule({"chargingRateUnit": "A", "chargingSchedulePeriod": []})

    assert schedule == ChargingSchedule(RateUnit.AMPERE, ())


def test_a_schedule_with_an_unreadable_start_is_rejected() -> None:
    with pytest.raises(CallRejected, match="startSchedule"):
        charging_schedule(
            {"chargingRateUnit": "A", "chargingSchedulePeriod": [], "startSchedule": "soon"}
        )
