"""Numbers that never repeat and leave no gap, such as the pagination of signed records."""

import sqlite3

from agent.store.database import Database


class Counters:
    """Named counters that begin with 1."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, name: str) -> int:
        """Take the next number; it is on the disk when this returns.

        StoreUnavailable: no number was taken.
        """
        return await self._database.write(lambda connection: self.take(connection, name))

    @staticmethod
    def take(connection: sqlite3.Connection, name: str) -> int:
        """Take the next number inside a write: it is taken only if that write is committed."""
        statement = (
            "INSERT INTO counter (name, value, mirror) VALUES (?, 1, -1) ON CONFLICT (name)"
            " DO UPDATE SET value = value + 1, mirror = mirror - 1 RETURNING value"
        )
        (row,) = connection.execute(statement, (name,)).fetchall()
        return int(row[0])

    async def last(self, name: str) -> int:
        """Return the last number taken; 0 when none ever was."""
        query = "SELECT value FROM counter WHERE name = ?"
        row = await self._database.read(
            lambda connection: connection.execute(query, (name,)).fetchone()
        )
        return 0 if row is None else int(row[0])

    async def save(self, name: str, number: int) -> None:
        """Note a number that was taken elsewhere; it is on the disk when this returns.

        ValueError when the counter is further already: going back would repeat numbers.
        """

        def put(connection: sqlite3.Connection) -> None:
            statement = (
                "INSERT INTO counter (name, value, mirror) VALUES (?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET value = excluded.value, mirror = excluded.mirror"
                " WHERE excluded.value >= value"
            )
            if connection.execute(statement, (name, number, -number)).rowcount == 0:
                raise ValueError(f"counter {name} is beyond {number}: numbers would repeat")

        await self._database.write(put)
