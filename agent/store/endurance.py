"""Living with a storage that refuses writes: what could not be written waits in RAM.

A full, read-only or failing disk must not end a session. Whoever stores something for the services
keeps what was refused and goes on; `Endurance` notices the refusal, says so once, and asks
everybody to write their rest as soon as the storage works again.

What waits in RAM is lost with the process. That is accepted also for a new transaction: the rules
of offline authorization decide about energy, not the disk, and its events still reach the CSMS.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from agent.store.errors import Reason, StoreUnavailable

RETRY_S = 5.0
BETWEEN_REPORTS_S = 3600.0
"""A storage that works off and on is reported now and then, not each time."""

log = logging.getLogger(__name__)


class Waiting(Protocol):
    """Somebody who may hold in RAM what belongs on the disk."""

    @property
    def is_behind(self) -> bool:
        """Tell whether something waits."""

    async def catch_up(self) -> None:
        """Write what waits; StoreUnavailable: it still waits."""


class Endurance:
    """Watches over everybody who waits; `on_refusal` is told of a refusal, once an hour at most."""

    def __init__(self, retry_s: float = RETRY_S) -> None:
        self.on_refusal: Callable[[StoreUnavailable], None] = lambda _error: None
        self.retry_s = retry_s
        self._waiting: list[Waiting] = []
        self._refused = asyncio.Event()
        self._reported_at_s: float | None = None

    @property
    def refuses(self) -> bool:
        """Tell whether the storage refused something that still waits."""
        return self._refused.is_set()

    def add(self, waiting: Waiting) -> None:
        """Have somebody asked to catch up, after those who were added before."""
        self._waiting.append(waiting)

    def refused(self, error: StoreUnavailable) -> None:
        """Take note of a refusal. Raises it when the store is closed: then nothing is to come."""
        if error.reason is Reason.CLOSED:
            raise error
        if self._refused.is_set():
            return
        self._refused.set()
        log.error("the storage refuses writes, going on in memory: %s", error)
        now_s = asyncio.get_running_loop().time()
        if self._reported_at_s is None or now_s - self._reported_at_s > BETWEEN_REPORTS_S:
            self._reported_at_s = now_s
            self.on_refusal(error)

    async def run(self) -> None:
        """Try again for ever, whenever something waits."""
        while True:
            await self._refused.wait()
            await asyncio.sleep(self.retry_s)
            await self.catch_up()

    async def catch_up(self) -> bool:
        """Have everything written that waits; return whether nothing is left."""
        try:
            while behind := [one for one in self._waiting if one.is_behind]:
                for one in behind:
                    await one.catch_up()
        except StoreUnavailable as error:
            log.debug("the storage still refuses writes: %s", error)
            return False
        if self._refused.is_set():
            self._refused.clear()
            log.warning("the storage takes writes again; what was kept in memory is stored")
        return True
