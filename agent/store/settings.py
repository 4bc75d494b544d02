"""Small durable documents: device-model variables, availability, charging profiles and the like."""

import logging
import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from agent.store.body import DamagedBodyError, pack, unpack
from agent.store.database import Database

_LOGGER = logging.getLogger(__name__)

_PUT = (
    "INSERT INTO document (kind, key, body) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_DELETE = "DELETE FROM document WHERE kind = ? AND key = ?"


class Documents:
    """Texts by kind and key, all of them in RAM as well; made by `open`.

    A change is visible once it is on the disk. When the storage refuses it (StoreUnavailable)
    the old text stays.
    """

    def __init__(self, database: Database, texts: dict[str, dict[str, str]]) -> None:
        """Not for callers: use `open`."""
        self._database = database
        self._texts = texts

    @classmethod
    async def open(cls, database: Database) -> "Documents":
        """Load all documents; one that is destroyed is left out and logged.

        StoreUnavailable when the storage fails.
        """
        rows = await database.read(
            lambda connection: connection.execute("SELECT kind, key, body FROM document").fetchall()
        )
        texts: dict[str, dict[str, str]] = {}
        for kind, key, body in rows:
            try:
                texts.setdefault(kind, {})[key] = unpack(body).decode()
            except DamagedBodyError:
                path = database.files.database
                _LOGGER.exception("%s: the document %s %s is lost", path, kind, key)
        return cls(database, texts)

    def get(self, kind: str, key: str) -> str | None:
        """Return one text, None when there is none."""
        return self._texts.get(kind, {}).get(key)

    def items(self, kind: str) -> Mapping[str, str]:
        """Return all texts of a kind as they are now."""
        return MappingProxyType(dict(self._texts.get(kind, {})))

    async def put(self, kind: str, key: str, text: str) -> None:
        """Write one text; it is on the disk when this returns."""
        await self.put_many(kind, {key: text})

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None:
        """Write several texts of a kind, all or none."""
        await self.change(kind, texts)

    async def delete(self, kind: str, key: str) -> None:
        """Forget one text; that there is none is no error."""
        await self.change(kind, {key: None})

    async def change(self, kind: str, texts: Mapping[str, str | None]) -> None:
        """Write texts of a kind and forget those that are None, all or nothing."""
        changes = dict(texts)
        put = [(kind, key, pack(t.encode())) for key, t in changes.items() if t is not None]
        gone = [(kind, key) for key, text in changes.items() if text is None]

        def settled(error: Exception | None) -> None:
            if error is None:
                self._follow(kind, changes)

        def execute(connection: sqlite3.Connection) -> None:
            connection.executemany(_PUT, put)
            connection.executemany(_DELETE, gone)

        await self._database.write(execute, settled=settled)

    def _follow(self, kind: str, changes: Mapping[str, str | None]) -> None:
        present = self._texts.setdefault(kind, {})
        for key, text in changes.items():
            if text is None:
                present.pop(key, None)
            else:
                present[key] = text


def put_document(connection: sqlite3.Connection, kind: str, key: str, text: str) -> None:
    """Write one text within somebody else's transaction; `Documents` learns of it at its start."""
    connection.execute(_PUT, (kind, key, pack(text.encode())))
