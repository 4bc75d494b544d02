"""Charging schedules as every OCPP version writes them."""

import json
from decimal import Decimal
from functools import lru_cache
from typing import Final

from agent.core.smart_charging.profiles import ChargingSchedule, SchedulePeriod
from agent.core.vocabulary import RateUnit
from agent.ocpp.codec import Payload
from agent.ocpp.numbers import decimal_of
from agent.ocpp.payloads import instant, integer

_UNDERSTOOD: Final = frozenset(
    {
        *("id", "startSchedule", "duration", "chargingRateUnit", "minChargingRate"),
        *("chargingSchedulePeriod", "useLocalTime", "randomizedDelay", "customData"),
    }
)


def charging_schedule(schedule: Payload) -> ChargingSchedule:
    """Read a ChargingScheduleType in which every period has a limit; raises `CallRejected`.

    What says nothing about limits, such as a tariff, is kept as it is, to be reported.
    """
    minimum = schedule.get("minChargingRate")
    rest = {name: value for name, value in schedule.items() if name not in _UNDERSTOOD}
    return ChargingSchedule(
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(_period(p) for p in schedule["chargingSchedulePeriod"]),
        start=instant(schedule, "startSchedule"),
        duration_s=integer(schedule, "duration"),
        id=integer(schedule, "id") or 0,
        min_rate=None if minimum is None else decimal_of(minimum),
        randomized_delay_s=integer(schedule, "randomizedDelay") or None,
        local_time=schedule.get("useLocalTime") or None,
        remainder=json.dumps(rest, separators=(",", ":")) if rest else None,
    )


def _period(period: Payload) -> SchedulePeriod:
    return SchedulePeriod(
        start_s=int(period["startPeriod"]),
        limit=_limit(period["limit"]),
        phases=integer(period, "numberPhases"),
        phase_to_use=integer(period, "phaseToUse"),
    )


@lru_cache(maxsize=256)
def _limit(number: float) -> Decimal:
    """Return a limit; schedules repeat themselves, and equal ones need no memory of their own."""
    return decimal_of(number)
