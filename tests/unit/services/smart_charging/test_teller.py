"""What the CSMS must hear of smart charging: once, in order, the latest of each kind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.core.facts import Fact
from agent.core.smart_charging.news import DynamicUpdateAsked, DynamicUpdateTold
from agent.ports import CsmsRefused, CsmsUnavailable
from agent.services.smart_charging.teller import ChargingTeller

ANSWER = DynamicUpdateTold(None)


@dataclass
class Csms:
    """Answers each question with the next outcome, and the last one again and again."""

    outcomes: list[Fact | Exception] = field(default_factory=lambda: [ANSWER])
    takes_s: float = 0.0
    asked: list[int] = field(default_factory=list)
    up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def online(self) -> bool:
        return self.up.is_set()

    async def wait_up(self) -> None:
        await self.up.wait()

    async def ask(self, event: DynamicUpdateAsked, *, asked_for: bool = False) -> Fact:
        self.asked.append(event.profile_id)
        await asyncio.sleep(self.takes_s)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@asynccontextmanager
async def telling(csms: Csms, *, online: bool = True) -> AsyncIterator[ChargingTeller]:
    if online:
        csms.up.set()
    teller = ChargingTeller(csms)  # type: ignore[arg-type] # has all that is used
    task = asyncio.create_task(teller.run())
    try:
        yield teller
        await asyncio.sleep(30)
    finally:
        task.cancel()


def word(number: int) -> Callable[[], DynamicUpdateAsked]:
    return lambda: DynamicUpdateAsked(profile_id=number)


async def test_news_are_told_in_their_order_and_the_answer_is_heard() -> None:
    csms, heard = Csms(), list[Any]()
    async with telling(csms) as teller:
        teller.tell("one", word(1), heard.append)
        teller.tell("other", word(2))
    assert csms.asked == [1, 2]
    assert heard == [ANSWER]


async def test_something_newer_takes_the_place_of_what_was_not_told_yet() -> None:
    csms = Csms()
    async with telling(csms, online=False) as teller:
        teller.tell("one", word(1))
        teller.tell("other", word(2))
        teller.tell("one", word(3))
        await asyncio.sleep(10)
        assert csms.asked == []
        csms.up.set()
    assert csms.asked == [2, 3]


async def test_something_newer_is_told_also_if_the_older_is_just_being_told() -> None:
    csms = Csms(takes_s=2.0)
    async with telling(csms) as teller:
        teller.tell("one", word(1))
        await asyncio.sleep(1)
        teller.tell("one", word(2))
    assert csms.asked == [1, 2]


async def test_what_could_not_be_told_is_told_again_and_what_is_refused_is_not() -> None:
    csms = Csms([CsmsUnavailable("gone"), CsmsRefused("NotSupported", "no"), ANSWER])
    heard: list[Fact | None] = []
    async with telling(csms) as teller:
        teller.tell("one", word(1), heard.append)
    assert csms.asked == [1, 1]
    assert heard == [None]


async def test_what_is_forgotten_is_not_told() -> None:
    csms = Csms()
    async with telling(csms, online=False) as teller:
        teller.tell("one", word(1))
        teller.forget("one")
        csms.up.set()
    assert csms.asked == []
