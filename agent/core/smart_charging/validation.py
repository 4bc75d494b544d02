"""Which profiles may be installed: exactly those that the standard lets a station refuse are (K01).

Whatever is refused leaves everything as it was. The reason codes are those of OCPP 2.x.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from agent.core.commands import Refusal
from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import ALL_PHASES, Supply
from agent.core.smart_charging.installation import install, same_place
from agent.core.smart_charging.phase_conflicts import choose_apart
from agent.core.smart_charging.profiles import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_SCHEDULES,
    MAX_STACK_LEVEL,
    ChargingSchedule,
    Installed,
    InstalledProfile,
    ProfileKind,
    ProfileRules,
    SchedulePeriod,
)
from agent.core.vocabulary import STATION_PURPOSES, ProfilePurpose

_OF_SESSIONS: Final = frozenset({ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT})
_AT_THE_CLOCK: Final = frozenset({ProfileKind.ABSOLUTE, ProfileKind.RECURRING})


@dataclass(frozen=True, slots=True)
class Outlet:
    """One EVSE as validation sees it: how it is fed, what runs there, and what its EV has told.

    `told_needs`: the EV has told what it needs, so that it may choose among several schedules.
    """

    supply: Supply = Supply()
    transaction_id: str | None = None
    told_needs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a profile is judged by.

    `highest_external_id` is MaxExternalConstraintsId.
    """

    outlets: Mapping[int, Outlet]
    installed: Installed = ()
    highest_external_id: int = -1

    def outlets_of(self, evse: int) -> tuple[Outlet, ...]:
        """Return the EVSEs that a profile concerns; 0 is all of them."""
        return tuple(self.outlets.values()) if evse == 0 else (self.outlets[evse],)


def validate(new: InstalledProfile, rules: ProfileRules, situation: Situation) -> Refusal | None:
    """Return why a profile cannot be installed, None if it can."""
    for check in _CHECKS:
        if (refusal := check(new, rules, situation)) is not None:
            return refusal
    return None


def _place(new: InstalledProfile, _rules: ProfileRules, situation: Situation) -> Refusal | None:
    """K01.FR.28, K01.FR.16, K04.FR.03."""
    purpose = new.profile.purpose
    if new.evse != 0 and new.evse not in situation.outlets:
        return Refusal("UnknownEvse", f"there is no EVSE {new.evse}")
    if purpose is ProfilePurpose.EXTERNAL_CONSTRAINTS:
        return Refusal("UnsupportedPurpose", f"{purpose.value} is not for a CSMS to set")
    if purpose in STATION_PURPOSES and new.evse != 0:
        return Refusal("InvalidProfile", f"a {purpose.value} is for EVSE 0")
    if purpose is ProfilePurpose.TX and new.evse == 0:
        return Refusal("InvalidProfile", "a TxProfile is for one EVSE")
    return None


def _transaction(
    new: InstalledProfile, _rules: ProfileRules, situation: Situation
) -> Refusal | None:
    """K01.FR.09, K01.FR.33, S16-SC-01."""
    if new.profile.purpose is not ProfilePurpose.TX or new.pending:
        return None
    running = situation.outlets[new.evse].transaction_id
    if running is None:
        return Refusal("TxNotFound", f"no transaction runs at EVSE {new.evse}")
    if new.profile.transaction_id not in (None, running):
        return Refusal("TxNotFound", "another transaction runs there")
    return None


def _level(new: InstalledProfile, _rules: ProfileRules, _situation: Situation) -> Refusal | None:
    if new.profile.stack_level in range(MAX_STACK_LEVEL + 1):
        return None
    return Refusal("InvalidStackLevel", f"stack levels are 0 to {MAX_STACK_LEVEL}")


def _id(new: InstalledProfile, rules: ProfileRules, situation: Situation) -> Refusal | None:
    """K01.FR.81, and K01.FR.05: what is from outside never gives way."""
    profile_id, highest = new.profile.id, situation.highest_external_id
    if rules.reserves_ids and profile_id <= highest:
        return Refusal("InvalidProfileId", f"ids up to {highest} are for limits from outside")
    if any(one.is_external and one.profile.id == profile_id for one in situation.installed):
        return Refusal("InvalidProfileId", f"{profile_id} is the id of a limit from outside")
    return None


def _kind(new: InstalledProfile, rules: ProfileRules, _situation: Situation) -> Refusal | None:
    """K01.FR.38, K01.FR.122, K28.FR.04."""
    profile = new.profile
    relative = profile.kind is ProfileKind.RELATIVE
    if relative and profile.purpose in STATION_PURPOSES and not rules.station_may_be_relative:
        return Refusal("InvalidProfile", f"a {profile.purpose.value} cannot be Relative")
    if profile.kind is ProfileKind.RECURRING and profile.recurrency is None:
        return Refusal("InvalidProfile", "a Recurring profile needs recurrencyKind")
    dynamic = profile.update_interval_s is not None or profile.updated_at is not None
    if dynamic and profile.kind is not ProfileKind.DYNAMIC:
        return Refusal("InvalidProfile", "dynUpdate fields are for Dynamic profiles")
    if min(profile.update_interval_s or 0, profile.max_offline_s or 0) < 0:
        return Refusal("InvalidProfile", "an interval is negative")
    return None


def _validity(new: InstalledProfile, _rules: ProfileRules, _situation: Situation) -> Refusal | None:
    begin, end = new.profile.valid_from, new.profile.valid_to
    if begin is not None and end is not None and end <= begin:
        return Refusal("InvalidProfile", "validTo is not after validFrom")
    return None


def _schedules(new: InstalledProfile, _rules: ProfileRules, situation: Situation) -> Refusal | None:
    """K01.FR.34, K15.FR.17: several schedules are for an EV that has said what it needs."""
    profile, number = new.profile, len(new.profile.schedules)
    if number == 0:
        return Refusal("InvalidSchedule", "there is no schedule")
    if number > MAX_SCHEDULES or (number > 1 and profile.purpose is not ProfilePurpose.TX):
        return Refusal("TooManyElements", "one chargingSchedule is supported")
    if number > 1 and not situation.outlets[new.evse].told_needs:
        return Refusal("InvalidMessageSeq", "the EV has not told its needs: one chargingSchedule")
    return _first(_schedule_faults(new))


def _schedule_faults(new: InstalledProfile) -> Iterator[Refusal]:
    profile = new.profile
    for schedule in profile.schedules:
        if schedule.start is None and profile.kind in _AT_THE_CLOCK:
            # K01.FR.40
            yield _unfit(f"a profile that is {profile.kind.value} needs startSchedule")
        if schedule.start is not None and profile.kind is ProfileKind.RELATIVE:
            # K01.FR.41
            yield _unfit("a Relative profile must not have startSchedule")
        if (schedule.duration_s or 0) < 0:
            yield _unfit("duration is negative")
        if profile.purpose is ProfilePurpose.PRIORITY_CHARGING and schedule.duration_s is not None:
            # K01.FR.70
            yield _unfit("PriorityCharging has no duration")
        if schedule.randomized_delay_s and profile.purpose not in _OF_SESSIONS:
            # K01.FR.95
            yield _unfit("randomizedDelay is for TxProfile and TxDefaultProfile")
        rate = schedule.min_rate
        if rate is not None and not (rate.is_finite() and rate >= 0):
            yield _unfit("minChargingRate is no amount")
        yield from _period_faults(schedule, new)


def _period_faults(schedule: ChargingSchedule, new: InstalledProfile) -> Iterator[Refusal]:
    periods, kind = schedule.periods, new.profile.kind
    if len(periods) > MAX_PERIODS:
        yield Refusal("TooManyElements", f"a schedule has at most {MAX_PERIODS} periods")
    if not periods or periods[0].start_s != 0:
        # K01.FR.31, K28.FR.02
        yield _unfit("the first period starts at 0")
    if any(one.start_s >= other.start_s for one, other in pairwise(periods)):
        # K01.FR.35
        yield _unfit("periods are in the order of their start")
    if kind is ProfileKind.DYNAMIC and (len(periods) != 1 or len(new.profile.schedules) != 1):
        # K28.FR.01, K28.FR.03
        yield _unfit("a Dynamic profile has one period")
    if not all(period.limit.is_finite() and period.limit >= 0 for period in periods):
        yield _unfit("a limit is a number that is not negative")


def _phases(new: InstalledProfile, rules: ProfileRules, situation: Situation) -> Refusal | None:
    """K01.FR.43, K01.FR.48: more phases than there are do no harm (K01.FR.45)."""
    outlets = situation.outlets_of(new.evse)
    for period in _periods(new):
        if period.phases is not None and period.phases not in range(1, ALL_PHASES + 1):
            return _unfit(f"{period.phases} is no number of phases")
        wanted = period.phases or ALL_PHASES
        kept = all(o.supply.switches or o.supply.phases <= wanted for o in outlets)
        if rules.phases_are_a_promise and not kept:
            return _unfit(f"the EVSE feeds more than {wanted} of its phases")
        if (refusal := _phase_to_use(period, outlets)) is not None:
            return refusal
    return None


def _phase_to_use(period: SchedulePeriod, outlets: tuple[Outlet, ...]) -> Refusal | None:
    """K01.FR.46, K01.FR.48: a single phase may be chosen where every EVSE concerned can choose."""
    phase = period.phase_to_use
    if phase is None:
        return None
    if phase not in range(1, ALL_PHASES + 1):
        return _unfit(f"phaseToUse: there is no phase L{phase}")
    if period.phases != 1:
        return _unfit("phaseToUse is for numberPhases 1")
    if not all(outlet.supply.chooses for outlet in outlets):
        return _unfit("phaseToUse: the EVSE cannot choose the phase (ACPhaseSwitchingSupported)")
    return None


def _phase_conflict(
    new: InstalledProfile, rules: ProfileRules, situation: Situation
) -> Refusal | None:
    """K01.FR.141."""
    others = situation.installed if rules.phases_agree else ()
    for one in others:
        if one.profile.id != new.profile.id and choose_apart(one, new):
            return Refusal("PhaseConflict", f"profile {one.profile.id} chooses another phase")
    return None


def _duplicate(new: InstalledProfile, rules: ProfileRules, situation: Situation) -> Refusal | None:
    """K01.FR.06, K01.FR.39, K01.FR.52, K01.FR.53."""
    if rules.same_level_gives_way:
        return None
    for one in situation.installed:
        if one.profile.id == new.profile.id or one.is_external or one.pending:
            continue
        if (same_place(one, new) and _overlap(one, new)) or _both_default(one, new):
            return Refusal(
                "DuplicateProfile", f"profile {one.profile.id} has this purpose and stack level"
            )
    return None


def _room(new: InstalledProfile, rules: ProfileRules, situation: Situation) -> Refusal | None:
    after = install(situation.installed, new, rules)
    if sum(not one.is_external for one in after) <= MAX_PROFILES:
        return None
    return Refusal("TooManyElements", f"at most {MAX_PROFILES} profiles can be installed")


Check = Callable[[InstalledProfile, ProfileRules, Situation], Refusal | None]
_CHECKS: Final[tuple[Check, ...]] = (
    *(_place, _transaction, _level, _id, _kind, _validity),
    *(_schedules, _phases, _duplicate, _phase_conflict, _room),
)


def _unfit(info: str) -> Refusal:
    return Refusal("InvalidSchedule", info)


def _first(refusals: Iterator[Refusal]) -> Refusal | None:
    return next(refusals, None)


def _periods(installed: InstalledProfile) -> Iterator[SchedulePeriod]:
    for schedule in installed.profile.schedules:
        yield from schedule.periods


def _both_default(one: InstalledProfile, other: InstalledProfile) -> bool:
    """Tell whether one is the station's and the other an EVSE's default at the same level."""
    defaults = {one.profile.purpose, other.profile.purpose} == {ProfilePurpose.TX_DEFAULT}
    level = one.profile.stack_level == other.profile.stack_level
    return defaults and level and (one.evse == 0) is not (other.evse == 0)


def _overlap(one: InstalledProfile, other: InstalledProfile) -> bool:
    """Tell whether there is an instant at which both are valid."""
    ends = ((one, other), (other, one))
    return not any(
        a.profile.valid_to is not None
        and b.profile.valid_from is not None
        and a.profile.valid_to <= b.profile.valid_from
        for a, b in ends
    )
