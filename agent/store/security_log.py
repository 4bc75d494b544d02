"""The security log: bounded, hash-chained, kept over restarts and power cuts (A04.FR.04).

The chain shows an entry that was changed or taken out; a counter beside it, kept twice, shows that
the end of the log is gone. Nothing here keeps whoever owns the disk from writing a new log.
"""

import asyncio
import hashlib
import json
import logging
import sqlite3
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.core.variable_definition import value_text
from agent.ports import SecurityLogEntry
from agent.store.database import Database
from agent.store.endurance import Endurance
from agent.store.errors import StoreUnavailable

COUNTER: Final = "security_log"
MOST_WAITING: Final = 200
"""Entries in RAM while the storage refuses; beyond it the newest are given up and counted."""

_COLUMNS = "number, at, kind, critical, technical_info, previous, digest"
_INSERT = f"INSERT INTO security_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - own text
_SELECT = f"SELECT {_COLUMNS} FROM security_log ORDER BY number"  # noqa: S608 - own text
_COUNT = (
    "INSERT INTO counter (name, value, mirror) VALUES (?, ?, ?) ON CONFLICT (name)"
    " DO UPDATE SET value = excluded.value, mirror = excluded.mirror"
)

log = logging.getLogger(__name__)

_Stored = tuple[int, str, str, int, str, str, str]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An entry that has no number yet."""

    at: datetime
    kind: str
    technical_info: str
    critical: bool


class StoredSecurityLog:
    """A `SecurityLog` that keeps its newest `capacity` entries; made by `open`."""

    def __init__(
        self, database: Database, endurance: Endurance, capacity: int, loss: str | None
    ) -> None:
        """Not for callers: use `open`."""
        self.loss = loss
        self._database = database
        self._endurance = endurance
        self._capacity = capacity
        self._waiting: deque[_Waiting] = deque()
        self._given_up = 0
        self._writing = asyncio.Lock()
        endurance.add(self)

    @classmethod
    async def open(
        cls, database: Database, endurance: Endurance, capacity: int
    ) -> "StoredSecurityLog":
        """Check the chain of the entries; StoreUnavailable when the storage fails."""
        loss = await database.read(_loss)
        if loss is not None:
            log.error("the security log is not whole: %s", loss)
        return cls(database, endurance, capacity, loss)

    @property
    def is_behind(self) -> bool:
        """Tell whether entries wait in RAM."""
        return bool(self._waiting)

    async def append(self, at: datetime, kind: str, technical_info: str, *, critical: bool) -> None:
        """Add an entry; it is on the disk when this returns, unless the storage refuses."""
        if len(self._waiting) >= MOST_WAITING:
            self._given_up += 1
            return
        self._waiting.append(_Waiting(at, kind, technical_info, critical))
        try:
            await self.catch_up()
        except StoreUnavailable as error:
            self._endurance.refused(error)

    async def catch_up(self) -> None:
        """Write what waits; StoreUnavailable: it still waits."""
        async with self._writing:
            batch, capacity = tuple(self._waiting), self._capacity
            if batch:
                await self._database.write(lambda connection: _append(connection, batch, capacity))
            for _ in batch:
                self._waiting.popleft()
        if batch and self._given_up:
            log.error("%d security events are not in the security log", self._given_up)
            self._given_up = 0

    async def entries(self) -> tuple[SecurityLogEntry, ...]:
        """Return what the log holds, oldest first. StoreUnavailable when it cannot be read."""
        rows = await self._database.read(lambda connection: connection.execute(_SELECT).fetchall())
        return tuple(_entry(row) for row in rows)


def _entry(row: _Stored) -> SecurityLogEntry:
    number, at, kind, critical, info, _, digest = row
    return SecurityLogEntry(number, at, kind, bool(critical), info, digest)


def _append(connection: sqlite3.Connection, batch: Iterable[_Waiting], capacity: int) -> None:
    number, previous = _end(connection)
    for entry in batch:
        number += 1
        at = value_text(entry.at)
        told = (number, at, entry.kind, int(entry.critical), entry.technical_info)
        digest = seal(previous, *told)
        connection.execute(_INSERT, (*told, previous, digest))
        previous = digest
    connection.execute(_COUNT, (COUNTER, number, -number))
    connection.execute("DELETE FROM security_log WHERE number <= ?", (number - capacity,))


def seal(previous: str, *told: int | str) -> str:
    """Return the digest of an entry, which covers that of the entry before."""
    text = json.dumps([previous, *told], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _end(connection: sqlite3.Connection) -> tuple[int, str]:
    """Return number and seal of the newest entry; numbers never begin again."""
    query = "SELECT number, digest FROM security_log ORDER BY number DESC LIMIT 1"
    number, digest = connection.execute(query).fetchone() or (0, "")
    return max(int(number), _counted(connection)), str(digest)


def _counted(connection: sqlite3.Connection) -> int:
    query = "SELECT value FROM counter WHERE name = ?"
    found = connection.execute(query, (COUNTER,)).fetchone()
    return 0 if found is None else int(found[0])


def _loss(connection: sqlite3.Connection) -> str | None:
    """Return what is wrong with the log, unless an entry of the log itself tells it already."""
    found: list[str] = []
    told: set[str] = set()
    last, digest = 0, None
    for row in connection.execute(_SELECT):
        number, _, kind, _, info, previous, seal_found = row
        if seal_found != seal(previous, *row[:5]):
            found.append(f"entry {number} was changed")
        elif digest is not None and previous != digest:
            found.append(f"entries are missing before {number}")
        if kind == SecurityEventKind.SECURITY_LOG_WAS_CLEARED:
            told.add(info)
        last, digest = number, seal_found
    counted = _counted(connection)
    if counted > last:
        found.append(f"entries {last + 1} to {counted} are missing")
    return next((loss for loss in found if loss not in told), None)
