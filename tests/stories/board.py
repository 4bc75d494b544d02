"""The simulated board in this process: real plant, real guard decision, stepped in virtual time.

This is the only double in the stories, at the hardware ports. The guard's steps come every few
milliseconds while something moves and rarely while nothing does; an edge wakes it at once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from hal.api import (
    CertificateAnswer,
    CertificateRequest,
    EvseLines,
    Fault,
    GuardGone,
    GuardStatus,
    HardwareLost,
    Lease,
    MeterIdentity,
    MeterReading,
    PilotMode,
    PowerStep,
    Presentation,
    VehicleAnswer,
    VehicleNeeds,
)
from hal.guard import settings as guard_settings
from hal.guard.station import Station as Guard
from hal.mock.operations import Bench, Reply, Swipe
from hal.mock.plant import Evse, Plant
from hal.mock.report import milli_wh
from hal.mock.safety_board import Lines, wire_up
from hal.mock.settings import read_settings
from hal.mock.wire import EvseSettings

PENDING_S = 0.005
MOVING_S = 0.04
RESTING_S = 0.45
CALM_S = 0.9
"""The same while the guard says that its next step may come late."""
SETTLING_S = 0.5
"""How long steps stay frequent after the last change."""
RESTED_S = 60.0
"""For how long the guard has been there when a story begins: its contactors may close at once."""

News = GuardStatus | GuardGone


class VirtualBoard:
    """Plant and guard of one station; they outlive the daemon, as copper does."""

    def __init__(self, config: Path) -> None:
        self._settings = guard_settings.load(config)
        self.built = read_settings(self._settings.evse_tables)
        self.plant = Plant()
        self.outages = 0
        self.bench = Bench(self.plant, self._present, self._power_failed)
        for number, built in self.built.items():
            self.plant.add(number, Evse(built, 1_234_567_890, self._now_ns()), self._now_ns())
        self._guard: Guard | None = self._new_guard(self._now_s() - RESTED_S)
        self._statuses: dict[int, GuardStatus] = {}
        self._listeners: set[asyncio.Queue[News]] = set()
        self._leases: dict[int, Lease] = {}
        self._readers: set[VirtualReader] = set()
        self._vehicles: set[VirtualVehicles] = set()
        self._edge = asyncio.Event()
        self._changed_s = 0.0

    # --- Running.

    async def run(self) -> None:
        """Let the guard step for ever."""
        loop = asyncio.get_running_loop()
        while True:
            self.step()
            self._edge.clear()
            alarm = loop.call_later(self._wait_s(), self._edge.set)
            await self._edge.wait()
            alarm.cancel()

    def step(self) -> None:
        """Let the world come up to now and the guard decide once."""
        self.plant.advance(self._now_ns())
        if self._guard is None:
            return
        self._guard.step(self._now_s())
        for number, status in self._guard.statuses(self._now_s()).items():
            if self._statuses.get(number) != status:
                self._statuses[number] = status
                self._changed_s = self._now_s()
                self._publish(status)

    def _wait_s(self) -> float:
        if self._guard is None:
            return RESTING_S
        if self._guard.pending:
            return PENDING_S
        now_s = self._now_s()
        resting_s = CALM_S if self._guard.calm else RESTING_S
        wait_s = MOVING_S if now_s - self._changed_s < SETTLING_S else resting_s
        due_ns = self.plant.due_ns
        return wait_s if due_ns is None else min(wait_s, max(0.0, due_ns / 1e9 - now_s) + 1e-6)

    def wake(self) -> None:
        """Tell the guard of an edge."""
        self._changed_s = self._now_s()
        self._edge.set()

    # --- The test bench.

    async def operate(self, request: Mapping[str, object]) -> Reply:
        """Carry out a bench operation."""
        reply = self.bench.perform(dict(request), self._now_ns())
        for needs in self.plant.told_needs:
            for vehicles in self._vehicles:
                vehicles.hear(needs)
        for wish in self.plant.told_wishes:
            for vehicles in self._vehicles:
                vehicles.wish(wish)
        self.plant.told_needs, self.plant.told_wishes = [], []
        if request.get("op") == "state":
            return {**reply, "outages": self.outages}
        for reader in self._readers:
            reader.notice()
        self.wake()
        return reply

    def restore_power(self) -> None:
        """Give the mains back: a new guard starts on the lines as they are."""
        self.plant.set_mains(self._now_ns(), on=True)
        self._guard = self._new_guard(self._now_s())
        self.wake()

    def delivered_wh(self, number: int) -> Decimal:
        """Return what the outlet has delivered since the story began."""
        evse = self.plant.evses[number]
        evse.advance(self._now_ns())
        return Decimal(evse.register.delivered_micro_wh(self._now_ns())).scaleb(-6)

    def _power_failed(self) -> None:
        self.outages += 1
        self._guard = None
        self._statuses.clear()
        self._leases.clear()

    def _present(self, swipe: Swipe) -> int:
        return sum(reader.hear(swipe) for reader in self._readers)

    # --- The guard's link (hal.api.GuardLink).

    async def grant(self, lease: Lease) -> None:
        """Take a lease; only one that says something new is an edge."""
        if self._guard is None:
            return
        self._guard.grant(lease, self._now_s())
        if self._leases.get(lease.evse) != lease:
            self._leases[lease.evse] = lease
            self.wake()

    async def unlock(self, evse: int) -> None:
        """Take an unlock request."""
        if self._guard is not None:
            self._guard.request_unlock(evse)
            self.wake()

    async def statuses(self) -> AsyncIterator[News]:
        """Yield what is known and every change."""
        queue: asyncio.Queue[News] = asyncio.Queue()
        for status in self._statuses.values():
            queue.put_nowait(status)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def services_gone(self) -> None:
        """Notice that the daemon's end of the link is closed."""
        self._leases.clear()
        if self._guard is not None:
            self._guard.abandon(self._now_s())
            self.wake()

    def lose_guard(self) -> None:
        """Kill the guard: every output falls, and the services hear that it is gone."""
        self._guard = None
        self._statuses.clear()
        self._leases.clear()
        self.plant.release(self._now_ns())
        self._publish(GuardGone("the guard closed the connection"))

    def restart_guard(self) -> None:
        """Start a new guard on the lines as they are."""
        self._guard = self._new_guard(self._now_s())
        self.wake()

    def _publish(self, news: News) -> None:
        for queue in self._listeners:
            queue.put_nowait(news)

    # --- Instruments.

    def meter(self, number: int) -> "VirtualMeter":
        """Return the meter of an EVSE."""
        return VirtualMeter(self, number)

    def reader(self, numbers: tuple[int, ...]) -> "VirtualReader":
        """Return a reader that serves some EVSEs."""
        reader = VirtualReader(self, numbers)
        self._readers.add(reader)
        return reader

    def vehicles(self) -> "VirtualVehicles":
        """Return the conversation with the cars."""
        vehicles = VirtualVehicles(self)
        self._vehicles.add(vehicles)
        return vehicles

    def relay(self, name: str) -> "VirtualRelay":
        """Return the contact of a relay of the grid."""
        return VirtualRelay(self, name)

    def forget_vehicles(self, vehicles: "VirtualVehicles") -> None:
        """Let a closed conversation go."""
        self._vehicles.discard(vehicles)

    def forget_reader(self, reader: "VirtualReader") -> None:
        """Let a closed reader go."""
        self._readers.discard(reader)

    # --- Time.

    def _new_guard(self, started_s: float) -> Guard:
        lines = {number: Lines() for number in self.built}
        board = _VirtualLines(self.plant, lines, self.built)
        guard = Guard(self._settings.setups, lambda: board, started_s)
        guard.open()
        return guard

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    def _now_ns(self) -> int:
        return round(self._now_s() * 1e9)


@dataclass
class VirtualMeter:
    """The energy meter of one EVSE (hal.api.EnergyMeter)."""

    board: VirtualBoard
    number: int

    async def identity(self) -> MeterIdentity:
        self._require()
        return MeterIdentity("stationd", "Simulated meter", f"STORY-{self.number}", "1")

    async def read(self) -> MeterReading:
        self._require()
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        shown = self.board.plant.evses[self.number].read_meter(now_ns)
        return MeterReading(
            energy_import_wh=Decimal(milli_wh(shown.micro_wh)).scaleb(-3),
            power_w=shown.power_w,
            voltage_v=shown.voltage_v,
            current_a=shown.current_a,
            frequency_hz=50.0,
        )

    async def close(self) -> None:
        return None

    def _require(self) -> None:
        if Fault.METER_LOST in self.board.plant.evses[self.number].faults:
            raise HardwareLost(f"the meter of EVSE {self.number} does not answer")


@dataclass(eq=False)
class VirtualReader:
    """A token reader (hal.api.TokenReader)."""

    board: VirtualBoard
    numbers: tuple[int, ...]
    _heard: asyncio.Queue[Presentation | None] = field(default_factory=asyncio.Queue)

    token_type = "ISO14443"

    @property
    def evses(self) -> tuple[int, ...]:
        return self.numbers

    async def reach(self) -> None:
        self._require()

    async def presentations(self) -> AsyncIterator[Presentation]:
        self._require()
        while True:
            heard = await self._heard.get()
            self._require()
            if heard is not None:
                yield heard

    async def close(self) -> None:
        self.board.forget_reader(self)

    def hear(self, swipe: Swipe) -> bool:
        served = tuple(number for number in self.numbers if number in swipe.evses)
        if not served or self._is_lost():
            return False
        self._heard.put_nowait(
            Presentation(swipe.token, swipe.token_type, served, swipe.contract_chain)
        )
        return True

    def notice(self) -> None:
        """Look at the hardware again: it may have failed."""
        if self._is_lost():
            self._heard.put_nowait(None)

    def _is_lost(self) -> bool:
        evses = self.board.plant.evses
        return any(Fault.READER_LOST in evses[number].faults for number in self.numbers)

    def _require(self) -> None:
        if self._is_lost():
            raise HardwareLost("the token reader does not answer")


@dataclass(eq=False)
class VirtualVehicles:
    """The conversation with the cars (hal.api.VehicleLink)."""

    board: VirtualBoard
    _heard: asyncio.Queue[VehicleNeeds] = field(default_factory=asyncio.Queue)
    _wishes: asyncio.Queue[CertificateRequest] = field(default_factory=asyncio.Queue)

    async def needs(self) -> AsyncIterator[VehicleNeeds]:
        while True:
            yield await self._heard.get()

    async def negotiate(
        self, evse: int, schedules: tuple[tuple[PowerStep, ...], ...]
    ) -> VehicleAnswer | None:
        car = self.board.plant.evses[evse]
        if not car.vehicle.plugged:
            return None
        car.conversation.negotiate([[[s.start_s, s.power_w] for s in steps] for steps in schedules])
        return car.conversation.answer

    async def certificate_requests(self) -> AsyncIterator[CertificateRequest]:
        while True:
            yield await self._wishes.get()

    async def answer_certificate(self, evse: int, answer: CertificateAnswer) -> None:
        car = self.board.plant.evses[evse]
        if car.vehicle.plugged:
            car.conversation.certificates.append(answer)

    async def staple(self, statuses: tuple[bytes, ...]) -> None:
        self.board.plant.stapled = statuses

    async def close(self) -> None:
        self.board.forget_vehicles(self)

    def wish(self, wish: CertificateRequest) -> None:
        self._wishes.put_nowait(wish)

    def hear(self, needs: VehicleNeeds) -> None:
        self._heard.put_nowait(needs)


@dataclass(eq=False)
class VirtualRelay:
    """The contact of a relay of the grid (hal.api.RelayContact)."""

    board: VirtualBoard
    name: str

    async def is_on(self) -> bool:
        on = self.board.bench.surroundings.relay(self.name)
        if on is None:
            raise HardwareLost(f"the relay {self.name} is broken")
        return on

    async def close(self) -> None:
        return None


class _VirtualLines:
    """The safety lines without a process between (hal.api.SafetyBoard)."""

    def __init__(
        self, plant: Plant, lines: dict[int, Lines], built: Mapping[int, EvseSettings]
    ) -> None:
        self._plant = plant
        self._lines = lines
        self._evses = {number: wire_up(lines[number], built[number]) for number in lines}

    @property
    def evses(self) -> Mapping[int, EvseLines]:
        return self._evses

    def fileno(self) -> int:
        return -1

    def refresh(self) -> None:
        for number, lines in self._lines.items():
            lines.inputs = self._plant.evses[number].read_lines()

    def flush(self) -> None:
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        for number, lines in self._lines.items():
            self._plant.evses[number].drive(lines.outputs, now_ns)

    def close(self) -> None:
        return None


__all__ = ["PilotMode", "VirtualBoard", "VirtualMeter", "VirtualReader", "VirtualVehicles"]
