"""Charging profiles as data: set by the CSMS or from outside, kept, reported (K01, K09).

Limits keep the digits of the message; what they mean for the pilot is worked out elsewhere.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.vocabulary import ProfilePurpose, RateUnit

MAX_PERIODS = 1024
"""Periods of one schedule: what a message can hold."""
MAX_PROFILES = 32
"""Profiles of the CSMS that are installed at the same time."""
MAX_STACK_LEVEL = MAX_PROFILES - 1
"""The highest stack level, so that each profile may have one of its own."""
MAX_SCHEDULES = 3
"""Schedules that an EV may choose from (ISO 15118)."""
CSMS_SOURCE = "CSO"
"""ChargingLimitSource of everything that the CSMS sets."""


class ProfileKind(StrEnum):
    """ChargingProfileKindEnumType."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class Recurrency(StrEnum):
    """RecurrencyKindEnumType."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """A limit from `start_s` seconds after the schedule's start; amperes per phase or watts.

    `phases` is the number of phases that may be used (None: 3), `phase_to_use` the one to use if
    that is 1, where the EVSE can choose (None: the station chooses, K01.FR.47).
    """

    start_s: int
    limit: Decimal
    phases: int | None = None
    phase_to_use: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """Consecutive periods from `start` on, or from when a Relative profile begins.

    `randomized_delay_s` spreads the starts of the periods but the first (K01.FR.92); with
    `local_time` the start is a time on the station's own clocks, whatever its zone (K01.FR.90).
    `remainder` is what the message had besides, as JSON text: reported, and nothing else.
    """

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None
    id: int = 0
    min_rate: Decimal | None = None
    randomized_delay_s: int | None = None
    local_time: bool | None = None
    remainder: str | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A charging profile; of several schedules the EV has chosen one, else the first counts.

    `updated_at` dates the limit of a Dynamic profile, which is asked for anew every
    `update_interval_s` (K28). `max_offline_s` is how long it holds without connection, for good if
    `ends_offline` (K01.FR.101, K01.FR.102).
    """

    id: int
    stack_level: int
    purpose: ProfilePurpose
    kind: ProfileKind
    schedules: tuple[ChargingSchedule, ...]
    recurrency: Recurrency | None = None
    transaction_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    max_offline_s: int | None = None
    ends_offline: bool | None = None
    update_interval_s: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """Where versions judge profiles differently, named by behaviour.

    `same_level_gives_way`: a profile replaces the one with its purpose, place and stack level
    (S16-SC-05), else it is refused (K01.FR.06). `defaults_shadow`: see `InstalledProfile`.
    `station_may_be_relative`: also for the station as a whole periods may count from when they are
    set, else K01.FR.38. `phases_are_a_promise`: who cannot keep to a number of phases refuses it
    (K01.FR.43). `reserves_ids`: low ids belong to limits from outside (K01.FR.81).
    `phases_agree`: a profile that chooses another phase than one that holds with it is refused
    (K01.FR.141), else what holds for the station goes before what holds for a session.
    """

    same_level_gives_way: bool = False
    defaults_shadow: bool = False
    station_may_be_relative: bool = False
    phases_are_a_promise: bool = True
    reserves_ids: bool = False
    phases_agree: bool = False


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A profile with the EVSE that it was set for (0 is the station), and by whom.

    `pending`: it came with a remote start and waits for the transaction of its EVSE. `shadows`: a
    TxDefaultProfile that goes before those of EVSE 0 whatever their stack level, as 1.6 has it.
    `seed` makes its random delays.
    """

    evse: int
    profile: ChargingProfile
    installed_at: datetime
    source: str = CSMS_SOURCE
    pending: bool | None = None
    shadows: bool | None = None
    seed: int = 0

    @property
    def is_external(self) -> bool:
        """Tell whether it came from outside, so that the CSMS can neither set nor clear it."""
        return self.source != CSMS_SOURCE


Installed = tuple[InstalledProfile, ...]
