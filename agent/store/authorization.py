"""The local authorization list and the authorization cache in SQLite, as texts by key.

The list changes in one SQLite transaction together with its version and with the cards learnt at
the station that it overrules: whoever is killed in the middle finds the old list. The cache is
written behind (class B), so that a card before a reader costs no commit of its own.
"""

import logging
import sqlite3
from collections.abc import Collection, Mapping
from types import MappingProxyType

from agent.ports import StorageRefused
from agent.store.body import DamagedBodyError, pack, unpack
from agent.store.database import Database
from agent.store.endurance import Endurance
from agent.store.errors import Reason, StoreUnavailable
from agent.store.group import Durability

_PUT_LISTED = "INSERT OR REPLACE INTO local_list (key, body) VALUES (?, ?)"
_PUT_LEARNT = "INSERT OR REPLACE INTO learnt_card (key, body) VALUES (?, ?)"
_DELETE_LEARNT = "DELETE FROM learnt_card WHERE key = ?"
_PUT_CACHED = "INSERT OR REPLACE INTO authorization_cache (key, body) VALUES (?, ?)"
_DELETE_CACHED = "DELETE FROM authorization_cache WHERE key = ?"

log = logging.getLogger(__name__)


class StoredLocalList:
    """The list and the learnt cards, all of it in RAM as well; made by `open`."""

    def __init__(
        self, database: Database, version: int, texts: dict[str, str], learnt: dict[str, str]
    ) -> None:
        """Not for callers: use `open`."""
        self._database = database
        self._version = version
        self._texts = texts
        self._learnt = learnt
        self._size_bytes = _size(texts)

    @classmethod
    async def open(cls, database: Database) -> "StoredLocalList":
        """Load the list. One that lost entries counts as none, so that the CSMS sends it again."""
        row, stored, learnt = await database.read(_read_list)
        texts = _unpacked(stored, "entry of the local authorization list")
        version, entries = row or (0, 0)
        if entries != len(texts):
            log.error("the local authorization list is damaged: it counts as never sent")
            version, texts = 0, {}
        return cls(database, version, texts, _unpacked(learnt, "entry of the learnt cards"))

    @property
    def version(self) -> int:
        """Return the version, 0 while there is no list."""
        return self._version

    @property
    def size_bytes(self) -> int:
        """Return how many bytes of text the entries have."""
        return self._size_bytes

    def keys(self) -> Collection[str]:
        """Return the keys of all entries."""
        return self._texts.keys()

    def get(self, key: str) -> str | None:
        """Return an entry's text."""
        return self._texts.get(key)

    def learnt(self) -> Mapping[str, str]:
        """Return the texts of the learnt cards by key."""
        return MappingProxyType(self._learnt)

    async def learn(self, put: Mapping[str, str], removed: Collection[str]) -> None:
        """Change the learnt cards, all or nothing; on the disk at return. `StorageRefused`."""
        after = {key: text for key, text in self._learnt.items() if key not in removed} | dict(put)
        rows = [(key, pack(text.encode())) for key, text in put.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_DELETE_LEARNT, [(key,) for key in removed])
            connection.executemany(_PUT_LEARNT, rows)

        def settled(error: Exception | None) -> None:
            if error is None:
                self._learnt = after

        try:
            await self._database.write(write, settled=settled)
        except StoreUnavailable as error:
            raise StorageRefused(str(error)) from error

    async def change(
        self, version: int, put: Mapping[str, str], removed: Collection[str], *, replaces: bool
    ) -> None:
        """Change list and version, all or nothing; on the disk at return. `StorageRefused`.

        What the list says of a card overrules that it was learnt, and a whole list overrules all.
        """
        after = {} if replaces else dict(self._texts)
        after.update(put)
        for key in removed:
            after.pop(key, None)
        overruled = {*self._learnt} if replaces else self._learnt.keys() & {*put, *removed}
        learnt = {key: text for key, text in self._learnt.items() if key not in overruled}
        rows = [(key, pack(text.encode())) for key, text in put.items()]
        # An empty list may have rows on the disk: what is left of a damaged one.
        empties = replaces or not self._texts

        def write(connection: sqlite3.Connection) -> None:
            if empties:
                connection.execute("DELETE FROM local_list")
            connection.executemany("DELETE FROM local_list WHERE key = ?", [(k,) for k in removed])
            connection.executemany(_PUT_LISTED, rows)
            if replaces:
                connection.execute("DELETE FROM learnt_card")
            connection.executemany(_DELETE_LEARNT, [(key,) for key in overruled])
            connection.execute(
                "INSERT OR REPLACE INTO local_list_version VALUES (1, ?, ?)", (version, len(after))
            )

        def settled(error: Exception | None) -> None:
            if error is None:
                self._version, self._texts, self._size_bytes = version, after, _size(after)
                self._learnt = learnt

        try:
            await self._database.write(write, settled=settled)
        except StoreUnavailable as error:
            raise StorageRefused(str(error)) from error


class StoredCache:
    """The cache's rows; made by `open`. What the storage refuses waits in RAM."""

    def __init__(self, database: Database, endurance: Endurance, found: Mapping[str, str]) -> None:
        """Not for callers: use `open`."""
        self._database = database
        self._endurance = endurance
        self._found = found
        self._unstored: dict[str, str | None] = {}
        endurance.add(self)

    @classmethod
    async def open(cls, database: Database, endurance: Endurance) -> "StoredCache":
        """Load the entries; one that is destroyed is left out and logged."""
        query = "SELECT key, body FROM authorization_cache"
        rows = await database.read(lambda connection: connection.execute(query).fetchall())
        return cls(database, endurance, _unpacked(rows, "entry of the authorization cache"))

    @property
    def is_behind(self) -> bool:
        """Tell whether a change waits."""
        return bool(self._unstored)

    def load(self) -> Mapping[str, str]:
        """Return the entries found at the start, once: they are not kept twice."""
        found, self._found = self._found, {}
        return found

    def save(self, put: Mapping[str, str], removed: Collection[str]) -> None:
        """Write within seconds; what the storage refuses is written when it works again."""
        changes: dict[str, str | None] = {**put, **dict.fromkeys(removed)}
        if not changes:
            return
        self._unstored.update(changes)

        def settled(error: Exception | None) -> None:
            if error is None:
                self._stored(changes)
            elif isinstance(error, StoreUnavailable) and error.reason is not Reason.CLOSED:
                self._endurance.refused(error)

        self._database.post(lambda connection: _write_cached(connection, changes), settled)

    async def clear(self) -> None:
        """Delete every entry; on the disk at return. Raises `StorageRefused`."""
        before = dict(self._unstored)

        def settled(error: Exception | None) -> None:
            if error is None:
                self._stored(before)

        try:
            await self._database.write(_clear_cached, settled=settled)
        except StoreUnavailable as error:
            raise StorageRefused(str(error)) from error

    async def catch_up(self) -> None:
        """Write the changes that wait; StoreUnavailable: they still wait."""
        waiting = dict(self._unstored)
        await self._database.write(
            lambda connection: _write_cached(connection, waiting), Durability.BEFORE_EFFECT
        )
        self._stored(waiting)

    def _stored(self, changes: Mapping[str, str | None]) -> None:
        for key, text in changes.items():
            # It may have been changed again meanwhile.
            if key in self._unstored and self._unstored[key] == text:
                del self._unstored[key]


def _read_list(
    connection: sqlite3.Connection,
) -> tuple[tuple[int, int] | None, list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    version = connection.execute("SELECT version, entries FROM local_list_version").fetchone()
    listed = connection.execute("SELECT key, body FROM local_list").fetchall()
    return version, listed, connection.execute("SELECT key, body FROM learnt_card").fetchall()


def _write_cached(connection: sqlite3.Connection, changes: Mapping[str, str | None]) -> None:
    put = [(key, pack(text.encode())) for key, text in changes.items() if text is not None]
    connection.executemany(_PUT_CACHED, put)
    gone = [(key,) for key, text in changes.items() if text is None]
    connection.executemany(_DELETE_CACHED, gone)


def _clear_cached(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM authorization_cache")


def _unpacked(rows: Collection[tuple[str, bytes]], what: str) -> dict[str, str]:
    texts = {}
    for key, body in rows:
        try:
            texts[key] = unpack(body).decode()
        except (DamagedBodyError, UnicodeDecodeError):
            log.exception("an %s is lost", what)
    return texts


def _size(texts: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(text.encode()) for key, text in texts.items())
