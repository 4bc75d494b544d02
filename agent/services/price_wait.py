"""Whoever was let in may have to wait for their price, so that it is seen before energy flows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from agent.core.records import dataclass
from agent.core.vocabulary import IdToken

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Awaited:
    token: IdToken
    came: asyncio.Event


class PriceWait:
    """Waits until the CSMS has told a token's price, or for as long as it may take.

    `longest_s` is asked when a wait begins; with 0 nobody waits.
    """

    def __init__(self, longest_s: Callable[[], float]) -> None:
        self._longest_s = longest_s
        self._awaited: list[_Awaited] = []

    @contextmanager
    def listening(self, token: IdToken) -> Iterator[Callable[[], Awaitable[None]]]:
        """Listen for the price from now on; what is yielded waits for it.

        A CSMS may tell the price before it answers whether the token is accepted.
        """
        awaited = _Awaited(token, asyncio.Event())
        self._awaited.append(awaited)
        try:
            yield partial(self._wait, awaited)
        finally:
            self._awaited.remove(awaited)

    def told(self, token: IdToken) -> None:
        """Take note that the price of a token has come."""
        for awaited in self._awaited:
            if awaited.token.same_as(token):
                awaited.came.set()

    async def _wait(self, awaited: _Awaited) -> None:
        longest_s = self._longest_s()
        if longest_s <= 0:
            return
        try:
            async with asyncio.timeout(longest_s):
                await awaited.came.wait()
        except TimeoutError:
            log.info("the price of a token has not come within %g s", longest_s)
