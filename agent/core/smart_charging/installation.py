"""The set of installed profiles: what gives way, what is cleared, what ends with a transaction."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from agent.core.records import dataclass
from agent.core.smart_charging.profiles import (
    Installed,
    InstalledProfile,
    ProfileKind,
    ProfileRules,
)
from agent.core.vocabulary import ProfilePurpose

_NEVER_CLEARED_BY_CRITERIA = frozenset(
    {ProfilePurpose.EXTERNAL_CONSTRAINTS, ProfilePurpose.LOCAL_GENERATION}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which profiles are meant: each criterion that is given must match; `ids` and `sources` any.

    `evse` 0 means those of the station as a whole (K09.FR.05).
    """

    evse: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None
    ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()

    def match(self, installed: InstalledProfile) -> bool:
        """Tell whether a profile is meant."""
        profile = installed.profile
        return (
            self.evse in (None, installed.evse)
            and self.purpose in (None, profile.purpose)
            and self.stack_level in (None, profile.stack_level)
            and (not self.ids or profile.id in self.ids)
            and (not self.sources or installed.source in self.sources)
        )


def install(installed: Installed, new: InstalledProfile, rules: ProfileRules) -> Installed:
    """Add a profile; one with the same id gives way (K01.FR.05), in 1.6 one in its place too."""
    kept = (
        old
        for old in installed
        if old.profile.id != new.profile.id
        and not (rules.same_level_gives_way and same_place(old, new) and not old.is_external)
    )
    return (*kept, new)


def same_place(one: InstalledProfile, other: InstalledProfile) -> bool:
    """Tell whether two profiles have the same EVSE, purpose, stack level and transaction."""
    return _place_of(one) == _place_of(other)


def clear(
    installed: Installed, profile_id: int | None = None, criteria: Criteria | None = None
) -> Installed:
    """Return what is left; an id alone decides (K10.FR.03), what is from outside stays (K10.FR.09).

    Criteria never concern constraints and generation from outside (K10.FR.04).
    """

    def goes(one: InstalledProfile) -> bool:
        if one.is_external:
            return False
        if profile_id is not None:
            return one.profile.id == profile_id
        concerned = one.profile.purpose not in _NEVER_CLEARED_BY_CRITERIA
        return concerned and (criteria is None or criteria.match(one))

    return tuple(one for one in installed if not goes(one))


def bound(installed: Installed, evse: int, transaction_id: str) -> Installed:
    """Give what came with a remote start to the transaction that has begun (F01.FR.10)."""
    return tuple(
        replace(one, pending=None, profile=replace(one.profile, transaction_id=transaction_id))
        if one.pending and one.evse == evse
        else one
        for one in installed
    )


def without_pending(installed: Installed, evse: int, until: datetime | None = None) -> Installed:
    """Forget what came with a remote start from which nothing has come, `until` some instant."""
    return tuple(
        one
        for one in installed
        if not (one.pending and one.evse == evse and (until is None or one.installed_at < until))
    )


def without_transactions(installed: Installed, running: Iterable[str]) -> Installed:
    """Forget the TxProfiles of transactions that do not run any more (K02.FR.05, S16-SC-03)."""
    alive = frozenset(running)
    return tuple(
        one
        for one in installed
        if one.profile.purpose is not ProfilePurpose.TX
        or one.pending
        or one.profile.transaction_id in alive
    )


def without_offline(installed: Installed, offline_s: float) -> Installed:
    """Forget profiles that are invalid for good after so long without connection (K01.FR.102)."""
    return tuple(
        one
        for one in installed
        if not (
            one.profile.ends_offline
            and one.profile.max_offline_s is not None
            and offline_s > one.profile.max_offline_s
        )
    )


def updated(installed: Installed, profile_id: int, limit: Decimal, at: datetime) -> Installed:
    """Give a Dynamic profile another limit and date it (K28.FR.06, K28.FR.09)."""
    return tuple(
        _with_limit(one, limit, at)
        if one.profile.id == profile_id and one.profile.kind is ProfileKind.DYNAMIC
        else one
        for one in installed
    )


def _with_limit(installed: InstalledProfile, limit: Decimal, at: datetime) -> InstalledProfile:
    profile = installed.profile
    (schedule,) = profile.schedules
    (period,) = schedule.periods
    schedule = replace(schedule, periods=(replace(period, limit=limit),))
    return replace(installed, profile=replace(profile, schedules=(schedule,), updated_at=at))


def _place_of(installed: InstalledProfile) -> tuple[object, ...]:
    profile = installed.profile
    of_transaction = profile.purpose is ProfilePurpose.TX
    transaction_id = profile.transaction_id if of_transaction else None
    return installed.evse, profile.purpose, profile.stack_level, transaction_id
