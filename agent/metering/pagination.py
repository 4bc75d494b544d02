"""The number that each record of a signing component bears: it never repeats and never skips.

A gap tells an auditor that a record is missing, a repetition that one was exchanged. So the number
is durable before the record that bears it can leave, over power cuts and updates alike.
"""

from __future__ import annotations

from typing import Protocol


class PaginationUnavailable(Exception):
    """No number can be made durable now: the register goes out unsigned."""


class PaginationCounter(Protocol):
    """Gives each record of one signing component its number."""

    async def next(self) -> int:
        """Take the next number, starting with 1; it is durable when this returns.

        When this raises (`PaginationUnavailable`), no number was used: the next call gives the
        same one.
        """
        ...
