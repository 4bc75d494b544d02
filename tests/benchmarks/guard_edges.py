"""How soon an edge opens the contactor, whatever becomes of the daemon, as the board measures it.

Every EVSE charges under leases of a real daemon. Then the daemon is left alone, or kept busy, or
killed, or stopped, and in the middle of that vehicles leave state C and residual currents flow.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hal.guard.pilot_state import LEAVING_HOLD_S
from hal.guard.residual_current import SWITCHING_S, TRIP_HOLD_S
from hal.mock.backends import BoardControl
from tests.benchmarks.effort import Effort
from tests.benchmarks.load import heavy_load
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.report import Figure, spread
from tests.benchmarks.station import BenchStation

EVSES = 16
AIM_MS = 10.0
LOOK_S = 0.005
TIMEOUT_S = 20.0
QUANTILES = (0.5, 0.99)

Evse = dict[str, Any]
Condition = Callable[[BenchStation], AbstractAsyncContextManager[None]]


@dataclass
class Samples:
    """Times from an edge to the coil line going low, in milliseconds."""

    pilot_ms: list[float] = field(default_factory=list)
    residual_ms: list[float] = field(default_factory=list)

    def figures(self, condition: str) -> list[Figure]:
        """Return them as figures; each aim is above the debounce that the edge has to pass."""
        return [
            *_spread(f"EV leaves C to line low, {condition}", self.pilot_ms, LEAVING_HOLD_S),
            *_spread(f"residual current to line low, {condition}", self.residual_ms, TRIP_HOLD_S),
        ]


async def measure(effort: Effort) -> list[Figure]:
    """Measure both edges in each condition of the daemon."""
    figures: list[Figure] = []
    async with (
        LoopbackCsms() as csms,
        BenchStation(effort.subfolder("edges"), csms.url, "ocpp2.0.1", evses=EVSES) as station,
    ):
        await station.start_guard()
        station.start()
        board = station.board()
        chance = random.Random(1)  # noqa: S311 - repeatable, not secret
        for name, condition in CONDITIONS.items():
            samples = Samples()
            for number in range(effort.times(25, 2)):
                await _charge(station, board)
                async with condition(station):
                    await _edges(board, chance, samples, number)
                await _clear(station, board)
            effort.tell(f"daemon {name}: {len(samples.pilot_ms)} edges of each kind")
            figures += samples.figures(f"daemon {name}")
    return figures


@asynccontextmanager
async def _quiet(_: BenchStation) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _loaded(station: BenchStation) -> AsyncIterator[None]:
    """Keep processors and disk busy, and the daemon with questions."""
    asking = asyncio.create_task(_ask_for_ever(station))
    try:
        with heavy_load(station.folder):
            await asyncio.sleep(0.2)
            yield
    finally:
        asking.cancel()


async def _ask_for_ever(station: BenchStation) -> None:
    while True:
        await station.operate("state")


@asynccontextmanager
async def _killed(station: BenchStation) -> AsyncIterator[None]:
    await station.kill()
    yield
    station.start()


@asynccontextmanager
async def _stopped(station: BenchStation) -> AsyncIterator[None]:
    if station.pid is None:
        raise RuntimeError("the daemon does not run")
    os.kill(station.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(1.5)  # its leases are over by then
        yield
    finally:
        os.kill(station.pid, signal.SIGCONT)


CONDITIONS: dict[str, Condition] = {
    "quiet": _quiet,
    "under load": _loaded,
    "killed": _killed,
    "stopped": _stopped,
}


async def _charge(station: BenchStation, board: BoardControl) -> None:
    """Let a vehicle charge at every EVSE, for longer than a trip is overlooked."""
    await station.until(lambda state: state["csms"]["online"])
    for number in range(1, EVSES + 1):
        await _operate(board, "plug_in", number)
    await station.until(lambda state: all(evse["plugged_in"] for evse in state["evses"]))
    for number in range(1, EVSES + 1):
        await _operate(board, "swipe", number, token=f"DEADBE{number:02X}")
    await _until(board, lambda evse: evse["contactor_closed"] and evse["vehicle"]["draws"])
    await asyncio.sleep(SWITCHING_S + 0.1)


async def _edges(board: BoardControl, chance: random.Random, samples: Samples, turn: int) -> None:
    """Make an edge at every EVSE, each at a random moment of the guard's tick."""
    for number in range(1, EVSES + 1):
        await asyncio.sleep(chance.uniform(0.0, 0.05))
        if (number + turn) % 2:
            await _operate(board, "pause", number)
        else:
            await _operate(board, "error", number, code="rcd", on=True)
    for evse in await _until(board, lambda evse: not evse["coil"]):
        if (evse["evse"] + turn) % 2:
            samples.pilot_ms.append(float(evse["last_leave_to_open_ms"]))
        else:
            samples.residual_ms.append(float(evse["last_fault_to_open_ms"]))


async def _clear(station: BenchStation, board: BoardControl) -> None:
    """Repair everything and let the vehicles leave."""
    for number in range(1, EVSES + 1):
        await _operate(board, "error", number, code="rcd", on=False)
        await _operate(board, "plug_out", number)
    await station.until(lambda state: not any(evse["plugged_in"] for evse in state["evses"]))
    await station.until(lambda state: not any(evse["faults"] for evse in state["evses"]))


async def _operate(board: BoardControl, op: str, number: int, **details: object) -> None:
    answer = await board.operate({"op": op, "evse": number, **details})
    if not answer["ok"]:
        raise RuntimeError(f"{op}: {answer['error']}")


async def _until(board: BoardControl, holds: Callable[[Evse], bool]) -> list[Evse]:
    """Wait until something holds at every EVSE; return what the board measures then."""
    deadline_s, evses = time.monotonic() + TIMEOUT_S, list[Evse]()
    while time.monotonic() < deadline_s:
        answer: dict[str, Any] = await board.operate({"op": "state"})
        evses = answer["evses"]
        if all(holds(evse) for evse in evses):
            return evses
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"not every EVSE did what it should within {TIMEOUT_S} s: {evses}")


def _spread(name: str, samples_ms: list[float], hold_s: float) -> list[Figure]:
    hold_ms = hold_s * 1000
    debounced = f"{name} ({hold_ms:g} ms are its debounce)"
    return spread(debounced, "ms", samples_ms, QUANTILES, {0.99: AIM_MS + hold_ms})
