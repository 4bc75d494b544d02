"""What charging profiles of 2.1 can ask for beyond 2.0.1; none of it is offered by this station.

A profile is refused rather than followed in part: a limit that is applied without its conditions
is another limit.
"""

from typing import Final

from agent.core.smart_charging import ChargingProfile
from agent.ocpp.codec import Payload
from agent.ocpp.v201 import smart_charging as v201
from agent.ocpp.v201.smart_charging import UnsupportedProfile

_CHARGING_ONLY: Final = "ChargingOnly"
_DYNAMIC_FIELDS: Final = ("dynUpdateInterval", "dynUpdateTime")
_SCHEDULE_FIELDS: Final = ("useLocalTime", "randomizedDelay", "limitAtSoC")
_PHASE_LIMITS: Final = ("limit_L2", "limit_L3")
_BIDIRECTIONAL_FIELDS: Final = tuple(
    f"{name}{phase}"
    for name in ("dischargeLimit", "setpoint", "setpointReactive")
    for phase in ("", "_L2", "_L3")
)


def charging_profile(profile: Payload) -> ChargingProfile:
    """Read ChargingProfileType of 2.1; raises `UnsupportedProfile` and `CallRejected`."""
    _check_profile(profile)
    for schedule in profile["chargingSchedule"]:
        _check_schedule(schedule)
        for period in schedule["chargingSchedulePeriod"]:
            _check_period(period)
    return v201.charging_profile(profile)


def _check_profile(profile: Payload) -> None:
    """K01.FR.121, K01.FR.122; K01.FR.101 would need the time spent offline."""
    if profile["chargingProfileKind"] == "Dynamic":
        raise UnsupportedProfile("UnsupportedKind", "Dynamic profiles are not supported")
    _refuse_present(profile, _DYNAMIC_FIELDS, "InvalidProfile")
    _refuse_present(profile, ("maxOfflineDuration",), "UnsupportedParam")


def _check_schedule(schedule: Payload) -> None:
    """K01.FR.123, K01.FR.124, K01.FR.125; false and 0 ask for nothing."""
    _refuse_present(_asked(schedule), _SCHEDULE_FIELDS, "InvalidSchedule")


def _check_period(period: Payload) -> None:
    """K01.FR.115, K01.FR.126, K01.FR.144, K01.FR.146."""
    mode = period.get("operationMode", _CHARGING_ONLY)
    if mode != _CHARGING_ONLY:
        raise UnsupportedProfile("InvalidOperationMode", f"{mode} is not supported")
    _refuse_present(_asked(period), ("evseSleep",), "InvalidSchedule")
    _refuse_present(period, _PHASE_LIMITS, "PhaseConflict")
    _refuse_present(period, _BIDIRECTIONAL_FIELDS, "UnsupportedParam")
    if "limit" not in period:
        raise UnsupportedProfile("InvalidSchedule", "a period of ChargingOnly needs a limit")


def _asked(payload: Payload) -> Payload:
    """Return the fields that ask for something: false and 0 do not."""
    return {name: value for name, value in payload.items() if value}


def _refuse_present(payload: Payload, fields: tuple[str, ...], reason_code: str) -> None:
    for field in fields:
        if field in payload:
            raise UnsupportedProfile(reason_code, f"{field} is not supported")
