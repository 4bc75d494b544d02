"""What the CSMS must hear of smart charging: told once there is a connection, each the latest."""

import asyncio
import logging
from collections.abc import Callable, Hashable

from agent.core.facts import Fact
from agent.core.smart_charging.news import ChargingNews
from agent.ports import CsmsLink, CsmsRefused, CsmsUnavailable

AGAIN_S = 1.0

Answered = Callable[[Fact | None], None]
Word = Callable[[], ChargingNews]

log = logging.getLogger(__name__)


class ChargingTeller:
    """Keeps what is to be told until the CSMS has answered; something newer takes its place."""

    def __init__(self, csms: CsmsLink) -> None:
        self._csms = csms
        self._waiting: dict[Hashable, tuple[Word, Answered]] = {}
        self._news = asyncio.Event()

    def tell(self, about: Hashable, word: Word, answered: Answered = lambda _fact: None) -> None:
        """Tell something; `answered` hears the answer, None if it states nothing.

        `word` is asked for the event when it is told, which may be much later.
        """
        self._waiting.pop(about, None)
        self._waiting[about] = (word, answered)
        self._news.set()

    def forget(self, about: Hashable) -> None:
        """Tell nothing of this any more."""
        self._waiting.pop(about, None)

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await self._news.wait()
            await self._csms.wait_up()
            if not self._csms.online or not await self._tell_one():
                await asyncio.sleep(AGAIN_S)
            if not self._waiting:
                self._news.clear()

    async def _tell_one(self) -> bool:
        """Tell the oldest; return whether it is done with."""
        about, (word, answered) = next(iter(self._waiting.items()), (None, (None, None)))
        if word is None or answered is None:
            return True
        event = word()
        try:
            fact = await self._csms.ask(event)
        except CsmsUnavailable:
            return False
        except CsmsRefused as refusal:
            log.warning("%s was refused: %s", type(event).__name__, refusal)
            fact = None
        if self._waiting.get(about, (None,))[0] is word:
            self._waiting.pop(about)
        answered(fact)
        return True
