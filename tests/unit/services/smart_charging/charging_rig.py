"""A station that limits its EVSEs, without a CSMS: services and sessions over fakes at the ports.

The guard changes pilots by its own rule (`hal.guard.duty`) and writes down what each pilot said
when. Cars draw whatever is offered. Profiles and sessions outlive a restart, as on a disk.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

from agent.core.authorization import Presented
from agent.core.events import DomainEvent, PassingEvent, StoredEvent, TransactionEvent
from agent.core.facts import Fact
from agent.core.session import Session, idle_state
from agent.core.session_state import SessionPolicy, SessionState, TokenPresented
from agent.core.signed_values import SignedValue
from agent.core.smart_charging.orders import GetCompositeSchedule, SetChargingProfile
from agent.core.smart_charging.profiles import ChargingProfile, Installed, ProfileRules
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    TokenType,
)
from agent.ports import SigningRequest
from agent.services.evse import EvseDescription, EvsePorts, EvseService
from agent.services.meter_reader import MeterReader
from agent.services.smart_charging import SmartChargingService
from agent.services.smart_charging.book import ProfileBook
from agent.services.smart_charging.follower import Follower
from agent.services.smart_charging.policy import ChargingPolicy, ChargingSettings
from agent.services.smart_charging.standing import Standing
from hal.api import (
    GuardStatus,
    Lease,
    LeaseState,
    MeterIdentity,
    MeterReading,
    PilotMode,
    PilotState,
)
from hal.guard.duty import (
    PWM_UPDATE_INTERVAL_S,
    STEADY_POSITIVE,
    DutyTrack,
    current_for_duty,
    duty_for_current,
    is_pwm,
)
from tests.virtual_time import utc_now

RENEWAL_S = 3600.0
POLL_S = 3600.0
A_MOMENT_S = 0.001
RULES = ProfileRules()
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)


@dataclass
class Clock:
    """The wall clock may be wrong and may be set; the monotonic one is true."""

    wrong_by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return utc_now() + self.wrong_by

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def learned(self) -> timedelta | None:
        return None

    def synchronize(self, told: datetime) -> float:
        raise NotImplementedError


@dataclass
class Store:
    """What is on the disk; `saves` counts how often profiles were written."""

    profiles: Installed = ()
    sessions: dict[int, SessionState] = field(default_factory=dict)
    saves: int = 0
    takes_s: float = 0.0

    def load(self) -> Installed:
        return self.profiles

    async def save(self, profiles: Installed) -> None:
        await asyncio.sleep(self.takes_s)
        self.saves += 1
        self.profiles = profiles

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        if state is not None:
            self.sessions[state.evse] = state


class Pilot:
    """One EVSE as the guard drives it; `log` has what it offered from when on."""

    def __init__(self, evse: int) -> None:
        self.evse = evse
        self.plugged = self.takes = False
        self.cable_a: int | None = None
        self.connection = 0
        self.log: list[tuple[float, float]] = [(0.0, 0.0)]
        self.hears: Callable[[GuardStatus], None] | None = None
        self._track = DutyTrack()
        self._wanted = STEADY_POSITIVE

    @property
    def offered_a(self) -> float:
        return self.log[-1][1]

    def offered_at(self, at_s: float) -> float:
        """Return what it offered at an instant of the past."""
        return self.log[bisect_right(self.log, at_s, key=lambda entry: entry[0]) - 1][1]

    def plug(self, *, on: bool) -> None:
        self.plugged = self.takes = on
        self.connection += on
        self.tell()

    def obey(self, lease: Lease) -> None:
        offers = lease.mode is PilotMode.OFFER
        most_a = min(lease.limit_a, self.cable_a or lease.limit_a)
        self._wanted = duty_for_current(most_a) if offers else STEADY_POSITIVE
        self._drive()

    def abandon(self) -> None:
        """Withdraw everything, as nobody renews the lease any more."""
        self.hears = None
        self._wanted = STEADY_POSITIVE
        self._drive()

    def tell(self) -> None:
        if self.hears is not None:
            self.hears(self.status())

    def status(self) -> GuardStatus:
        charges = self.plugged and self.offered_a > 0
        state = PilotState.C if charges and self.takes else PilotState.B
        return GuardStatus(
            evse=self.evse,
            pilot_state=state if self.plugged else PilotState.A,
            duty=self._track.duty,
            offered_a=self.offered_a,
            contactor_commanded=state is PilotState.C and charges,
            contactor_closed=state is PilotState.C and charges,
            lease=LeaseState.LIVE,
            connection=self.connection,
            cable_rating_a=self.cable_a if self.plugged else None,
        )

    def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        track = self._track.drive(self._wanted, loop.time())
        if track.duty != self._wanted:
            loop.call_at(track.changed_s + PWM_UPDATE_INTERVAL_S + A_MOMENT_S, self._drive)
        if track != self._track:
            self._track = track
            offered_a = current_for_duty(track.duty) if is_pwm(track.duty) else 0.0
            self.log.append((loop.time(), round(offered_a, 1)))
            self.tell()


class Guard:
    """The guard of all EVSEs."""

    def __init__(self, evses: int) -> None:
        self.pilots = {number: Pilot(number) for number in range(1, evses + 1)}

    async def grant(self, lease: Lease) -> None:
        self.pilots[lease.evse].obey(lease)

    async def unlock(self, evse: int) -> None:
        raise NotImplementedError

    async def statuses(self) -> AsyncIterator[GuardStatus]:
        raise NotImplementedError
        yield


class Csms:
    online = True

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        raise NotImplementedError

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        return None


@dataclass
class Meter:
    """Shows a voltage; nothing else matters here."""

    voltage_v: tuple[float, float, float] = (230.0, 230.0, 230.0)

    async def identity(self) -> MeterIdentity:
        return MeterIdentity("Example", "M", "1")

    async def read(self) -> MeterReading:
        wh = Decimal(1000)
        return MeterReading(energy_import_wh=wh, power_w=0.0, voltage_v=self.voltage_v)

    async def close(self) -> None:
        return None


class Unsigned:
    async def sign(self, request: SigningRequest) -> SignedValue | None:
        return None


async def accepts(_presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
    return ACCEPTED, AuthorizedBy.CSMS


async def forgets(_event: TransactionEvent, _before: SessionState) -> None:
    return None


class Rig:
    """The station; `start` and `stop` are those of the daemon."""

    def __init__(self, evses: int, settings: ChargingSettings, rules: ProfileRules) -> None:
        self.clock, self.store, self.guard = Clock(), Store(), Guard(evses)
        self.meters = {number: Meter() for number in self.guard.pilots}
        self.settings, self.rules = settings, rules
        self.policy = ChargingPolicy()
        self._numbers = count(1)
        self._tasks: list[asyncio.Task[None]] = []

    # --- The daemon.

    async def start(self) -> None:
        self.evses = {number: self._evse(number) for number in self.guard.pilots}
        self.standing = Standing(self.evses, self.clock, self.settings, seed=7)
        self.follower = Follower(self.standing, self.clock)
        self.book = ProfileBook(self.store, self.spawn)
        self.service = SmartChargingService(
            self.standing,
            self.follower,
            self.book,
            self.clock,
            lambda: self.policy,
            lambda highest: next(self._numbers) % (highest + 1),
        )
        for number, evse in self.evses.items():
            self.guard.pilots[number].hears = evse.guard_told
            self.guard.pilots[number].tell()
            self.spawn(evse.run())
        self.spawn(self.follower.run())
        await asyncio.sleep(0.1)

    async def stop(self) -> None:
        for task in self._tasks:
            assert not task.done() or task.exception() is None, task.exception()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.book.flush()
        for pilot in self.guard.pilots.values():
            pilot.abandon()

    async def restart(self) -> None:
        await self.stop()
        await asyncio.sleep(2)
        await self.start()

    def spawn(self, work: object) -> None:
        self._tasks.append(asyncio.ensure_future(work))  # type: ignore[arg-type]

    # --- People, the CSMS, and instruments.

    async def begins(self, evse: int = 1) -> None:
        """Let a car charge."""
        self.guard.pilots[evse].plug(on=True)
        await asyncio.sleep(0.1)
        token = IdToken(f"TOKEN{next(self._numbers)}", TokenType.ISO14443)
        self.evses[evse].post(TokenPresented(token))
        await asyncio.sleep(0.4)
        assert self.evses[evse].state.authorization is not None

    async def ends(self, evse: int = 1) -> None:
        """Unplug the car."""
        self.guard.pilots[evse].plug(on=False)
        await asyncio.sleep(0.5)
        assert self.standing.transaction_of(evse) is None

    async def sets(self, profile: ChargingProfile, evse: int = 1) -> bool:
        """Set a profile; return whether it was accepted."""
        outcome = await self.service.set(SetChargingProfile(evse, profile, self.rules))
        await asyncio.sleep(0.1)
        return outcome.refusal is None

    def offered_a(self, evse: int = 1) -> float:
        return self.guard.pilots[evse].offered_a

    def offers(self) -> tuple[float, ...]:
        return tuple(pilot.offered_a for pilot in self.guard.pilots.values())

    async def composite(self, evse: int, duration_s: int) -> list[tuple[float, float]]:
        """Return when limits change, on the monotonic clock, and to what."""
        found = await self.service.composite(GetCompositeSchedule(evse, duration_s, "A"))
        assert found.periods is not None
        start_s = self.clock.monotonic_s() + (found.start - self.clock.now()).total_seconds()
        return [(start_s + period.start_s, float(period.limit)) for period in found.periods]

    def _evse(self, number: int) -> EvseService:
        state = self.store.sessions.get(number, idle_state(number))
        ports = EvsePorts(
            guard=self.guard,
            meter=MeterReader(number, self.meters[number], None),
            journal=self.store,  # type: ignore[arg-type] # has all that an EVSE uses
            csms=Csms(),
            clock=self.clock,
            signer=Unsigned(),
            judge=accepts,
            remember=forgets,
        )
        session = Session(state, SessionPolicy(updated_interval_s=0))
        return EvseService(EvseDescription(number), session, ports, power_was_lost=False)


@asynccontextmanager
async def station(
    evses: int = 1, settings: ChargingSettings | None = None, rules: ProfileRules = RULES
) -> AsyncIterator[Rig]:
    """Run a station."""
    rig = Rig(evses, settings or ChargingSettings(), rules)
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()
