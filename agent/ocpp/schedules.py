"""Charging schedules as every OCPP version writes them."""

from agent.core.smart_charging import ChargingSchedule, SchedulePeriod
from agent.core.vocabulary import RateUnit
from agent.ocpp.codec import Payload
from agent.ocpp.numbers import decimal_of
from agent.ocpp.payloads import instant, integer


def charging_schedule(schedule: Payload) -> ChargingSchedule:
    """Read a ChargingScheduleType in which every period has a limit; raises `CallRejected`.

    minChargingRate is a hint for the distribution among EVs (K01.FR.21) and not taken over.
    """
    return ChargingSchedule(
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(_period(p) for p in schedule["chargingSchedulePeriod"]),
        start=instant(schedule, "startSchedule"),
        duration_s=integer(schedule, "duration"),
    )


def _period(period: Payload) -> SchedulePeriod:
    return SchedulePeriod(
        start_s=int(period["startPeriod"]),
        limit=decimal_of(period["limit"]),
        phases=integer(period, "numberPhases"),
    )
