"""One EVSE's service over fakes of everything that it talks to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from agent.core.authorization import Presented
from agent.core.events import DomainEvent, EvseChanged, PassingEvent, StoredEvent, TransactionEvent
from agent.core.facts import Fact
from agent.core.session import Session, idle_state
from agent.core.session_state import (
    LimitChanged,
    SessionPolicy,
    SessionState,
    TokenPresented,
)
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    TokenType,
)
from agent.ports import SigningRequest
from agent.services.evse import EvseService
from agent.services.evse_ports import EvseDescription, EvsePorts
from agent.services.meter_reader import MeterReader
from hal.api import (
    GuardStatus,
    Lease,
    LeaseState,
    MeterIdentity,
    MeterReading,
    PilotMode,
    PilotState,
)

AT = datetime(2026, 3, 2, tzinfo=UTC)
TOKEN = IdToken("DEADBEEF", TokenType.ISO14443)


@dataclass
class Guard:
    leases: list[Lease] = field(default_factory=list)

    async def grant(self, lease: Lease) -> None:
        self.leases.append(lease)

    async def unlock(self, evse: int) -> None:
        raise NotImplementedError

    async def statuses(self) -> AsyncIterator[GuardStatus]:
        raise NotImplementedError
        yield

    @property
    def offers(self) -> bool:
        return bool(self.leases) and self.leases[-1].mode is PilotMode.OFFER


@dataclass
class Journal:
    events: list[StoredEvent] = field(default_factory=list)

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        self.events += events

    def sessions(self) -> dict[int, SessionState]:
        return {}


@dataclass
class Csms:
    online: bool = True
    told: list[PassingEvent] = field(default_factory=list)

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        raise NotImplementedError

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        self.told.append(event)

    @property
    def faults(self) -> frozenset[str]:
        changes = [event for event in self.told if isinstance(event, EvseChanged)]
        return changes[-1].after.faults if changes else frozenset()


@dataclass
class Clock:
    learned: timedelta | None = None

    def now(self) -> datetime:
        return AT + (self.learned or timedelta(0))

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def synchronize(self, told: datetime) -> float:
        raise NotImplementedError


class Meter:
    async def identity(self) -> MeterIdentity:
        return MeterIdentity("Example", "M", "1")

    async def read(self) -> MeterReading:
        return MeterReading(energy_import_wh=Decimal(1000), power_w=0.0)

    async def close(self) -> None:
        return None


class Unsigned:
    """Signs nothing, and takes its time for it."""

    def __init__(self) -> None:
        self.takes_s = 0.0

    async def sign(self, request: SigningRequest) -> SignedValue | None:
        await asyncio.sleep(self.takes_s)
        return None


class Rig:
    """The service with its session; `session.policy` and `judge` may be replaced by faulty ones."""

    def __init__(self, description: EvseDescription | None = None) -> None:
        self.guard, self.journal, self.csms = Guard(), Journal(), Csms()
        self.signer, self.clock = Unsigned(), Clock()
        self.session = Session(idle_state(1), SessionPolicy())
        self.judge = self._accept
        meter = MeterReader(1, Meter(), None)
        ports = EvsePorts(
            guard=self.guard,
            meter=meter,
            journal=self.journal,
            csms=self.csms,
            clock=self.clock,
            signer=self.signer,
            judge=self._judge,
            remember=self._remember,
        )
        description = description or EvseDescription(1)
        self.service = EvseService(description, self.session, ports, power_was_lost=False)

    def shows(self, pilot: PilotState, *, closed: bool = False, phases: int = 3) -> None:
        status = GuardStatus(
            evse=1,
            pilot_state=pilot,
            duty=0.5,
            offered_a=32.0,
            contactor_commanded=closed,
            contactor_closed=closed,
            lease=LeaseState.LIVE,
            connection=1,
            phases=phases,
        )
        self.service.guard_told(status)

    async def charges(self) -> None:
        """Bring the session to the point where energy flows."""
        self.shows(PilotState.A)
        self.service.post(LimitChanged(Decimal(32)))
        self.shows(PilotState.B)
        self.service.post(TokenPresented(TOKEN))
        await self.until(lambda: self.guard.offers)
        self.shows(PilotState.C, closed=True)
        await self.until(lambda: self.service.state.snapshot.energy_flows)
        await self.until(lambda: self.service.state.transaction is not None)

    async def until(self, condition, within_s: float = 3.0) -> None:  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while not condition():
            assert loop.time() < deadline, "waited in vain"
            await asyncio.sleep(0.005)

    async def _judge(self, presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        return await self.judge(presented)

    async def _accept(self, _presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        return IdTokenInfo(AuthorizationStatus.ACCEPTED), AuthorizedBy.CSMS

    async def _remember(self, event: TransactionEvent, before: SessionState) -> None:
        return None


@asynccontextmanager
async def running(description: EvseDescription | None = None) -> AsyncIterator[Rig]:
    rig = Rig(description)
    task = asyncio.create_task(rig.service.run())
    try:
        yield rig
    finally:
        assert not task.done(), "the service ended by itself"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
