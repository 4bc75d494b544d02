"""Smart charging put together: profiles, limits from outside, and what EVs and the CSMS hear."""

from __future__ import annotations

import secrets
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.config.model import StationConfig, Voltage
from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.facts import TransactionAcknowledged
from agent.core.limits import LimitSource
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
    UpdateDynamicSchedule,
    UsePriorityCharging,
)
from agent.core.smart_charging.outside import found
from agent.ocpp.dispatch import Dispatcher
from agent.services.evse import EvseService
from agent.services.smart_charging import SmartChargingService
from agent.services.smart_charging.book import ProfileBook
from agent.services.smart_charging.connection import ConnectionWatch
from agent.services.smart_charging.follower import Follower
from agent.services.smart_charging.needs import NeedsPorts, NeedsService
from agent.services.smart_charging.outside import OutsideLimitService, OutsideTerms
from agent.services.smart_charging.policy import ChargingPolicy, ChargingSettings
from agent.services.smart_charging.priority import PriorityService
from agent.services.smart_charging.pulls import DynamicPulls
from agent.services.smart_charging.reports import ProfileReports
from agent.services.smart_charging.standing import Standing
from agent.services.smart_charging.teller import ChargingTeller
from agent.services.tasks import Spawn

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from agent.services.smart_charging.site_limits import SiteLimits

LOCAL_TIME = Path("/etc/localtime")


class SmartCharging:
    """The parts of a station that limit what its EVSEs offer."""

    def __init__(
        self, f: Foundations, evses: Mapping[int, EvseService], csms: Dispatcher, spawn: Spawn
    ) -> None:
        clock, settings = f.clock, charging_settings(f.config)
        self._vehicles = f.hardware.vehicles
        self._book = book = ProfileBook(f.storage.profiles, spawn)
        standing = Standing(evses, clock, settings, seed=secrets.randbits(62))
        self._standing = standing
        self._follower = Follower(standing, clock)
        self._teller = ChargingTeller(csms)

        def policy() -> ChargingPolicy:
            return charging_policy(f.model)

        self.profiles = SmartChargingService(standing, self._follower, book, clock, policy, _roll)
        terms = OutsideTerms(policy, tuple(evses), lambda: _roll(settings.random_delay_s))
        self.outside = OutsideLimitService(book, self._teller, clock, terms, spawn)
        self.site = self._site(f)
        self.priority = PriorityService(self.profiles, self._teller, f.storage.documents, spawn)
        self._reports = ProfileReports(book, csms, spawn)
        self._pulls = DynamicPulls(book, self._teller, clock)
        self._watch = ConnectionWatch(csms, self.profiles, f.storage.documents, clock)
        ports = NeedsPorts(
            csms,
            f.storage.journal,
            clock,
            f.storage.documents,
            self.profiles.offers,
            self.profiles.choose,
        )
        self._needs = NeedsService(evses, self._teller, ports, spawn)
        self.profiles.told_needs = self._needs.known
        standing.least_a = self._needs.least_a
        self.profiles.on_change = self._profiles_changed

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does."""
        parts = [self._watch.run(), self._follower.run(), self._teller.run(), self._pulls.run()]
        if self._vehicles is not None:
            parts.append(self._needs.listen(self._vehicles))
        if self.site is not None:
            parts.append(self.site.run())
        return parts

    def limits(self, evse: int) -> tuple[LimitSource, ...]:
        """Return every limit of an EVSE that comes from smart charging, the lowest first."""
        from agent.core.smart_charging.explanation import (  # noqa: PLC0415 - for who asks why
            explain,
            limit_sources,
        )

        explanation = explain(self._follower.plan, self._standing.site(), evse)
        return limit_sources(explanation, self._said_on_site())

    def serve(self, router: CommandRouter) -> None:
        """Carry out what the CSMS orders."""
        router.carries_out(SetChargingProfile, self.profiles.set)
        router.carries_out(ClearChargingProfile, self.profiles.clear)
        router.carries_out(GetCompositeSchedule, self.profiles.composite)
        router.carries_out(GetChargingProfiles, self._reports.report)
        router.carries_out(UpdateDynamicSchedule, self.profiles.update)
        router.carries_out(UsePriorityCharging, self.priority.use)

    def acknowledged(self, fact: TransactionAcknowledged) -> None:
        """Take the priority that the CSMS tells of a transaction (K03.FR.05)."""
        info = fact.info
        told = fact.priority if info is None or fact.priority else info.charging_priority
        if told is not None:
            self.profiles.prioritize(fact.transaction_id, told)

    async def stop(self) -> None:
        """Write what is still to be written."""
        await self.profiles.book.flush()

    def _site(self, f: Foundations) -> SiteLimits | None:
        """Follow the receivers on site, where there are some."""
        receivers = f.config.smart_charging.receivers
        if not receivers:
            return None
        from agent.app.site_limits import site_limits  # noqa: PLC0415 - where there are some

        return site_limits(receivers, f.hardware.relays, self.outside, f.clock)

    def _said_on_site(self) -> dict[int, str]:
        """Return what devices on site say, by the ids of the profiles that their limits are."""
        said = {} if self.site is None else self.site.demands
        return {
            profile.profile.id: f"receiver {name}: {demand.sentence}"
            for origin, (name, demand) in said.items()
            if (profile := found(self._book.installed, origin)) is not None
        }

    def _profiles_changed(self) -> None:
        self._needs.profiles_changed()
        self._pulls.profiles_changed()

    def variables_changed(self) -> None:
        """Obey other variables of SmartChargingCtrlr."""
        self.profiles.policy_changed()


def charging_policy(model: DeviceModel) -> ChargingPolicy:
    """Return the variables that steer smart charging as they are now."""
    disallowed = model.boolean(sv.EXTERNAL_CONSTRAINTS_DISALLOWED, default=False)
    return ChargingPolicy(
        significance_percent=model.decimal(sv.LIMIT_CHANGE_SIGNIFICANCE),
        tells_schedules=model.boolean(sv.NOTIFY_CHARGING_LIMIT_WITH_SCHEDULES),
        obeys_outside=model.boolean(sv.EXTERNAL_CONTROL_SIGNALS_ENABLED) and not disallowed,
        highest_external_id=model.integer(sv.MAX_EXTERNAL_CONSTRAINTS_ID, default=-1),
    )


def charging_settings(config: StationConfig) -> ChargingSettings:
    """Return what the configuration says of smart charging."""
    section = config.smart_charging
    return ChargingSettings(
        supply_a=config.station.supply_current_a,
        offline_limit_a=section.offline_limit_a,
        offline_after_s=section.offline_after_s,
        random_delay_s=section.random_delay_s,
        measured_voltage=section.voltage is Voltage.MEASURED,
        zone=cache(lambda: _zone(section.time_zone)),
    )


def _zone(name: str | None) -> tzinfo:
    """Return a time zone by name, else the machine's own."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only schedules in local time need it

    if name is not None:
        return ZoneInfo(name)
    try:
        with LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def _roll(highest: int) -> int:
    return secrets.randbelow(highest + 1)
