"""The pagination counter of signed records: a number that never repeats and never skips.

A gap tells an auditor that a record is missing, a repetition that one was exchanged. So the number
is durable before the record that bears it can leave, over power cuts and updates alike.
"""

from __future__ import annotations

import threading
from typing import Protocol


class PaginationError(Exception):
    """The stored counter cannot be continued; restore the store from a backup before signing."""


class PaginationCounter(Protocol):
    """Gives each record of one signing component its number."""

    def next(self) -> int:
        """Take the next number, starting with 1; it is durable when this returns.

        When this raises, no number was used and the next call gives the same one.
        """
        ...


class PaginationStorage(Protocol):
    """Where the last number used is kept."""

    def load(self) -> int:
        """Read the last number used; 0 when none ever was."""
        ...

    def save(self, number: int) -> None:
        """Keep `number`; it survives a power cut once this returns."""
        ...


class DurablePagination:
    """A PaginationCounter on a PaginationStorage; one instance may serve several threads.

    Raises PaginationError when the storage holds something that is no counter.
    """

    def __init__(self, storage: PaginationStorage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._last = storage.load()
        if self._last < 0:
            raise PaginationError(
                f"the stored pagination counter is {self._last}, which no record can have had; "
                "restore the store from a backup"
            )

    def next(self) -> int:
        """Take the next number; it is saved before it is returned."""
        with self._lock:
            number = self._last + 1
            self._storage.save(number)
            self._last = number
            return number
