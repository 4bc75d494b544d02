"""What the CSMS may order of smart charging, and what comes of it (block K)."""

from datetime import datetime
from decimal import Decimal

from agent.core.records import dataclass
from agent.core.smart_charging.composite import CompositePeriod
from agent.core.smart_charging.installation import Criteria
from agent.core.smart_charging.profiles import ChargingProfile, ProfileRules
from agent.core.vocabulary import ProfilePurpose


@dataclass(frozen=True, slots=True)
class SetChargingProfile:
    """SetChargingProfile (K01); EVSE 0 addresses the station."""

    evse: int
    profile: ChargingProfile
    rules: ProfileRules = ProfileRules()


@dataclass(frozen=True, slots=True)
class ClearChargingProfile:
    """ClearChargingProfile (K10): an id alone decides, else every criterion given must match."""

    profile_id: int | None = None
    criteria: Criteria = Criteria()


@dataclass(frozen=True, slots=True)
class GetChargingProfiles:
    """GetChargingProfiles (K09); `purposes` are those that the version has a word for."""

    request_id: int
    criteria: Criteria = Criteria()
    purposes: frozenset[ProfilePurpose] = frozenset(ProfilePurpose)


@dataclass(frozen=True, slots=True)
class GetCompositeSchedule:
    """GetCompositeSchedule (K08)."""

    evse: int
    duration_s: int
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """Limits from `start` on; `periods` None is a refusal."""

    evse: int
    start: datetime
    duration_s: int
    unit: str
    periods: tuple[CompositePeriod, ...] | None


@dataclass(frozen=True, slots=True)
class UpdateDynamicSchedule:
    """UpdateDynamicSchedule (K28): another limit, in the unit of the profile's schedule."""

    profile_id: int
    limit: Decimal


@dataclass(frozen=True, slots=True)
class UsePriorityCharging:
    """UsePriorityCharging (K21)."""

    transaction_id: str
    activate: bool
