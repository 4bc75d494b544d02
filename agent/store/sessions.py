"""Session documents by EVSE, and the numbers a CSMS gave to transactions."""

import logging
import sqlite3

from agent.store.body import DamagedBodyError, pack, unpack
from agent.store.database import Database

_LOGGER = logging.getLogger(__name__)
_NUMBERS_KEPT = 1000


class Sessions:
    """One opaque document for each EVSE; written in the transaction of the events it belongs to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_all(self) -> dict[int, bytes]:
        """Return the documents by EVSE id; one that is destroyed is left out and logged.

        StoreUnavailable when the storage fails.
        """
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT evse_id, body FROM session").fetchall()
        )
        found: dict[int, bytes] = {}
        for evse_id, stored in rows:
            try:
                found[evse_id] = unpack(stored)
            except DamagedBodyError:
                path = self._database.files.database
                _LOGGER.exception("%s: the session of EVSE %d is lost", path, evse_id)
        return found

    @staticmethod
    def upsert(connection: sqlite3.Connection, evse_id: int, body: bytes) -> None:
        """Replace the document of an EVSE; for use inside a write."""
        connection.execute(
            "INSERT INTO session (evse_id, body) VALUES (?, ?)"
            " ON CONFLICT (evse_id) DO UPDATE SET body = excluded.body",
            (evse_id, pack(body)),
        )

    @staticmethod
    def delete(connection: sqlite3.Connection, evse_id: int) -> None:
        """Forget the document of an EVSE; for use inside a write."""
        connection.execute("DELETE FROM session WHERE evse_id = ?", (evse_id,))


class TransactionNumbers:
    """The numbers by which one CSMS (OCPP 1.6) knows our transactions; made by `open`.

    The latest thousand are kept: older transactions are long told and answered.
    """

    def __init__(self, database: Database, csms: str, numbers: dict[str, int]) -> None:
        """Not for callers: use `open`."""
        self._database = database
        self._csms = csms
        self._numbers = numbers
        self._transactions = {number: key for key, number in numbers.items()}

    @classmethod
    async def open(cls, database: Database, csms: str) -> "TransactionNumbers":
        """Load the numbers that `csms` gave. StoreUnavailable when the storage fails."""
        query = "SELECT transaction_id, csms_id FROM csms_transaction WHERE csms = ? ORDER BY rowid"
        rows = await database.read(lambda connection: connection.execute(query, (csms,)).fetchall())
        return cls(database, csms, dict(rows))

    def number_of(self, transaction_id: str) -> int | None:
        """Return the CSMS's number of our transaction."""
        return self._numbers.get(transaction_id)

    def transaction_of(self, number: int) -> str | None:
        """Return our transaction with that number: the latest, should the CSMS repeat itself."""
        return self._transactions.get(number)

    async def remember(self, transaction_id: str, number: int) -> None:
        """Keep a number; it is on the disk when this returns. StoreUnavailable if it is not."""
        csms = self._csms

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO csms_transaction (transaction_id, csms_id, csms)"
                " VALUES (?, ?, ?)",
                (transaction_id, number, csms),
            )
            connection.execute(
                "DELETE FROM csms_transaction WHERE rowid <="
                " (SELECT max(rowid) FROM csms_transaction) - ?",
                (_NUMBERS_KEPT,),
            )

        self._numbers[transaction_id] = number
        self._transactions[number] = transaction_id
        self._forget_oldest()
        await self._database.write(put)

    def _forget_oldest(self) -> None:
        while len(self._numbers) > _NUMBERS_KEPT:
            transaction_id = next(iter(self._numbers))
            number = self._numbers.pop(transaction_id)
            if self._transactions.get(number) == transaction_id:
                del self._transactions[number]
