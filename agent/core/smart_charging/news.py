"""What the station tells of smart charging, and what the CSMS answers (block K)."""

from datetime import datetime
from decimal import Decimal

from agent.core.records import dataclass
from agent.core.smart_charging.needs import ChargingNeeds, NeedsStatus
from agent.core.smart_charging.profiles import ChargingSchedule, InstalledProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesReport:
    """One page of the installed profiles (K09): of one EVSE, purpose and source."""

    request_id: int
    to_be_continued: bool
    profiles: tuple[InstalledProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingLimitTold:
    """Somebody outside limits an EVSE, or 0 the station (K11, K12); or offers generation (K27).

    Without a schedule only the fact is told.
    """

    evse: int
    source: str
    grid_critical: bool = False
    local_generation: bool = False
    schedules: tuple[ChargingSchedule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingLimitCleared:
    """Somebody outside limits no more (K13)."""

    evse: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsTold:
    """An EV has told what it needs (K15.FR.01, K17.FR.01); `at` is when, if that is a while ago."""

    evse: int
    needs: ChargingNeeds
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvScheduleTold:
    """What an EV will do from `at` on (K15.FR.10); `selected` is the id of the schedule it took."""

    evse: int
    at: datetime
    schedule: ChargingSchedule
    selected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChargingTold:
    """Priority charging was switched on or off (K21.FR.05, K22.FR.03)."""

    transaction_id: str
    activated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicUpdateAsked:
    """The limit of a Dynamic profile is due for renewal (K28.FR.10)."""

    profile_id: int


ChargingNews = (
    ProfilesReport
    | ChargingLimitTold
    | ChargingLimitCleared
    | NeedsTold
    | EvScheduleTold
    | PriorityChargingTold
    | DynamicUpdateAsked
)


@dataclass(frozen=True, slots=True)
class NeedsAnswered:
    """The answer to NotifyEVChargingNeeds."""

    status: NeedsStatus


@dataclass(frozen=True, slots=True)
class DynamicUpdateTold:
    """The answer to PullDynamicScheduleUpdate; `limit` None if there is no other limit."""

    limit: Decimal | None
