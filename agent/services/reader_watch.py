"""What the token readers tell, for whoever puts a station into service.

Tokens are kept only while somebody watches, and only the latest.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from agent.core.records import dataclass
from hal.api import Presentation, TokenReader

MOST_KEPT = 50
WATCHED_S = 15.0
"""Somebody who has not asked for so long watches no more."""


@dataclass(frozen=True, slots=True)
class ReaderState:
    """A reader by the EVSEs that it serves; `loss` says why it cannot be used, "" if it can.

    None is not known yet.
    """

    evses: tuple[int, ...]
    loss: str | None


@dataclass(frozen=True, slots=True)
class News:
    """Something that a reader told: a card, or how it is itself."""

    number: int
    told: Presentation | ReaderState


class ReaderWatch:
    """Remembers how each reader is, and tells news to whoever asks for them in time."""

    def __init__(self, readers: Iterable[TokenReader], now_s: Callable[[], float]) -> None:
        self._states: dict[tuple[int, ...], str | None] = {r.evses: None for r in readers}
        self._now_s = now_s
        self._watched_until_s = 0.0
        self._number = 0
        self._news: deque[News] = deque(maxlen=MOST_KEPT)
        self._changed = asyncio.Event()

    @property
    def states(self) -> tuple[ReaderState, ...]:
        """Return how each reader is."""
        return tuple(ReaderState(evses, loss) for evses, loss in self._states.items())

    def loss_at(self, evse: int) -> str:
        """Return why the reader of an EVSE cannot be used, "" if it can or there is none."""
        return next((s.loss or "" for s in self.states if evse in s.evses), "")

    def presented(self, presentation: Presentation) -> None:
        """Take note of a token."""
        self._note(presentation)

    def found(self, reader: TokenReader) -> bool:
        """Take note that a reader works; return whether that is news."""
        return self._change(reader, "")

    def lost(self, reader: TokenReader, reason: str) -> bool:
        """Take note that a reader is lost; return whether that, or the reason, is news."""
        return self._change(reader, reason)

    async def news(self, after: int | None, wait_s: float) -> tuple[int, tuple[News, ...]]:
        """Return what is newer than a number, waiting for it, and the number to ask with next.

        None is now: whoever watches begins with it.
        """
        self._watched_until_s = self._now_s() + wait_s + WATCHED_S
        if after is None:
            return self._number, ()
        try:
            async with asyncio.timeout(wait_s):
                while not (newer := tuple(n for n in self._news if n.number > after)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return after, ()
        return self._number, newer

    def _change(self, reader: TokenReader, loss: str) -> bool:
        if self._states.get(reader.evses) == loss:
            return False
        self._states[reader.evses] = loss
        self._note(ReaderState(reader.evses, loss))
        return True

    def _note(self, told: Presentation | ReaderState) -> None:
        if self._now_s() >= self._watched_until_s:
            self._news.clear()
            return
        self._number += 1
        self._news.append(News(self._number, told))
        self._changed.set()
