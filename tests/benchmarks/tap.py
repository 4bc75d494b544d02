"""From a token at the reader to the contactor's coil, as the board sees its lines."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any

from hal.guard.pilot_state import ENTERING_HOLD_S
from hal.mock.backends import BoardControl
from hal.mock.vehicle import REACTION_NS
from tests.benchmarks.effort import Effort
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.report import Figure, spread
from tests.benchmarks.station import BenchStation

AIM_MS = 10.0
LOOK_S = 0.0003
SETTLE_S = 0.5
TIMEOUT_S = 5.0
TOKEN = "DEADBEEF"  # the text of an RFID card
OFFLINE_VARIABLES = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": True}


@dataclass
class Taps:
    """Samples in ms: tap to offer on the pilot, EV ready to coil, tap to coil; and how fine.

    The first tap after a start is apart: it loads what signing needs.
    """

    first_to_offer_ms: float = 0.0
    to_offer_ms: list[float] = field(default_factory=list)
    ready_to_coil_ms: list[float] = field(default_factory=list)
    to_coil_ms: list[float] = field(default_factory=list)
    looks_apart_ms: list[float] = field(default_factory=list)


async def measure(effort: Effort) -> list[Figure]:
    """Tap with a CSMS that answers at once, and without one."""
    figures = []
    for name, online in (("CSMS asked", True), ("decided locally, offline", False)):
        taps = await _taps(effort, online=online)
        figures += _figures(name, taps)
    return figures


async def _taps(effort: Effort, *, online: bool) -> Taps:
    taps = Taps()
    folder = effort.subfolder("online" if online else "offline")
    async with (
        LoopbackCsms() as csms,
        BenchStation(folder, csms.url, "ocpp2.0.1", variables=OFFLINE_VARIABLES) as station,
    ):
        await station.start_guard()
        station.start()
        await station.until(lambda state: state["csms"]["online"])
        if not online:
            await station.operate("net", up=False)
            await station.until(lambda state: not state["csms"]["connected"])
        board, first = station.board(), Taps()
        await _session(station, board, first)
        for _ in range(effort.times(100, 12)):
            await _session(station, board, taps)
    taps.first_to_offer_ms = first.to_offer_ms[0]
    return taps


async def _session(station: BenchStation, board: BoardControl, taps: Taps) -> None:
    await board.operate({"op": "plug_in"})
    await station.until(lambda state: state["evses"][0]["plugged_in"])
    await asyncio.sleep(SETTLE_S)  # the guard's self test
    begin_s = time.monotonic()
    await board.operate({"op": "swipe", "token": TOKEN})
    offered_s = await _when(board, lambda evse: 0.0 < evse["duty"] < 1.0, taps)
    ready_s = await _when(board, lambda evse: evse["pilot_state"] == "C", taps)
    coil_s = await _when(board, lambda evse: evse["coil"], taps)
    taps.to_offer_ms.append((offered_s - begin_s) * 1000)
    taps.ready_to_coil_ms.append((coil_s - ready_s) * 1000)
    taps.to_coil_ms.append((coil_s - begin_s) * 1000)
    await board.operate({"op": "plug_out"})
    await station.until(
        lambda state: (
            state["evses"][0]["transaction"] is None and not state["evses"][0]["plugged_in"]
        )
    )


async def _when(board: BoardControl, holds: Any, taps: Taps) -> float:
    """Look at the lines until something holds; return when that was seen."""
    evse: dict[str, Any] = {}
    seen_s = time.monotonic()
    deadline_s = seen_s + TIMEOUT_S
    while seen_s < deadline_s:
        evse = await _evse(board)
        before_s, seen_s = seen_s, time.monotonic()
        if holds(evse):
            taps.looks_apart_ms.append((seen_s - before_s) * 1000)
            return seen_s
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"nothing of that kind within {TIMEOUT_S} s: {evse}")


async def _evse(board: BoardControl) -> dict[str, Any]:
    answer: dict[str, Any] = await board.operate({"op": "state"})
    evse: dict[str, Any] = answer["evses"][0]
    return evse


def _figures(name: str, taps: Taps) -> list[Figure]:
    # The state must hold before it counts, and again before the contactor may close.
    hold_ms, car_ms = 2 * ENTERING_HOLD_S * 1000, REACTION_NS / 1e6
    held = f"{hold_ms:g} ms of it the guard's hold"
    ready = spread(f"EV ready to coil, {name}", "ms", taps.ready_to_coil_ms, (0.5, 0.99))[:2]
    coil = spread(f"tap to coil, {name}", "ms", taps.to_coil_ms, (0.5, 0.99))[:2]
    return [
        *spread(f"tap to offer, {name}", "ms", taps.to_offer_ms, (0.5, 0.99), {0.99: AIM_MS}),
        Figure(
            name=f"first tap after a start to offer, {name}",
            unit="ms",
            measured=taps.first_to_offer_ms,
            note="loads the signing key",
        ),
        *(replace(figure, note=held) for figure in ready),
        *(replace(figure, note=f"{car_ms:g} ms of it the car, {held}") for figure in coil),
        *spread(f"distance of two looks, {name}", "ms", taps.looks_apart_ms, (0.99,))[:1],
    ]
