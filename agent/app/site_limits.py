"""Devices on site that limit the station, put together; and limits from outside as facts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agent.config.receivers import LimitAmount, ReceiverConfig
from agent.core.smart_charging.outside import LimitOrigin, LimitSource
from agent.core.smart_charging.profiles import InstalledProfile
from agent.core.smart_charging.receiver import Amount, ReceiverRule
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.ports import Clock
from agent.services.smart_charging.outside import OutsideLimitService
from agent.services.smart_charging.receiver import RelayReceiver
from agent.services.smart_charging.site_limits import SiteLimits
from hal.api import RelayContact


def site_limits(
    receivers: tuple[ReceiverConfig, ...],
    relays: Mapping[str, RelayContact],
    outside: OutsideLimitService,
    clock: Clock,
) -> SiteLimits:
    """Return what follows the receivers of a station."""
    limiters = [
        RelayReceiver(
            _rule(receiver), {name: relays[receiver.relay_name(name)] for name in receiver.relays}
        )
        for receiver in receivers
    ]
    return SiteLimits(limiters, outside, clock)


def described(limits: SiteLimits) -> list[dict[str, Any]]:
    """Return what each device asks for, as facts."""
    return [
        {
            "id": name,
            "evse": origin.evse,
            "source": origin.source.value,
            "limits": demand.limit is not None,
            "failed": demand.failed,
            "sentence": demand.sentence,
        }
        for origin, (name, demand) in limits.demands.items()
    ]


def held(installed: InstalledProfile) -> dict[str, Any]:
    """Return a limit from outside as facts."""
    profile = installed.profile
    schedule = profile.schedules[0]
    unit = "amps" if schedule.unit is RateUnit.AMPERE else "watts"
    return {
        "evse": installed.evse,
        "source": installed.source,
        "generation": profile.purpose is ProfilePurpose.LOCAL_GENERATION,
        unit: float(schedule.periods[0].limit),
        "since": installed.installed_at.isoformat(timespec="seconds"),
    }


def _rule(receiver: ReceiverConfig) -> ReceiverRule:
    fail_safe = _amount(receiver.fail_safe)
    if fail_safe is None:
        raise AssertionError("the configuration gives each receiver a fail-safe limit")
    return ReceiverRule(
        id=receiver.id,
        origin=LimitOrigin(receiver.evse, LimitSource(receiver.source.value)),
        meanings={state.on: _amount(state.amount) for state in receiver.states},
        fail_safe=fail_safe,
        grid_critical=receiver.grid_critical,
        debounce_s=receiver.debounce_s,
    )


def _amount(given: LimitAmount) -> Amount | None:
    if given.limit_a is not None:
        return Amount(Decimal(str(given.limit_a)), RateUnit.AMPERE)
    if given.limit_w is not None:
        return Amount(Decimal(str(given.limit_w)), RateUnit.WATT)
    return None
