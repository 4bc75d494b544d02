"""Block K as it is told: installed profiles, limits from outside, what an EV needs and plans."""

import json
from typing import Any, Final

from agent.core.events import DomainEvent
from agent.core.records import dataclass
from agent.core.smart_charging.needs import NeedsStatus
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
    ProfileKind,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.numbers import json_number, limit_number
from agent.ocpp.payloads import present
from agent.ocpp.timestamps import format_datetime

_LARGEST_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingWords:
    """What a version can say of profiles.

    `sources` None means any word. `is_dynamic`: it has the kind Dynamic with its fields, random
    delays, local time and offline durations. `remainder` names what a schedule may have besides.
    `correlates`: a selected schedule is named by its id, and late needs bear their time.
    """

    purposes: frozenset[ProfilePurpose] = frozenset(ProfilePurpose) - {
        ProfilePurpose.PRIORITY_CHARGING,
        ProfilePurpose.LOCAL_GENERATION,
    }
    is_dynamic: bool = False
    remainder: frozenset[str] = frozenset({"salesTariff"})
    correlates: bool = False


WORDS: Final = ChargingWords()


def report_charging_profiles(
    event: ProfilesReport, _context: CodecContext, words: ChargingWords = WORDS
) -> tuple[Call, ...]:
    """Tell one page of installed profiles (K09.FR.01, K09.FR.02)."""
    told = [one for one in event.profiles if one.profile.purpose in words.purposes]
    if not told:
        return ()
    payload = {
        "requestId": event.request_id,
        "chargingLimitSource": told[0].source,
        "evseId": told[0].evse,
        "tbc": event.to_be_continued,
        "chargingProfile": [_profile(one.profile, words) for one in told],
    }
    return (Call("ReportChargingProfiles", payload),)


def notify_charging_limit(
    event: ChargingLimitTold, _context: CodecContext, words: ChargingWords = WORDS
) -> tuple[Call, ...]:
    """Tell a limit from outside (K11.FR.02); local generation is a word of its own (K27.FR.05)."""
    if event.local_generation and ProfilePurpose.LOCAL_GENERATION not in words.purposes:
        return ()
    limit = {
        "chargingLimitSource": event.source,
        "isGridCritical": event.grid_critical,
        "isLocalGeneration": True if event.local_generation else None,
    }
    payload = {
        "evseId": event.evse,
        "chargingLimit": present(limit),
        "chargingSchedule": [_schedule(one, words) for one in event.schedules] or None,
    }
    return (Call("NotifyChargingLimit", present(payload)),)


def cleared_charging_limit(event: ChargingLimitCleared, _context: CodecContext) -> tuple[Call, ...]:
    """Tell that a limit from outside is gone (K13.FR.02)."""
    payload = {"chargingLimitSource": event.source, "evseId": event.evse}
    return (Call("ClearedChargingLimit", payload),)


def notify_ev_charging_needs(
    event: NeedsTold, _context: CodecContext, words: ChargingWords = WORDS
) -> tuple[Call, ...]:
    """Tell what an EV needs, with the parameters of an AC station (K15.FR.06)."""
    needs = event.needs
    told = {
        "requestedEnergyTransfer": needs.transfer.value,
        "departureTime": None if needs.departure is None else format_datetime(needs.departure),
        "acChargingParameters": {
            "energyAmount": needs.energy_wh,
            "evMinCurrent": needs.min_current_a,
            "evMaxCurrent": needs.max_current_a,
            "evMaxVoltage": needs.max_voltage_v,
        },
    }
    late = event.at if words.correlates else None
    payload = {
        "evseId": event.evse,
        "maxScheduleTuples": needs.schedules,
        "chargingNeeds": present(told),
        "timestamp": None if late is None else format_datetime(late),
    }
    return (Call("NotifyEVChargingNeeds", present(payload)),)


def needs_answered(_event: DomainEvent, reply: Payload, _context: CodecContext) -> NeedsAnswered:
    """Read what the CSMS will do about an EV's needs (K15.FR.04, K15.FR.05)."""
    return NeedsAnswered(NeedsStatus(reply["status"]))


def notify_ev_charging_schedule(
    event: EvScheduleTold, _context: CodecContext, words: ChargingWords = WORDS
) -> tuple[Call, ...]:
    """Tell what an EV will do (K15.FR.10, K15.FR.21)."""
    payload = {
        "timeBase": format_datetime(event.at),
        "evseId": event.evse,
        "chargingSchedule": _schedule(event.schedule, words),
        "selectedChargingScheduleId": abs(event.selected) if words.correlates else None,
    }
    return (Call("NotifyEVChargingSchedule", present(payload)),)


def _profile(profile: ChargingProfile, words: ChargingWords) -> dict[str, Any]:
    """Return ChargingProfileType; a version without Dynamic shows it as what it amounts to."""
    dynamic = profile.kind is ProfileKind.DYNAMIC
    shown_as_absolute = dynamic and not words.is_dynamic
    told: dict[str, Any] = {
        "id": profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose.value,
        "chargingProfileKind": "Absolute" if shown_as_absolute else profile.kind.value,
        "recurrencyKind": profile.recurrency,
        "validFrom": _instant(profile.valid_from),
        "validTo": _instant(profile.valid_to),
        "transactionId": profile.transaction_id,
        "chargingSchedule": [_schedule(one, words) for one in profile.schedules],
    }
    if shown_as_absolute and profile.updated_at is not None:
        for schedule in told["chargingSchedule"]:
            schedule.setdefault("startSchedule", _instant(profile.updated_at))
    if words.is_dynamic:
        told |= {
            "maxOfflineDuration": profile.max_offline_s,
            "invalidAfterOfflineDuration": profile.ends_offline,
            "dynUpdateInterval": profile.update_interval_s,
            "dynUpdateTime": _instant(profile.updated_at),
        }
    return present(told)


def _schedule(schedule: ChargingSchedule, words: ChargingWords) -> dict[str, Any]:
    """Return ChargingScheduleType."""
    rest = json.loads(schedule.remainder) if schedule.remainder else {}
    told = {
        **{name: value for name, value in rest.items() if name in words.remainder},
        "id": schedule.id,
        "startSchedule": _instant(schedule.start),
        "duration": schedule.duration_s,
        "chargingRateUnit": schedule.unit.value,
        "minChargingRate": None if schedule.min_rate is None else json_number(schedule.min_rate),
        "chargingSchedulePeriod": [_period(period) for period in schedule.periods],
    }
    if words.is_dynamic:
        told |= {
            "useLocalTime": schedule.local_time,
            "randomizedDelay": schedule.randomized_delay_s,
        }
    return present(told)


def _period(period: SchedulePeriod) -> dict[str, Any]:
    told = {
        "startPeriod": period.start_s,
        "limit": limit_number(period.limit),
        "numberPhases": period.phases,
        "phaseToUse": period.phase_to_use,
    }
    return present(told)


def _instant(at: Any) -> str | None:
    return None if at is None else format_datetime(at)
