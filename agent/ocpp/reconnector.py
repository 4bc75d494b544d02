"""The loop that never gives up dialling, with the waits that OCPP asks for between attempts."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agent.ocpp.dialing import ConnectFailed
from agent.ocpp.retry_back_off import RetryBackOff

logger = logging.getLogger(__name__)

C = TypeVar("C")


def _ignore(_failure: ConnectFailed, _wait_s: float) -> None:
    pass


class Reconnector(Generic[C]):
    """Yields one connection after the other; which endpoint is dialled is up to `dial`.

    A handshake is not yet a success, since some servers accept a station only to hang up on it:
    call `proved_itself` when the CSMS has answered something.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[C]],
        back_off: RetryBackOff,
        *,
        on_failure: Callable[[ConnectFailed, float], None] = _ignore,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random_part: Callable[[], float] = random.random,
    ) -> None:
        """`on_failure` is told each failed attempt and the seconds until the next."""
        self.back_off = back_off
        self._dial = dial
        self._on_failure = on_failure
        self._sleep = sleep
        self._random_part = random_part
        self._failures = 0
        self._attempts = 0

    async def connection(self) -> C:
        """Return the next connection, however long it takes.

        The very first attempt comes at once; each other one after its wait.
        """
        wait_s = self._next_wait_s() if self._attempts else 0.0
        while True:
            if wait_s > 0:
                await self._sleep(wait_s)
            self._attempts += 1
            try:
                connection = await self._dial()
            except ConnectFailed as failure:
                wait_s = max(self._next_wait_s(), failure.retry_after_s or 0.0)
                logger.warning("%s; next attempt in %.1f s", failure, wait_s)
                self._on_failure(failure, wait_s)
            else:
                return connection

    def proved_itself(self) -> None:
        """Start again at the shortest wait when the present connection ends."""
        self._failures = 0

    def _next_wait_s(self) -> float:
        wait_s = self.back_off.wait_s(self._failures, self._random_part())
        self._failures += 1
        return wait_s
