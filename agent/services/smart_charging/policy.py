"""What steers smart charging besides profiles: variables of the device model and configuration."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal

from agent.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPolicy:
    """The variables of SmartChargingCtrlr, as they are now.

    `significance_percent` is LimitChangeSignificance: smaller changes are not told.
    `obeys_outside`: limits from outside hold (ExternalControlSignalsEnabled and not
    ExternalConstraintsProfileDisallowed, K11.FR.07). `highest_external_id` is
    MaxExternalConstraintsId.
    """

    significance_percent: Decimal = Decimal(0)
    tells_schedules: bool = False
    obeys_outside: bool = True
    highest_external_id: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSettings:
    """What `[smart_charging]` and `[station]` of the configuration say.

    `supply_a` is what all EVSEs together may draw per phase. After `offline_after_s` without
    connection each EVSE offers at most `offline_limit_a`. `random_delay_s` spreads changes that a
    schedule or the grid makes. `measured_voltage`: watts are divided by the voltage as measured.
    `zone` finds the station's own, for schedules in local time.
    """

    supply_a: int | None = None
    offline_limit_a: int | None = None
    offline_after_s: int = 300
    random_delay_s: int = 0
    measured_voltage: bool = False
    zone: Callable[[], tzinfo] = lambda: UTC
