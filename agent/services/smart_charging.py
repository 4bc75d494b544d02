"""Charging profiles: installed, kept over restarts, turned into each EVSE's limit (K01, K10)."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from agent.core.commands import (
    ACCEPTED,
    ClearChargingProfile,
    CompositeSchedule,
    GetCompositeSchedule,
    Outcome,
    SetChargingProfile,
    Verdict,
    rejected,
)
from agent.core.session_state import LimitChanged, SessionState
from agent.core.smart_charging import (
    MAX_PROFILES,
    ChargingProfile,
    InstalledProfile,
    Supply,
    composite,
    install,
    limit_a,
    next_change,
    validate,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from agent.ports import Clock
from agent.services.evse import EvseService
from agent.services.tasks import Spawn

LONGEST_WAIT_S = 60.0

log = logging.getLogger(__name__)


class ProfileStore(Protocol):
    """Where installed profiles are kept."""

    def load(self) -> tuple[InstalledProfile, ...]: ...

    async def save(self, profiles: tuple[InstalledProfile, ...]) -> None: ...


class SmartChargingService:
    """Owns the installed profiles and keeps every EVSE's limit up to date."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        store: ProfileStore,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._store = store
        self._clock = clock
        self._spawn = spawn
        self._installed = store.load()
        self._attached: dict[int, ChargingProfile] = {}
        self._changed = asyncio.Event()
        for evse in evses.values():
            evse.observers.append(self._observe)

    @property
    def installed(self) -> tuple[InstalledProfile, ...]:
        """The profiles in force."""
        return self._installed

    async def run(self) -> None:
        """Apply limits now, after every change and whenever a schedule steps."""
        while True:
            self._changed.clear()
            self.apply()
            now = self._clock.now()
            step = next_change(self._installed, now)
            wait_s = LONGEST_WAIT_S if step is None else (step - now).total_seconds()
            try:
                async with asyncio.timeout(min(wait_s, LONGEST_WAIT_S)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def apply(self) -> None:
        """Tell each EVSE its limit of now."""
        for number, evse in self._evses.items():
            limit = self.limit_a(number, self._clock.now())
            if limit != evse.state.limit_a:
                evse.post(LimitChanged(limit))

    def limit_a(self, evse: int, at: datetime) -> Decimal:
        """Return the current per phase that an EVSE may offer."""
        return limit_a(self._installed, evse, self._supply(evse), self._running(evse), at)

    async def set(self, command: SetChargingProfile) -> Outcome:
        """Install a profile or refuse it with a reason; it is durable before it is answered."""
        profile = self._anchored(command.profile)
        running = self._running(command.evse) if command.evse in self._evses else None
        reason = validate(command.evse, profile, self._evses, running)
        if reason is not None:
            return rejected(reason)
        if profile.purpose is ProfilePurpose.TX:
            profile = replace(profile, transaction_id=running)
        installed = install(self._installed, InstalledProfile(command.evse, profile))
        if len(installed) > MAX_PROFILES:
            return rejected("TooManyElements", f"at most {MAX_PROFILES} profiles can be installed")
        await self._adopt(installed)
        return ACCEPTED

    def objection(self, profile: ChargingProfile) -> str | None:
        """Return why a profile attached to a remote start cannot be used (F01.FR.26)."""
        evse = next(iter(self._evses))
        return validate(evse, self._anchored(profile), self._evses, "to be started")

    def attach(self, command: SetChargingProfile) -> None:
        """Give a profile to the running transaction of an EVSE, else to its next (F01.FR.10)."""
        if self._evses[command.evse].state.transaction is not None:
            self._spawn(self._install_attached(command.evse, command.profile))
        else:
            self._attached[command.evse] = command.profile

    async def clear(self, command: ClearChargingProfile) -> Outcome:
        """Remove every profile that matches (K10)."""
        kept = tuple(i for i in self._installed if not _matches(i, command))
        if len(kept) == len(self._installed):
            return Outcome(Verdict.UNKNOWN)
        await self._adopt(kept)
        return ACCEPTED

    def composite(self, command: GetCompositeSchedule) -> CompositeSchedule:
        """Return the limits to come; EVSE 0 is the sum of all EVSEs (K08)."""
        start = self._clock.now()
        unit = command.unit or RateUnit.AMPERE
        known = command.evse == 0 or command.evse in self._evses
        refused = not known or unit not in set(RateUnit)
        periods = None if refused else self._composite(command, start, RateUnit(unit))
        return CompositeSchedule(command.evse, start, command.duration_s, unit, periods)

    def _composite(
        self, command: GetCompositeSchedule, start: datetime, unit: RateUnit
    ) -> tuple[tuple[int, Decimal], ...]:
        evses = list(self._evses) if command.evse == 0 else [command.evse]
        window = (start, command.duration_s)
        each = [
            composite(self._installed, e, self._supply(e), self._running(e), window) for e in evses
        ]
        factors = [self._factor(e, unit) for e in evses]
        offsets = sorted({offset for periods in each for offset, _ in periods})
        return tuple(
            (
                offset,
                sum(
                    (_value_at(p, offset) * f for p, f in zip(each, factors, strict=True)),
                    Decimal(0),
                ),
            )
            for offset in offsets
        )

    def _factor(self, evse: int, unit: RateUnit) -> Decimal:
        supply = self._supply(evse)
        watts = supply.phases * supply.nominal_voltage_v
        return Decimal(1) if unit is RateUnit.AMPERE else Decimal(watts)

    def _supply(self, evse: int) -> Supply:
        description = self._evses[evse].description
        return Supply(
            description.phases,
            description.nominal_voltage_v,
            Decimal(description.max_current_a),
            len(self._evses),
        )

    def _running(self, evse: int) -> str | None:
        transaction = self._evses[evse].state.transaction
        return None if transaction is None else transaction.id

    def _anchored(self, profile: ChargingProfile) -> ChargingProfile:
        """Let a schedule without start begin now."""
        if profile.schedule.start is not None:
            return profile
        return replace(profile, schedule=replace(profile.schedule, start=self._clock.now()))

    async def _adopt(self, installed: tuple[InstalledProfile, ...]) -> None:
        await self._store.save(installed)
        self._installed = installed
        self.apply()
        self._changed.set()

    def _observe(self, before: SessionState, after: SessionState) -> None:
        was, now = before.transaction, after.transaction
        if was is not None and now is None:
            self._spawn(self._forget(was.id))
        elif was is None and now is not None:
            attached = self._attached.pop(after.evse, None)
            if attached is not None:
                self._spawn(self._install_attached(after.evse, attached))
            self.apply()
        elif now is None and _wants_to_start(before) and not _wants_to_start(after):
            self._attached.pop(after.evse, None)

    async def _install_attached(self, evse: int, profile: ChargingProfile) -> None:
        outcome = await self.set(SetChargingProfile(evse, profile))
        if outcome is not ACCEPTED:
            log.warning("the profile of the remote start does not fit: %s", outcome.refusal)

    async def _forget(self, transaction_id: str) -> None:
        """Remove the profiles of a transaction that ended (S16-SC-03)."""
        kept = tuple(i for i in self._installed if i.profile.transaction_id != transaction_id)
        if len(kept) != len(self._installed):
            await self._adopt(kept)


def _matches(installed: InstalledProfile, command: ClearChargingProfile) -> bool:
    profile = installed.profile
    if command.profile_id is not None:
        return profile.id == command.profile_id
    return (
        command.evse in (None, installed.evse)
        and command.purpose in (None, profile.purpose)
        and command.stack_level in (None, profile.stack_level)
    )


def _value_at(periods: tuple[tuple[int, Decimal], ...], offset: int) -> Decimal:
    return next(limit for start, limit in reversed(periods) if start <= offset)


def _wants_to_start(state: SessionState) -> bool:
    return state.authorization is not None or state.pending is not None
