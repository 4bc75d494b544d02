"""Settings and transaction numbers that stay in force while the storage refuses to keep them."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from agent.store.endurance import Endurance
from agent.store.errors import StoreUnavailable
from agent.store.sessions import TransactionNumbers
from agent.store.settings import Documents


class EnduringDocuments:
    """Small documents: a change counts at once, and is on the disk when `put` returns or later."""

    def __init__(self, documents: Documents, endurance: Endurance) -> None:
        self._documents = documents
        self._endurance = endurance
        self._changes: dict[tuple[str, str], str | None] = {}
        self._writing = asyncio.Lock()
        endurance.add(self)

    @property
    def is_behind(self) -> bool:
        """Tell whether a change waits."""
        return bool(self._changes)

    def get(self, kind: str, key: str) -> str | None:
        """Return one text, None when there is none."""
        if (kind, key) in self._changes:
            return self._changes[kind, key]
        return self._documents.get(kind, key)

    def items(self, kind: str) -> Mapping[str, str]:
        """Return all texts of a kind as they are now."""
        stored = self._documents.items(kind)
        changed = {key: text for (of, key), text in self._changes.items() if of == kind}
        merged = {**stored, **changed}
        return MappingProxyType({k: text for k, text in merged.items() if text is not None})

    async def put(self, kind: str, key: str, text: str) -> None:
        """Write one text."""
        await self.put_many(kind, {key: text})

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None:
        """Write several texts of a kind, all or none."""
        await self._change({(kind, key): text for key, text in texts.items()})

    async def delete(self, kind: str, key: str) -> None:
        """Forget one text; that there is none is no error."""
        await self._change({(kind, key): None})

    async def change(self, kind: str, texts: Mapping[str, str | None]) -> None:
        """Write texts of a kind and forget those that are None, all or nothing."""
        await self._change({(kind, key): text for key, text in texts.items()})

    async def catch_up(self) -> None:
        """Write the changes that wait; StoreUnavailable: they still wait."""
        async with self._writing:
            waiting = dict(self._changes)
            for kind in dict.fromkeys(of for of, _ in waiting):
                of_kind = {key: text for (of, key), text in waiting.items() if of == kind}
                await self._write(kind, of_kind)

    async def _change(self, changes: Mapping[tuple[str, str], str | None]) -> None:
        self._changes.update(changes)
        try:
            await self.catch_up()
        except StoreUnavailable as error:
            self._endurance.refused(error)

    async def _write(self, kind: str, changes: Mapping[str, str | None]) -> None:
        await self._documents.change(kind, changes)
        for key, text in changes.items():
            # It may have been changed again meanwhile.
            if (kind, key) in self._changes and self._changes[kind, key] == text:
                del self._changes[kind, key]


class EnduringNumbers:
    """The numbers that a CSMS gave to transactions: known at once, stored when possible."""

    def __init__(self, numbers: TransactionNumbers, endurance: Endurance) -> None:
        self._numbers = numbers
        self._endurance = endurance
        self._unstored: dict[str, int] = {}
        endurance.add(self)

    @property
    def is_behind(self) -> bool:
        """Tell whether a number waits."""
        return bool(self._unstored)

    def number_of(self, transaction_id: str) -> int | None:
        """Return the CSMS's number of our transaction."""
        return self._numbers.number_of(transaction_id)

    def transaction_of(self, number: int) -> str | None:
        """Return our transaction with that number."""
        return self._numbers.transaction_of(number)

    async def remember(self, transaction_id: str, number: int) -> None:
        """Keep a number."""
        try:
            await self._numbers.remember(transaction_id, number)
        except StoreUnavailable as error:
            self._unstored[transaction_id] = number
            self._endurance.refused(error)

    async def catch_up(self) -> None:
        """Write the numbers that wait; StoreUnavailable: they still wait."""
        for transaction_id, number in tuple(self._unstored.items()):
            await self._numbers.remember(transaction_id, number)
            del self._unstored[transaction_id]
