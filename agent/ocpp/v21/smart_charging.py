"""What block K of 2.1 has beyond 2.0.1: more in profiles, dynamic limits, priority charging.

A profile is refused rather than followed in part: a limit that is applied without its conditions
is another limit.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from agent.core.commands import Command, Outcome, Verdict
from agent.core.events import DomainEvent
from agent.core.smart_charging.news import (
    DynamicUpdateAsked,
    DynamicUpdateTold,
    PriorityChargingTold,
)
from agent.core.smart_charging.orders import UpdateDynamicSchedule, UsePriorityCharging
from agent.core.smart_charging.profiles import ChargingProfile, ProfileRules
from agent.core.vocabulary import ProfilePurpose
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.numbers import decimal_of
from agent.ocpp.payloads import instant, integer, present
from agent.ocpp.v201 import smart_charging as v201
from agent.ocpp.v201.charging_news import ChargingWords
from agent.ocpp.v201.limits import TRANSACTION_ID_LENGTH
from agent.ocpp.v201.smart_charging import UnsupportedProfile
from agent.ocpp.v201.status_info import refused, status_info

RULES: Final = ProfileRules(reserves_ids=True, phases_agree=True)
WORDS: Final = ChargingWords(
    purposes=frozenset(ProfilePurpose),
    is_dynamic=True,
    remainder=frozenset(
        {
            *("powerTolerance", "signatureId", "digestValue", "salesTariff"),
            *("absolutePriceSchedule", "priceLevelSchedule"),
        }
    ),
    correlates=True,
)
_CHARGING_ONLY: Final = "ChargingOnly"
_PHASE_LIMITS: Final = ("limit_L2", "limit_L3")
_BIDIRECTIONAL_FIELDS: Final = tuple(
    f"{name}{phase}"
    for name in ("dischargeLimit", "setpoint", "setpointReactive")
    for phase in ("", "_L2", "_L3")
)


def charging_profile(profile: Payload) -> ChargingProfile:
    """Read ChargingProfileType of 2.1; raises `UnsupportedProfile` and `CallRejected`."""
    for schedule in profile["chargingSchedule"]:
        _check_schedule(schedule)
        for period in schedule["chargingSchedulePeriod"]:
            _check_period(period)
    return replace(
        v201.charging_profile(profile),
        max_offline_s=integer(profile, "maxOfflineDuration"),
        ends_offline=profile.get("invalidAfterOfflineDuration"),
        update_interval_s=integer(profile, "dynUpdateInterval"),
        updated_at=instant(profile, "dynUpdateTime"),
    )


def update_dynamic_schedule(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read UpdateDynamicSchedule (K28); what a charging-only station cannot follow is refused."""
    try:
        limit = _updated_limit(payload["scheduleUpdate"])
    except UnsupportedProfile as unsupported:
        return Answer(refused("Rejected", unsupported.refusal))
    return UpdateDynamicSchedule(int(payload["chargingProfileId"]), limit)


def pull_dynamic_schedule_update(
    event: DynamicUpdateAsked, _context: CodecContext
) -> tuple[Call, ...]:
    """Ask for the limit of a Dynamic profile (K28.FR.10)."""
    return (Call("PullDynamicScheduleUpdate", {"chargingProfileId": event.profile_id}),)


def dynamic_update_told(
    _event: DomainEvent, reply: Payload, _context: CodecContext
) -> DynamicUpdateTold:
    """Read the limit that was asked for; one that cannot be followed is as good as none."""
    if reply["status"] != "Accepted" or "scheduleUpdate" not in reply:
        return DynamicUpdateTold(None)
    try:
        return DynamicUpdateTold(_updated_limit(reply["scheduleUpdate"]))
    except UnsupportedProfile:
        return DynamicUpdateTold(None)


def use_priority_charging(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read UsePriorityCharging (K21)."""
    return UsePriorityCharging(payload["transactionId"], bool(payload["activate"]))


def use_priority_charging_reply(
    outcome: Outcome, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell whether priority charging is as ordered, or that there is no profile (K21.FR.01)."""
    words = {Verdict.ACCEPTED: "Accepted", Verdict.UNKNOWN: "NoProfile"}
    status = words.get(outcome.verdict, "Rejected")
    return present({"status": status, "statusInfo": status_info(outcome.refusal)})


def notify_priority_charging(
    event: PriorityChargingTold, _context: CodecContext
) -> tuple[Call, ...]:
    """Tell that priority charging was switched on or off (K21.FR.05, K21.FR.08)."""
    if len(event.transaction_id) > TRANSACTION_ID_LENGTH:
        return ()
    payload = {"transactionId": event.transaction_id, "activated": event.activated}
    return (Call("NotifyPriorityCharging", payload),)


def _check_schedule(schedule: Payload) -> None:
    """K01.FR.125: nobody tells an AC station the state of charge."""
    if "limitAtSoC" in schedule:
        raise UnsupportedProfile("InvalidSchedule", "limitAtSoC is not supported")


def _check_period(period: Payload) -> None:
    """K01.FR.115, K01.FR.126, K01.FR.144, K01.FR.146."""
    mode = period.get("operationMode", _CHARGING_ONLY)
    if mode != _CHARGING_ONLY:
        raise UnsupportedProfile("InvalidOperationMode", f"{mode} is not supported")
    if period.get("evseSleep"):
        raise UnsupportedProfile("InvalidSchedule", "evseSleep is not supported")
    _check_fields(period)
    if "limit" not in period:
        raise UnsupportedProfile("InvalidSchedule", "a period of ChargingOnly needs a limit")


def _check_fields(period: Payload) -> None:
    for fields, reason_code in (
        (_PHASE_LIMITS, "PhaseConflict"),
        (_BIDIRECTIONAL_FIELDS, "UnsupportedParam"),
    ):
        for field in fields:
            if field in period:
                raise UnsupportedProfile(reason_code, f"{field} is not supported")


def _updated_limit(update: Payload) -> Decimal:
    _check_fields(update)
    if "limit" not in update:
        raise UnsupportedProfile("InvalidSchedule", "an update of ChargingOnly has a limit")
    return decimal_of(update["limit"])
