"""The slots of network profiles: kept durably, and judged before anything is stored (B09, A05)."""

import json
import logging
from collections.abc import Awaitable, Callable, Collection

from agent.core import standard_variables as sv
from agent.core.commands import ACCEPTED, Outcome, Refusal, Verdict, rejected
from agent.core.device_model import DeviceModel
from agent.core.documents import UnreadableDocument, read, written
from agent.core.network_profiles import (
    SEEDED_SLOT,
    TLS_WITH_BASIC_AUTH,
    NetworkProfile,
    SetNetworkProfile,
)
from agent.core.network_rules import is_permitted_change, refusal_of
from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.core.variable_access import Assignment
from agent.ports import ClientIdentities, Settings, TrustAnchors

PROFILES = "network_profile"
STATE = "network"
SEED = "seed"
LAST_GOOD = "last_good"
BEFORE_CHANGE = "before_change"
"""The profile in use before the CSMS ordered another security profile, until one has worked."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastGood:
    """The profile over which the CSMS answered last, as it was then."""

    slot: int
    profile: NetworkProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPorts:
    """What the slots need from others.

    `url_problem` judges a profile's URL; `keeps` tells whether the settings reached the disk;
    `store` puts variables in force durably; `tell` logs a security event.
    """

    settings: Settings
    keeps: Callable[[], bool]
    store: Callable[[list[Assignment]], Awaitable[None]]
    identities: ClientIdentities
    anchors: TrustAnchors
    url_problem: Callable[[NetworkProfile], str | None]
    tell: Callable[[SecurityEventKind, str], None]


class NetworkSlots:
    """Which profiles the station has, and which of them may be used."""

    def __init__(self, model: DeviceModel, seed: NetworkProfile, ports: SlotPorts) -> None:
        self.seed = seed
        self._model = model
        self._ports = ports
        self._settings = ports.settings

    async def prepare(self) -> None:
        """Let the configuration file win over what the CSMS stored, if it was edited since."""
        seed = _text(self.seed)
        if self._settings.get(STATE, SEED) == seed:
            return
        await self._settings.put(PROFILES, str(SEEDED_SLOT), seed)
        await self._settings.delete(STATE, LAST_GOOD)
        await self._settings.delete(STATE, BEFORE_CHANGE)
        wanted = {
            sv.NETWORK_CONFIGURATION_PRIORITY: str(SEEDED_SLOT),
            sv.SECURITY_PROFILE: str(self.seed.security_profile),
        }
        changed = [Assignment(k, v) for k, v in wanted.items() if self._model.text(k) != v]
        await self._ports.store(changed)
        await self._settings.put(STATE, SEED, seed)

    def all(self) -> dict[int, NetworkProfile]:
        """Return what the slots hold; what cannot be read is left out and logged."""
        found = {}
        for key, text in sorted(self._settings.items(PROFILES).items()):
            try:
                found[int(key)] = read(NetworkProfile, json.loads(text))
            except (UnreadableDocument, ValueError):
                log.error("network profile %s cannot be read", key)
        return found

    def permitted(self) -> dict[int, NetworkProfile]:
        """Return the slots that would not lower the security profile (A00.FR.005)."""
        return {slot: profile for slot, profile in self.all().items() if self._permits(profile)}

    def priority(self) -> tuple[int, ...]:
        """Return NetworkConfigurationPriority."""
        members = self._model.member_list(sv.NETWORK_CONFIGURATION_PRIORITY)
        return tuple(int(member) for member in members if member.isdecimal())

    def last_good(self) -> LastGood | None:
        """Return the profile that worked last, if it may still be used."""
        found = self._kept(LAST_GOOD)
        return found if found is not None and self._permits(found.profile) else None

    def before_change(self) -> LastGood | None:
        """Return the profile to fall back to while another security profile is unproven."""
        return self._kept(BEFORE_CHANGE)

    async def keep_before_change(self, good: LastGood) -> None:
        """Keep the profile in use before another security profile is stored (A05.FR.08 of 1.6)."""
        await self._settings.put(STATE, BEFORE_CHANGE, _text(good))

    async def settle_change(self) -> None:
        """Forget what there was before: a profile has worked."""
        await self._settings.delete(STATE, BEFORE_CHANGE)

    async def fall_back(self, good: LastGood) -> None:
        """Go back to a profile for good, whose security profile may be a lower one."""
        await self.replace(good.slot, good.profile)
        level = str(good.profile.security_profile)
        await self._ports.store([Assignment(sv.SECURITY_PROFILE, level)])

    def _kept(self, key: str) -> LastGood | None:
        text = self._settings.get(STATE, key)
        try:
            return None if text is None else read(LastGood, json.loads(text))
        except (UnreadableDocument, ValueError):
            log.error("the network profile kept as %s cannot be read", key)
            return None

    async def remember(self, good: LastGood) -> None:
        """Keep the profile that works."""
        if self._settings.get(STATE, LAST_GOOD) != _text(good):
            await self._settings.put(STATE, LAST_GOOD, _text(good))

    async def replace(self, slot: int, profile: NetworkProfile) -> None:
        """Store the station's own change of a profile."""
        await self._settings.put(PROFILES, str(slot), _text(profile))

    async def set(self, command: SetNetworkProfile) -> Outcome:
        """Store a profile; it is dialled after a reboot once the priority names it (B09)."""
        refusal = refusal_of(
            command,
            self._model.integer(sv.SECURITY_PROFILE),
            downgrade_allowed=self._model.boolean(sv.ALLOW_SECURITY_PROFILE_DOWNGRADE),
        )
        if refusal is not None:
            return Outcome(Verdict.REJECTED, refusal)
        if (problem := self._ports.url_problem(command.profile)) is not None:
            return rejected("InvalidNetworkConf", problem)
        if not await self._keep(str(command.slot), _text(command.profile)):
            return Outcome(Verdict.FAILED, Refusal("InternalError", "the storage refuses it"))
        kind = SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS
        self._ports.tell(kind, f"network profile {command.slot} was set")
        return ACCEPTED

    async def _keep(self, slot: str, text: str) -> bool:
        """Write a profile to the disk, or leave what was there (B09.FR.03)."""
        before = self._settings.get(PROFILES, slot)
        await self._settings.put(PROFILES, slot, text)
        if self._ports.keeps():
            return True
        if before is None:
            await self._settings.delete(PROFILES, slot)
        else:
            await self._settings.put(PROFILES, slot, before)
        return False

    async def reach(self, security_profile: int, kept: Collection[int]) -> None:
        """Store the security profile in use and forget the slots below it (A05.FR.06)."""
        priority = tuple(slot for slot in self.priority() if slot in kept)
        level = str(security_profile)
        known = self._model.text(sv.SECURITY_PROFILE) == level
        changes = [] if known else [Assignment(sv.SECURITY_PROFILE, level)]
        if priority and priority != self.priority():
            text = ",".join(map(str, priority))
            changes.append(Assignment(sv.NETWORK_CONFIGURATION_PRIORITY, text))
        await self._ports.store(changes)
        for slot in self.all().keys() - set(kept):
            await self._settings.delete(PROFILES, str(slot))

    def objection_to(self, slot: int) -> str | None:
        """Return why a slot cannot be in NetworkConfigurationPriority (B10.FR.02, A05), or None."""
        profile = self.all().get(slot)
        if profile is None:
            return f"there is no valid network profile in slot {slot}"
        if not self._permits(profile):
            return f"slot {slot} would lower the security profile"
        missing = self._missing_for(profile)
        return None if missing is None else f"slot {slot} needs {missing}"

    def objection_to_profile(self, profile: NetworkProfile) -> str | None:
        """Return why a profile cannot be dialled (A05.FR.02 to A05.FR.04 of 1.6), or None."""
        problem = self._ports.url_problem(profile)
        if problem is not None:
            return problem
        missing = self._missing_for(profile)
        return None if missing is None else f"it needs {missing}"

    def _missing_for(self, profile: NetworkProfile) -> str | None:
        """Return what a profile still lacks (A05.FR.02, A05.FR.03)."""
        password = profile.password or self._model.text(sv.BASIC_AUTH_PASSWORD)
        if profile.uses_password and not password:
            return "a BasicAuthPassword"
        if profile.security_profile >= TLS_WITH_BASIC_AUTH and not (
            self._ports.anchors.has_csms_root()
        ):
            return "a CSMS root certificate"
        if profile.security_profile > TLS_WITH_BASIC_AUTH and not self._ports.identities.usable():
            return "a certificate of the station"
        return None

    def _permits(self, profile: NetworkProfile) -> bool:
        return is_permitted_change(
            self._lowest(),
            profile.security_profile,
            downgrade_allowed=self._model.boolean(sv.ALLOW_SECURITY_PROFILE_DOWNGRADE),
        )

    def _lowest(self) -> int:
        """Return the security profile to stay at: the one before a change that is unproven."""
        before = self.before_change()
        level = self._model.integer(sv.SECURITY_PROFILE)
        return level if before is None else min(level, before.profile.security_profile)


def _text(record: NetworkProfile | LastGood) -> str:
    return json.dumps(written(record), separators=(",", ":"), sort_keys=True)
