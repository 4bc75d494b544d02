"""The demo's lines to the station: JSON over its Unix sockets, and what the bench says there."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, Self

REPLY_LIMIT_S = 5.0
_LONGEST_LINE = 1 << 24
_ASK_AGAIN_S = 0.05


class StationSilent(Exception):
    """The station did not answer, or refused; the message says what was asked and why not."""


class Bench(Protocol):
    """Whoever carries out bench operations."""

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one operation and return the reply. Raises StationSilent."""
        ...


class LineSocket:
    """One connection to the bench or the local API; requests go one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect; raises OSError while nobody listens."""
        return cls(*await asyncio.open_unix_connection(path, limit=_LONGEST_LINE))

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its reply, whose numbers are exact. Raises StationSilent."""
        try:
            async with self._turn, asyncio.timeout(REPLY_LIMIT_S):
                self._writer.write(json.dumps(request).encode() + b"\n")
                await self._writer.drain()
                line = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise StationSilent(f"no answer to {request['op']}: {error!r}") from error
        return _reply(line, str(request["op"]))

    async def __aenter__(self) -> Self:
        """Use the connection."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # the station was the first to hang up


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What instruments show at one EVSE; `duty` is a fraction, None when nobody drives the pilot.

    `energy_wh` is the meter's lifetime register, `current_a` that of the highest phase.
    """

    plugged: bool
    pilot_state: str
    duty: Decimal | None
    offered_a: Decimal
    contactor_closed: bool
    lock_engaged: bool
    current_a: Decimal
    power_w: Decimal
    energy_wh: Decimal
    faults: tuple[str, ...] = ()


def board_facts(reply: Mapping[str, Any]) -> BoardFacts:
    """Read the first EVSE of the answer to `state`. Raises StationSilent."""
    try:
        evse = reply["evses"][0]
        meter = evse["meter"]
        return BoardFacts(
            plugged=bool(evse["plugged"]),
            pilot_state=str(evse["pilot_state"]),
            duty=None if evse["duty"] is None else Decimal(evse["duty"]),
            offered_a=Decimal(evse["offered_a_by_duty"]),
            contactor_closed=bool(evse["contactor_closed"]),
            lock_engaged=bool(evse["lock_engaged"]),
            current_a=max((Decimal(a) for a in meter["current_a"]), default=Decimal(0)),
            power_w=Decimal(meter["power_w"]),
            energy_wh=Decimal(meter["energy_wh"]),
            faults=tuple(str(fault) for fault in evse["faults"]),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise StationSilent(f"the bench's answer to state has an unknown form: {error!r}") from None


@dataclass(frozen=True, slots=True)
class KeptTransaction:
    """What the station itself keeps of a transaction: its signed records and its public key."""

    records: tuple[str, ...]
    public_key: str


async def kept_transaction(local_api: LineSocket, patience_s: float = 5.0) -> KeptTransaction:
    """Ask the station for its only transaction, until it has ended. Raises StationSilent."""
    give_up_s = asyncio.get_running_loop().time() + patience_s
    while True:
        reply = await local_api.ask({"op": "transactions"})
        try:
            (entry,) = reply["transactions"]
            if entry["ended_at"] is not None:
                return KeptTransaction(tuple(map(str, entry["records"])), str(entry["public_key"]))
        except (LookupError, TypeError, ValueError) as error:
            reason = f"the station does not tell of one transaction: {error!r}"
        else:
            reason = "the station does not tell that its transaction has ended"
        if asyncio.get_running_loop().time() > give_up_s:
            raise StationSilent(reason)
        await asyncio.sleep(_ASK_AGAIN_S)


def _reply(line: bytes, asked: str) -> dict[str, Any]:
    try:
        reply = json.loads(line, parse_float=Decimal)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise StationSilent(f"the answer to {asked} is no JSON line: {line[:80]!r}")
    if reply.get("ok") is not True:
        raise StationSilent(f"{asked} was refused: {reply.get('error', 'without a reason')}")
    return reply
