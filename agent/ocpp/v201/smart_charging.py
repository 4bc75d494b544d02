"""Block K as it is ordered: profiles set, cleared and asked for, the composite schedule."""

from collections.abc import Callable
from typing import Final

from agent.core.commands import Command, Outcome, Refusal, Verdict
from agent.core.smart_charging.composite import CompositePeriod
from agent.core.smart_charging.installation import Criteria
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    CompositeSchedule,
    GetChargingProfiles,
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
from agent.ocpp.v201.charging_news import WORDS, ChargingWords
from agent.ocpp.v201.status_info import refused, status_info, status_reply

clear_charging_profile_reply = status_reply(Verdict.ACCEPTED, otherwise=Verdict.UNKNOWN)

RULES: Final = ProfileRules()
_CRITERIA: Final = ("evseId", "chargingProfilePurpose", "stackLevel")


class UnsupportedProfile(ValueError):
    """The profile asks for what this station cannot do: answer Rejected with `refusal`."""

    def __init__(self, reason_code: str, info: str) -> None:
        super().__init__(info)
        self.refusal = Refusal(reason_code, info)


ReadProfile = Callable[[Payload], ChargingProfile]


def charging_profile(profile: Payload) -> ChargingProfile:
    """Read ChargingProfileType; raises `CallRejected`. The core judges whether it can be used.

    A recurrency means something only with Recurring (K01.FR.60), a transaction with TxProfile.
    """
    kind = ProfileKind(profile["chargingProfileKind"])
    purpose = ProfilePurpose(profile["chargingProfilePurpose"])
    recurs = kind is ProfileKind.RECURRING and "recurrencyKind" in profile
    of_transaction = purpose is ProfilePurpose.TX
    return ChargingProfile(
        id=int(profile["id"]),
        stack_level=int(profile["stackLevel"]),
        purpose=purpose,
        kind=kind,
        schedules=tuple(charging_schedule(one) for one in profile["chargingSchedule"]),
        recurrency=Recurrency(profile["recurrencyKind"]) if recurs else None,
        transaction_id=profile.get("transactionId") if of_transaction else None,
        valid_from=instant(profile, "validFrom"),
        valid_to=instant(profile, "validTo"),
    )


def set_charging_profile(
    payload: Payload,
    _context: CodecContext,
    read_profile: ReadProfile = charging_profile,
    rules: ProfileRules = RULES,
) -> Command | Answer:
    """Read SetChargingProfile (K01)."""
    try:
        profile = read_profile(payload["chargingProfile"])
    except UnsupportedProfile as unsupported:
        return Answer(refused("Rejected", unsupported.refusal))
    return SetChargingProfile(int(payload["evseId"]), profile, rules)


def clear_charging_profile(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read ClearChargingProfile (K10).

    A request with neither id nor criterion is not taken for "all": it would remove the station's
    limit as well.
    """
    profile_id = integer(payload, "chargingProfileId")
    criteria = payload.get("chargingProfileCriteria", {})
    if profile_id is None and not any(name in criteria for name in _CRITERIA):
        return Answer(refused("Unknown", Refusal("MissingParam", "no id and no criterion given")))
    return ClearChargingProfile(profile_id, _criteria(criteria, integer(criteria, "evseId")))


def get_charging_profiles(
    payload: Payload, _context: CodecContext, words: ChargingWords = WORDS
) -> Command | Answer:
    """Read GetChargingProfiles (K09)."""
    criteria = _criteria(payload["chargingProfile"], integer(payload, "evseId"))
    return GetChargingProfiles(int(payload["requestId"]), criteria, words.purposes)


def get_charging_profiles_reply(
    outcome: Outcome, _request: Payload, _context: CodecContext
) -> Payload:
    """Promise the profiles, or say that there are none (K09)."""
    found = outcome.verdict is Verdict.ACCEPTED
    status = "Accepted" if found else "NoProfiles"
    return present({"status": status, "statusInfo": status_info(outcome.refusal)})


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
    schedule = {
        "evseId": outcome.evse,
        "duration": outcome.duration_s,
        "scheduleStart": format_datetime(outcome.start),
        "chargingRateUnit": outcome.unit,
        "chargingSchedulePeriod": [_period(period) for period in outcome.periods],
    }
    return {"status": "Accepted", "schedule": schedule}


def _criteria(criteria: Payload, evse: int | None) -> Criteria:
    purpose = criteria.get("chargingProfilePurpose")
    return Criteria(
        evse=evse,
        purpose=None if purpose is None else ProfilePurpose(purpose),
        stack_level=integer(criteria, "stackLevel"),
        ids=tuple(int(one) for one in criteria.get("chargingProfileId", ())),
        sources=tuple(criteria.get("chargingLimitSource", ())),
    )


def _period(period: CompositePeriod) -> Payload:
    told = {
        "startPeriod": period.start_s,
        "limit": limit_number(period.limit),
        "numberPhases": period.phases,
        "phaseToUse": period.phase_to_use,
    }
    return present(told)
