"""Block K: charging profiles and the composite schedule."""

from collections.abc import Callable
from typing import Any

from agent.core.commands import (
    ClearChargingProfile,
    Command,
    CompositeSchedule,
    GetCompositeSchedule,
    Refusal,
    SetChargingProfile,
    Verdict,
)
from agent.core.smart_charging import ChargingProfile, ChargingSchedule
from agent.core.vocabulary import ProfilePurpose
from agent.ocpp.codec import Answer, CodecContext, Payload
from agent.ocpp.numbers import limit_number
from agent.ocpp.payloads import instant, integer
from agent.ocpp.schedules import charging_schedule
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v201.status_info import refused, status_reply

clear_charging_profile_reply = status_reply(Verdict.ACCEPTED, otherwise=Verdict.UNKNOWN)


class UnsupportedProfile(ValueError):
    """The profile asks for what this station cannot do: answer Rejected with `refusal`."""

    def __init__(self, reason_code: str, info: str) -> None:
        super().__init__(info)
        self.refusal = Refusal(reason_code, info)


def charging_profile(profile: Payload) -> ChargingProfile:
    """Read ChargingProfileType; raises `UnsupportedProfile` and `CallRejected`.

    What is refused here has no form in the core. The core's own rules come after this.
    """
    kind = profile["chargingProfileKind"]
    return ChargingProfile(
        id=int(profile["id"]),
        stack_level=int(profile["stackLevel"]),
        purpose=_purpose(profile["chargingProfilePurpose"]),
        kind=kind,
        schedule=_only_schedule(kind, profile["chargingSchedule"]),
        transaction_id=profile.get("transactionId"),
        valid_from=instant(profile, "validFrom"),
        valid_to=instant(profile, "validTo"),
    )


def set_charging_profile(
    payload: Payload,
    _context: CodecContext,
    read_profile: Callable[[Payload], ChargingProfile] = charging_profile,
) -> Command | Answer:
    """Read SetChargingProfile (K01)."""
    try:
        return SetChargingProfile(int(payload["evseId"]), read_profile(payload["chargingProfile"]))
    except UnsupportedProfile as unsupported:
        return Answer(refused("Rejected", unsupported.refusal))


def clear_charging_profile(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read ClearChargingProfile (K10).

    A purpose that cannot be installed matches nothing (K10.FR.01, K10.FR.08). A request with
    neither id nor criterion is not taken for "all": it would remove the station's limit as well.
    """
    profile_id = integer(payload, "chargingProfileId")
    criteria = payload.get("chargingProfileCriteria", {})
    if profile_id is None and not _criteria_given(criteria):
        return Answer(refused("Unknown", Refusal("MissingParam", "no id and no criterion given")))
    purpose = criteria.get("chargingProfilePurpose")
    if profile_id is None and purpose is not None and purpose not in _PURPOSES:
        return Answer({"status": "Unknown"})
    return ClearChargingProfile(
        profile_id=profile_id,
        evse=integer(criteria, "evseId"),
        purpose=ProfilePurpose(purpose) if purpose in _PURPOSES else None,
        stack_level=integer(criteria, "stackLevel"),
    )


def get_composite_schedule(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetCompositeSchedule (K08)."""
    return GetCompositeSchedule(
        evse=int(payload["evseId"]),
        duration_s=int(payload["duration"]),
        unit=payload.get("chargingRateUnit"),
    )


def get_composite_schedule_reply(
    outcome: CompositeSchedule, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell the schedule, or that there is none (K08.FR.05)."""
    if not outcome.periods:
        return {"status": "Rejected"}
    periods = [
        {"startPeriod": start_s, "limit": limit_number(limit)} for start_s, limit in outcome.periods
    ]
    schedule = {
        "evseId": outcome.evse,
        "duration": outcome.duration_s,
        "scheduleStart": format_datetime(outcome.start),
        "chargingRateUnit": outcome.unit,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "schedule": schedule}


_PURPOSES = frozenset(purpose.value for purpose in ProfilePurpose)


def _purpose(purpose: str) -> ProfilePurpose:
    if purpose not in _PURPOSES:
        raise UnsupportedProfile("UnsupportedPurpose", f"{purpose} cannot be set")
    return ProfilePurpose(purpose)


def _only_schedule(kind: str, schedules: list[dict[str, Any]]) -> ChargingSchedule:
    """Several schedules are for an EV to choose from by ISO 15118, else one (K01.FR.34)."""
    if len(schedules) != 1:
        raise UnsupportedProfile("TooManyElements", "one chargingSchedule is supported")
    if any("phaseToUse" in period for period in schedules[0]["chargingSchedulePeriod"]):
        raise UnsupportedProfile("InvalidSchedule", "phaseToUse: phases cannot be chosen")
    schedule = charging_schedule(schedules[0])
    if (kind == "Relative") != (schedule.start is None):  # K01.FR.40, K01.FR.41
        fault = "needs" if schedule.start is None else "must not have"
        raise UnsupportedProfile("InvalidSchedule", f"a {kind} profile {fault} startSchedule")
    return schedule


def _criteria_given(criteria: Payload) -> bool:
    return any(name in criteria for name in ("evseId", "chargingProfilePurpose", "stackLevel"))
