"""Limits that somebody other than the CSMS sets: a relay of the grid, an energy manager (K11-K13).

Each is kept as a charging profile of its own, so that it is planned with, shown and kept as the
others are.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Installed,
    InstalledProfile,
    ProfileKind,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit

MOST = Decimal(1_000_000)
"""No limit from outside is greater: more amperes or watts are a mistake."""


class LimitSource(StrEnum):
    """ChargingLimitSourceEnumType, without the CSMS itself (K11.FR.05)."""

    EMS = "EMS"
    SO = "SO"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class LimitOrigin:
    """Who limits what: each source has one limit for an EVSE, or for EVSE 0, the station.

    `generation`: not a limit, but what the site generates on top of what the grid may give (K27).
    """

    evse: int = 0
    source: LimitSource = LimitSource.OTHER
    generation: bool = False

    @property
    def purpose(self) -> ProfilePurpose:
        """Return what it is in the words of profiles."""
        if self.generation:
            return ProfilePurpose.LOCAL_GENERATION
        return ProfilePurpose.EXTERNAL_CONSTRAINTS

    def names(self, installed: InstalledProfile) -> bool:
        """Tell whether a profile is this limit."""
        profile, same = installed.profile, (self.evse, self.source.value, self.purpose)
        return (installed.evse, installed.source, profile.purpose) == same


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLimit:
    """A limit in A per phase or W in total; one that is `grid_critical` must hold at once."""

    origin: LimitOrigin
    limit: Decimal
    unit: RateUnit = RateUnit.AMPERE
    grid_critical: bool = False

    def fault(self, evses: Iterable[int]) -> str | None:
        """Return what is wrong with it in words, None if it can be obeyed."""
        if self.origin.evse != 0 and self.origin.evse not in set(evses):
            return f"there is no EVSE {self.origin.evse}"
        if self.origin.generation and self.origin.evse != 0:
            return "what is generated is the station's as a whole: EVSE 0"
        if not (self.limit.is_finite() and 0 <= self.limit <= MOST):
            return f"a limit is a number from 0 to {MOST}"
        return None


def found(installed: Installed, origin: LimitOrigin) -> InstalledProfile | None:
    """Return what the same source has set for the same place before."""
    return next(filter(origin.names, installed), None)


def with_limit(
    installed: Installed, limit: OutsideLimit, highest_id: int, at: datetime
) -> Installed:
    """Set a limit from outside; what its source has set before gives way (K29.FR.04-06)."""
    origin, before = limit.origin, found(installed, limit.origin)
    profile_id = _free_id(installed, highest_id) if before is None else before.profile.id
    period = SchedulePeriod(0, limit.limit)
    profile = ChargingProfile(
        id=profile_id,
        stack_level=0,
        purpose=origin.purpose,
        kind=ProfileKind.DYNAMIC,
        schedules=(ChargingSchedule(limit.unit, (period,), id=abs(profile_id)),),
        updated_at=at,
    )
    new = InstalledProfile(origin.evse, profile, at, source=origin.source.value)
    return (*without_limit(installed, origin), new)


def without_limit(installed: Installed, origin: LimitOrigin) -> Installed:
    """Release a limit from outside (K13.FR.01)."""
    return tuple(one for one in installed if not origin.names(one))


def changes_by(before: Decimal | None, after: Decimal, percent: Decimal) -> bool:
    """Tell whether a change is more than LimitChangeSignificance (K11.FR.02, K12.FR.02)."""
    if before is None or before == 0:
        return before != after
    return abs(after - before) * 100 > percent * before


def limit_of(installed: InstalledProfile, unit: RateUnit) -> Decimal | None:
    """Return the limit that a profile from outside is, None if it is in another unit."""
    schedule = installed.profile.schedules[0]
    return schedule.periods[0].limit if schedule.unit is unit else None


def _free_id(installed: Installed, highest_id: int) -> int:
    """Return the highest id at MaxExternalConstraintsId or below that nobody has (K11.FR.06)."""
    taken = {one.profile.id for one in installed}
    candidate = highest_id
    while candidate in taken:
        candidate -= 1
    return candidate
