"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from agent.core.commands import Command, Verdict
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
    ProfileKind,
    ProfileRules,
    Recurrency,
)
from agent.core.vocabulary import ProfilePurpose
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.numbers import limit_number
from agent.ocpp.payloads import instant, integer, present
from agent.ocpp.schedules import charging_schedule
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v16.connectors import UnknownConnector, evse_or_error, place
from agent.ocpp.v16.transaction_numbers import UnknownTransaction, transaction_id_of
from agent.ocpp.v16.verdicts import REJECTED, status_reply

clear_charging_profile_reply = status_reply(Verdict.ACCEPTED, otherwise=Verdict.UNKNOWN)

RULES: Final = ProfileRules(
    same_level_gives_way=True,
    defaults_shadow=True,
    station_may_be_relative=True,
    phases_are_a_promise=False,
)
_UNKNOWN: Final = Answer({"status": "Unknown"})
_PURPOSES: Final = MappingProxyType(
    {
        "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
        "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
        "TxProfile": ProfilePurpose.TX,
    }
)


def charging_profile(profile: Payload, context: CodecContext) -> ChargingProfile:
    """Read ChargingProfile; raises `UnknownTransaction` and `CallRejected`.

    Limits keep the digits of the message. An absolute schedule without start begins with the
    charging, so it is a relative one; a relative one has no start. Whether the profile can be used
    is the core's judgement.
    """
    number = integer(profile, "transactionId")
    purpose = _PURPOSES[profile["chargingProfilePurpose"]]
    of_transaction = number is not None and purpose is ProfilePurpose.TX
    kind, schedule = profile["chargingProfileKind"], charging_schedule(profile["chargingSchedule"])
    if kind == ProfileKind.ABSOLUTE and schedule.start is None:
        kind = ProfileKind.RELATIVE
    if kind == ProfileKind.RELATIVE:
        schedule = replace(schedule, start=None)
    recurs = kind == ProfileKind.RECURRING and "recurrencyKind" in profile
    return ChargingProfile(
        id=int(profile["chargingProfileId"]),
        stack_level=int(profile["stackLevel"]),
        purpose=purpose,
        kind=ProfileKind(kind),
        schedules=(schedule,),
        recurrency=Recurrency(profile["recurrencyKind"]) if recurs else None,
        transaction_id=transaction_id_of(number or 0, context) if of_transaction else None,
        valid_from=instant(profile, "validFrom"),
        valid_to=instant(profile, "validTo"),
    )


def set_charging_profile(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read SetChargingProfile; raises `CallRejected` for an unknown connector (S16-SC-09)."""
    evse = evse_or_error(payload, context)
    try:
        profile = charging_profile(payload["csChargingProfiles"], context)
    except UnknownTransaction:
        return REJECTED
    return SetChargingProfile(evse, profile, RULES)


def clear_charging_profile(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read ClearChargingProfile: an id alone decides, nothing given means all (S16-SC-08)."""
    profile_id = integer(payload, "id")
    if profile_id is not None:
        return ClearChargingProfile(profile_id)
    try:
        found = place(payload, context)
    except UnknownConnector:
        return _UNKNOWN
    purpose = payload.get("chargingProfilePurpose")
    criteria = Criteria(
        evse=None if found is None else found[0],
        purpose=None if purpose is None else _PURPOSES[purpose],
        stack_level=integer(payload, "stackLevel"),
    )
    return ClearChargingProfile(criteria=criteria)


def get_composite_schedule(payload: Payload, context: CodecContext) -> Command | Answer:
    """Read GetCompositeSchedule; raises `CallRejected` for an unknown connector (S16-SC-09)."""
    return GetCompositeSchedule(
        evse=evse_or_error(payload, context),
        duration_s=int(payload["duration"]),
        unit=payload.get("chargingRateUnit"),
    )


def get_composite_schedule_reply(
    outcome: CompositeSchedule, request: Payload, _context: CodecContext
) -> Payload:
    """Tell the schedule, its start outside of it, or that there is none (S16-SC-07)."""
    if not outcome.periods:
        return {"status": "Rejected"}
    return {
        "status": "Accepted",
        "connectorId": int(request["connectorId"]),
        "scheduleStart": format_datetime(outcome.start),
        "chargingSchedule": {
            "duration": outcome.duration_s,
            "chargingRateUnit": outcome.unit,
            "chargingSchedulePeriod": [_period(period) for period in outcome.periods],
        },
    }


def _period(period: CompositePeriod) -> Payload:
    told = {
        "startPeriod": period.start_s,
        "limit": limit_number(period.limit),
        "numberPhases": period.phases,
    }
    return present(told)
