"""Which CSMS is dialled next and with which credentials; and what is learned from how it went.

The profiles in force are those of the start: what the CSMS stores later takes effect with the next
reboot (B10). A new password takes effect at once; the old one is kept until the new one has worked,
so that both sides meet again wherever a power cut falls (A01). So does the security profile that a
CSMS orders in 1.6, and likewise the profile before is kept until the new one has worked (A05). A
new root of the CSMS takes turns with the earlier ones (M05).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace

from agent.core import standard_variables as sv
from agent.core.certificates import ALL_ROOTS, RootChoice
from agent.core.connection_plan import ConnectionPlan, PasswordTrial, plan_at_start
from agent.core.device_model import DeviceModel
from agent.core.network_profiles import (
    SEEDED_SLOT,
    TLS_WITH_BASIC_AUTH,
    TLS_WITH_CLIENT_CERTIFICATE,
    NetworkProfile,
)
from agent.core.network_rules import address_of, at_security_profile, without_lower
from agent.core.offered_versions import OfferedVersions
from agent.core.records import dataclass
from agent.core.variable_access import Assignment, VariableChange
from agent.ports import ClientIdentities, ClientIdentity, Settings
from agent.services.network_slots import STATE, LastGood, NetworkSlots
from agent.services.root_turns import NewRoots, RootTurns
from agent.services.tasks import Spawn

OLD_PASSWORD = "old_password"  # noqa: S105 - the name of a document
STEADY_S = 60.0
"""A connection that lasted so long was no failed attempt, even if there was nothing to ask."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dial:
    """How to make the next attempt."""

    slot: int
    profile: NetworkProfile
    versions: tuple[str, ...]
    password: str = field(repr=False)
    client_identity: ClientIdentity | None = None
    roots: RootChoice = ALL_ROOTS

    @property
    def uses_common_password(self) -> bool:
        """Tell whether SecurityCtrlr.BasicAuthPassword is sent."""
        return self.profile.uses_password and self.profile.password is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPorts:
    """What the service needs from others.

    `reconnect` ends the connection once nothing is under way on it; `meets_another` is told that
    the CSMS behind the new connection does not know the station yet (B10.FR.10). `ask_anything`
    asks the CSMS something whose answer shows that it serves the station. `secure_url` is where the
    CSMS is found with TLS, if not at the address that it has without.
    """

    settings: Settings
    identities: ClientIdentities
    roots: NewRoots
    reconnect: Callable[[], Awaitable[None]]
    meets_another: Callable[[], None]
    ask_anything: Callable[[], Awaitable[None]]
    spawn: Spawn
    secure_url: str | None = None


class NetworkService:
    """Says how the CSMS is dialled next; is told how every attempt went."""

    def __init__(
        self,
        model: DeviceModel,
        slots: NetworkSlots,
        versions: tuple[str, ...],
        ports: NetworkPorts,
    ) -> None:
        self._model = model
        self._slots = slots
        self._versions = versions
        self._ports = ports
        self._in_force: dict[int, NetworkProfile] = {}
        self._plan: ConnectionPlan | None = None
        self._last_good: LastGood | None = None
        self._trial = PasswordTrial(model.text(sv.BASIC_AUTH_PASSWORD))
        self._dialled: Dial | None = None
        self._connected: LastGood | None = None
        self._connected_at_s = 0.0
        self._has_worked = False
        self._boots_refused = 0
        self._settling = asyncio.Lock()
        self._root_turns = RootTurns(ports.roots, ports.spawn)
        self._offered: defaultdict[int, OfferedVersions] = defaultdict(OfferedVersions)

    async def prepare(self) -> None:
        """Read what is stored and plan the attempts, the first entry first (B10.FR.04)."""
        await self._slots.prepare()
        password, old = self._model.text(sv.BASIC_AUTH_PASSWORD), self._old_password()
        self._trial = PasswordTrial(password, None if old == password else old)
        await self._resume_change()
        self._in_force = self._slots.permitted()
        priority = tuple(slot for slot in self._slots.priority() if slot in self._in_force)
        if not priority:
            log.error("no slot of NetworkConfigurationPriority can be used; trying all others")
            priority = tuple(self._in_force)
        if not priority:
            log.error("there is no network profile that may be used: the CSMS cannot be dialled")
            return
        self._last_good = self._slots.before_change() or self._slots.last_good()
        slot = None if self._last_good is None else self._last_good.slot
        attempts = self._model.integer(sv.NETWORK_PROFILE_CONNECTION_ATTEMPTS)
        self._plan = plan_at_start(priority, attempts, slot)

    # --- What is in use.

    @property
    def active_slot(self) -> int:
        """ActiveNetworkProfile: the slot in use, or else the one that is tried."""
        if self._connected is not None:
            return self._connected.slot
        return SEEDED_SLOT if self._plan is None else self._plan.attempt.slot

    @property
    def active_profile(self) -> NetworkProfile:
        """The profile in use, or else the one that is tried."""
        if self._connected is not None:
            return self._connected.profile
        return self._slots.seed if self._plan is None else self._profile(self._plan)

    def profiles(self) -> Mapping[int, NetworkProfile]:
        """Return what the slots hold."""
        return self._slots.all()

    # --- Dialling.

    def next_dial(self) -> Dial | None:
        """Return how to make the next attempt; None if nothing may be dialled."""
        if self._plan is None:
            return None
        attempt, profile = self._plan.attempt, self._profile(self._plan)
        self._has_worked, self._boots_refused = False, 0
        self._dialled = Dial(
            attempt.slot,
            profile,
            self._offered[attempt.slot].among(_preferring(profile.version, self._versions)),
            self._trial.candidate if profile.password is None else profile.password,
            _chosen(self._ports.identities.usable(), attempt.turn),
            self._root_turns.choice(attempt, migrates=self._migrates_to(profile)),
        )
        return self._dialled

    def _migrates_to(self, profile: NetworkProfile) -> bool:
        """Tell whether another CSMS is dialled (B10); another security profile is not another."""
        good = self._last_good
        if good is None or self._slots.before_change() is not None:
            return False
        return address_of(profile) != address_of(good.profile)

    def _profile(self, plan: ConnectionPlan) -> NetworkProfile:
        if plan.attempt.fallback and self._last_good is not None:
            return self._last_good.profile
        return self._in_force[plan.attempt.slot]

    def failed(self, *, credentials_refused: bool = False, distrusted: bool = False) -> None:
        """Learn that the attempt came to nothing; `distrusted` if TLS was the reason."""
        if self._plan is None or self._dialled is None:
            return
        if credentials_refused and self._dialled.uses_common_password:
            self._trial = self._trial.after_refusal()
            if self._trial.other_is_due:
                return
        roots, migrates = self._dialled.roots, self._migrates_to(self._dialled.profile)
        if not self._root_turns.failed(roots, distrusted=distrusted, migrates=migrates):
            self._plan = self._plan.after_failure()

    def connected(self, version: str) -> None:
        """Learn that there is a connection, and which version was negotiated on it."""
        dial, before = self._dialled, self._connected
        if dial is None:
            return
        self._offered[dial.slot].connected(version)
        with_tls = dial.profile.security_profile >= TLS_WITH_BASIC_AUTH
        self._root_turns.connected(dial.roots, with_tls=with_tls)
        self._connected = LastGood(dial.slot, dial.profile)
        self._connected_at_s = asyncio.get_running_loop().time()
        if before is not None and not _is_same(before, self._connected):
            self._ports.meets_another()
        if dial.uses_common_password and dial.password == self._trial.candidate:
            self._password_worked()
        if self._slots.before_change() is not None:
            self._ports.spawn(self._prove())
        is_certified = dial.profile.security_profile == TLS_WITH_CLIENT_CERTIFICATE
        if dial.client_identity is not None and is_certified:
            self._ports.spawn(self._certificate_worked(dial.client_identity))

    async def _certificate_worked(self, identity: ClientIdentity) -> None:
        await self._ports.identities.worked(identity)

    def worked(self) -> None:
        """Learn that the CSMS gave an answer on this connection."""
        dial, good = self._dialled, self._connected
        if self._has_worked or dial is None or self._plan is None or good is None:
            return
        self._has_worked = True
        self._offered[dial.slot].answered()
        self._in_force[dial.slot] = dial.profile
        self._plan = self._plan.after_success()
        self._last_good = good
        self._ports.spawn(self._settle(dial, good))

    def registration_refused(self) -> None:
        """Learn that BootNotification got an error: twice, and the CSMS may not speak the version.

        Some servers select the version offered first whether they speak it or not.
        """
        self._boots_refused += 1
        dial = self._dialled
        if dial is not None and self._boots_refused > 1 and not self._has_worked:
            self._offered[dial.slot].refused()
            if len(self._versions) > 1:
                self._ports.spawn(self._leave())

    def ended(self, *, unanswered: bool = False) -> None:
        """Learn that the connection ended, `unanswered` if a CALL of ours was."""
        dial = self._dialled
        if self._has_worked or dial is None:
            return
        self._offered[dial.slot].ended()
        lasted_s = asyncio.get_running_loop().time() - self._connected_at_s
        if lasted_s > STEADY_S and not unanswered and not self._boots_refused:
            return
        self.failed()

    async def _leave(self) -> None:
        await self._ports.reconnect()

    async def _settle(self, dial: Dial, good: LastGood) -> None:
        """Make durable what a success means."""
        async with self._settling:
            await self._settle_alone(dial, good)

    async def _settle_alone(self, dial: Dial, good: LastGood) -> None:
        await self._slots.remember(good)
        before = self._slots.before_change()
        if before is not None and _level(good) == _level(before):
            log.warning("the CSMS was reached with security profile %d only", _level(before))
            await self._slots.fall_back(before)
        if dial.profile.security_profile != self._model.integer(sv.SECURITY_PROFILE):
            await self._reach(dial.profile.security_profile)
        elif before is not None:
            await self._reach(_level(good))
        if before is not None:
            await self._slots.settle_change()

    async def _reach(self, security_profile: int) -> None:
        """Forget the slots below a security profile that was reached (A05.FR.06)."""
        kept = without_lower(self._slots.all(), security_profile)
        await self._slots.reach(security_profile, kept)
        self._in_force = without_lower(self._in_force, security_profile)
        if self._plan is not None:
            left = tuple(slot for slot in self._plan.priority if slot in self._in_force)
            self._plan = self._plan.with_priority(left or (self._plan.first,))

    # --- Passwords.

    def _old_password(self) -> str | None:
        return self._ports.settings.get(STATE, OLD_PASSWORD)

    def _password_worked(self) -> None:
        """Forget the old password once the CSMS let the station in with the new one."""
        old = self._trial.old
        self._trial = self._trial.after_success()
        if old is not None and self._trial.old is None:
            self._ports.spawn(self._forget(old))

    async def _forget(self, old: str) -> None:
        # Meanwhile another password may have been set, and this one kept for it.
        if self._old_password() == old:
            await self._ports.settings.delete(STATE, OLD_PASSWORD)

    async def keep_old_password(self, assignments: Sequence[Assignment]) -> None:
        """Keep the password in use before another is stored; the one before it if unproven."""
        if self._trial.old is not None or not any(
            assignment.key == sv.BASIC_AUTH_PASSWORD for assignment in assignments
        ):
            return
        profile = self.active_profile
        in_use = self._trial.candidate if profile.password is None else profile.password
        if profile.uses_password and in_use:
            await self._ports.settings.put(STATE, OLD_PASSWORD, in_use)

    def variable_changed(self, change: VariableChange) -> None:
        """Connect with what the CSMS has ordered, once it has the answer (A01.FR.02, A05)."""
        if change.key == sv.SECURITY_PROFILE and self._is_order(change.new_value):
            self._ports.spawn(self._use_other_security_profile())
        if change.key != sv.BASIC_AUTH_PASSWORD:
            return
        old = self._old_password()
        self._trial = PasswordTrial(change.new_value, None if old == change.new_value else old)
        if self.active_profile.uses_password:
            self._ports.spawn(self._use_new_password())

    async def _use_new_password(self) -> None:
        await self._forget_own_password()
        await self._ports.reconnect()

    async def _forget_own_password(self) -> None:
        """Let the station's password hold for the profile in use as well (B09.FR.27)."""
        slot, profile = self.active_slot, self.active_profile
        if profile.password is None:
            return
        common = replace(profile, password=None)
        self._in_force[slot] = common
        if self._slots.all().get(slot) == profile:
            await self._slots.replace(slot, common)

    # --- The security profile that a CSMS orders (1.6).

    def objection_to_security_profile(self, security_profile: int) -> str | None:
        """Return why the CSMS could not be dialled with it (A05.FR.02 to A05.FR.04), or None."""
        if self._slots.before_change() is not None:
            return "another change of the security profile is under way"
        return self._slots.objection_to_profile(self._at(self.active_profile, security_profile))

    async def keep_profile_before_change(self, assignments: Sequence[Assignment]) -> None:
        """Keep the profile in use before another security profile is stored (A05.FR.08)."""
        ordered = any(a.key == sv.SECURITY_PROFILE and self._is_order(a.value) for a in assignments)
        if self._connected is None or not ordered:
            return
        async with self._settling:
            # Who gives orders serves the station: this connection has nothing left to prove.
            self._has_worked = True
            await self._slots.keep_before_change(self._connected)

    def _is_order(self, value: str) -> bool:
        """Tell an order of the CSMS from the station's note of what it has reached."""
        connected = self._connected
        return connected is not None and value != str(connected.profile.security_profile)

    async def _use_other_security_profile(self) -> None:
        await self._resume_change()
        before = self._last_good = self._slots.before_change()
        if before is None or self._plan is None:
            return
        self._in_force[before.slot] = self._slots.all()[before.slot]
        self._plan = self._plan.trying(before.slot)
        await self._ports.reconnect()

    async def _prove(self) -> None:
        await self._ports.ask_anything()

    async def _resume_change(self) -> None:
        """Put the security profile that was ordered into the slot in use, unless it is there."""
        before = self._slots.before_change()
        if before is None:
            return
        wanted = self._at(before.profile, self._model.integer(sv.SECURITY_PROFILE))
        if wanted == before.profile:
            # The order was never stored.
            await self._slots.settle_change()
        elif self._slots.all().get(before.slot) != wanted:
            await self._slots.replace(before.slot, wanted)

    def _at(self, profile: NetworkProfile, security_profile: int) -> NetworkProfile:
        return at_security_profile(profile, security_profile, self._ports.secure_url)


def _level(good: LastGood) -> int:
    return good.profile.security_profile


def _is_same(one: LastGood, other: LastGood) -> bool:
    return one.slot == other.slot and address_of(one.profile) == address_of(other.profile)


def _preferring(preferred: str | None, versions: tuple[str, ...]) -> tuple[str, ...]:
    first = (preferred,) if preferred in versions else ()
    return tuple(dict.fromkeys((*first, *versions)))


def _chosen(identities: tuple[ClientIdentity, ...], turn: int) -> ClientIdentity | None:
    return identities[turn % len(identities)] if identities else None
