"""How soon the guard opens the contactor, quiet and under load, as the board measures it."""

import asyncio
import random
import time
from collections.abc import Callable
from itertools import chain
from typing import Any

from hal.api import GuardStatus, Lease, PilotMode, PilotState
from hal.guard.client import GuardClient
from hal.guard.duty import PWM_UPDATE_INTERVAL_S
from hal.guard.pilot_state import LEAVING_HOLD_S
from hal.mock.backends import BoardControl
from tests.benchmarks.effort import Effort
from tests.benchmarks.load import heavy_load
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.report import Figure, spread
from tests.benchmarks.station import BenchStation

AIM_MS = 10.0
EVSES = 4
LIMIT_A = 16.0
RENEWAL_S = 0.2
LOOK_S = 0.005
CLOSE_LOOK_S = 0.0003
TIMEOUT_S = 10.0
FAULTS = ("estop", "pe", "over_temperature", "over_current")  # without a debounce
TOKEN = "DEADBEEF"  # the text of an RFID card

Evse = dict[str, Any]
Statuses = dict[int, GuardStatus]


async def measure_reaction(effort: Effort) -> list[Figure]:
    """Break things and let cars leave while supply flows, quietly and under load."""
    figures = []
    folder = effort.subfolder("guard")
    station = BenchStation(folder, "ws://127.0.0.1:9/ocpp", "ocpp2.0.1", evses=EVSES)
    async with station:
        await station.start_guard()
        async with GuardClient(station.guard_socket) as guard:
            figures += await _reactions(effort, station, guard, "quiet", effort.times(200, 24))
            with heavy_load(folder) as load:
                effort.tell(f"under load: {load}")
                figures += await _reactions(effort, station, guard, "load", effort.times(1200, 60))
    return figures


async def measure_agent_loss(effort: Effort) -> list[Figure]:
    """Kill the daemon in the middle of a session; the guard falls back to its own limit."""
    lost_ms = []
    folder = effort.subfolder("loss")
    async with (
        LoopbackCsms() as csms,
        BenchStation(folder, csms.url, "ocpp2.0.1") as station,
    ):
        await station.start_guard()
        station.start()
        board = station.board()
        await station.until(lambda state: state["csms"]["online"])
        await board.operate({"op": "plug_in"})
        await station.until(lambda state: state["evses"][0]["plugged_in"])
        await board.operate({"op": "swipe", "token": TOKEN})
        for _ in range(effort.times(10, 3)):
            await _until(board, 1, lambda evse: evse["coil"] and evse["offered_a_by_duty"] > 6)
            # The guard may change a running PWM only so often; then its reaction shows at once.
            await asyncio.sleep(PWM_UPDATE_INTERVAL_S + 0.2)
            begin_s = time.monotonic()
            await station.kill()
            await _until(board, 1, lambda evse: evse["offered_a_by_duty"] <= 6, CLOSE_LOOK_S)
            lost_ms.append((time.monotonic() - begin_s) * 1000)
            station.start()
    return spread(
        "agent killed to fallback current on the pilot", "ms", lost_ms, (0.5,), {0.5: AIM_MS}
    )


async def _reactions(
    effort: Effort, station: BenchStation, guard: GuardClient, name: str, count: int
) -> list[Figure]:
    each = max(count // EVSES, 1)
    statuses: Statuses = {}
    tasks = [
        asyncio.create_task(_grant_for_ever(guard)),
        asyncio.create_task(_listen(guard, statuses)),
    ]
    try:
        boards = [station.board() for _ in range(EVSES)]
        numbered = list(enumerate(boards, start=1))
        faults = await asyncio.gather(
            *(_faults(b, number, each, statuses) for number, b in numbered)
        )
        leaves = await asyncio.gather(*(_leaves(b, number, each) for number, b in numbered))
    finally:
        for task in tasks:
            task.cancel()
    hold_ms = LEAVING_HOLD_S * 1000
    return [
        *spread(
            f"fault to line low, {name}", "ms", list(chain(*faults)), (0.5, 0.999), {0.999: AIM_MS}
        ),
        *spread(
            f"EV leaves C to line low, {name} ({hold_ms:g} ms are its debounce)",
            "ms",
            list(chain(*leaves)),
            (0.5, 0.999),
            {0.999: AIM_MS + hold_ms},
        ),
    ]


async def _grant_for_ever(guard: GuardClient) -> None:
    while True:
        for number in range(1, EVSES + 1):
            await guard.grant(Lease(number, PilotMode.OFFER, LIMIT_A))
        await asyncio.sleep(RENEWAL_S)


async def _listen(guard: GuardClient, statuses: Statuses) -> None:
    async for news in guard.statuses():
        if isinstance(news, GuardStatus):
            statuses[news.evse] = news


async def _faults(board: BoardControl, number: int, count: int, statuses: Statuses) -> list[float]:
    """Break something at random moments of the guard's tick; the car is plugged anew each time."""
    chance = random.Random(number)  # noqa: S311 - repeatable, not secret
    found = []
    for index in range(count):
        fault = {"op": "error", "evse": number, "code": FAULTS[index % len(FAULTS)]}
        await board.operate({"op": "plug_in", "evse": number})
        await _until(board, number, lambda evse: evse["contactor_closed"])
        await asyncio.sleep(chance.uniform(0.0, 0.05))
        await board.operate(fault | {"on": True})
        evse = await _until(board, number, lambda evse: not evse["coil"])
        found.append(float(evse["last_fault_to_open_ms"]))
        await board.operate(fault | {"on": False})
        await board.operate({"op": "plug_out", "evse": number})
        await _replugged(number, statuses)
    return found


async def _replugged(number: int, statuses: Statuses) -> None:
    """Wait until the guard has seen that the car is gone and has dropped the fault."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        status = statuses[number]
        if status.pilot_state is PilotState.A and not status.faults:
            return
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"EVSE {number} keeps its faults: {statuses[number]}")


async def _leaves(board: BoardControl, number: int, count: int) -> list[float]:
    """Let the car leave state C at random moments of the guard's tick."""
    chance = random.Random(number)  # noqa: S311 - repeatable, not secret
    found = []
    await board.operate({"op": "plug_in", "evse": number})
    for _ in range(count):
        await _until(board, number, lambda evse: evse["contactor_closed"])
        await asyncio.sleep(chance.uniform(0.0, 0.05))
        await board.operate({"op": "pause", "evse": number})
        evse = await _until(board, number, lambda evse: not evse["coil"])
        found.append(float(evse["last_leave_to_open_ms"]))
        await board.operate({"op": "resume", "evse": number})
    await board.operate({"op": "plug_out", "evse": number})
    return found


async def _until(
    board: BoardControl, number: int, holds: Callable[[Evse], bool], look_s: float = LOOK_S
) -> Evse:
    evse: Evse = {}
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        answer: dict[str, Any] = await board.operate({"op": "state", "evse": number})
        evse = answer["evses"][0]
        if holds(evse):
            return evse
        await asyncio.sleep(look_s)
    raise RuntimeError(f"EVSE {number} did not do what it should within {TIMEOUT_S} s: {evse}")
