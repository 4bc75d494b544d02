"""Listening to several readers: one that is lost is the fault of its own EVSEs alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from agent.core.session import idle_state
from agent.core.session_state import SessionState, Stimulus, TokenPresented
from agent.services import tokens
from agent.services.enrolment import EnrolmentService
from agent.services.evse import EvseService
from agent.services.lobby import Lobby
from agent.services.reader_watch import ReaderState, ReaderWatch
from agent.services.tokens import TokenService
from hal.api import Fault, HardwareLost, Presentation


class Evse:
    """An EVSE as far as readers concern it."""

    def __init__(self, number: int) -> None:
        self.state: SessionState = idle_state(number)
        self.faults: set[Fault] = set()
        self.heard: list[Stimulus] = []

    def instrument_fault(self, fault: Fault, *, on: bool, sentence: str = "") -> None:
        (self.faults.add if on else self.faults.discard)(fault)

    def post(self, stimulus: Stimulus) -> None:
        self.heard.append(stimulus)


class Reader:
    """A token reader at its port; `fault` is why it cannot be used."""

    token_type = "ISO14443"

    def __init__(self, *evses: int) -> None:
        self.evses = evses
        self.fault: str | None = None
        self.attempts = 0
        self._held: asyncio.Queue[str | None] = asyncio.Queue()

    async def reach(self) -> None:
        self.attempts += 1
        if self.fault is not None:
            raise HardwareLost(self.fault)

    async def presentations(self) -> AsyncIterator[Presentation]:
        while (token := await self._held.get()) is not None:
            yield Presentation(token, "ISO14443", self.evses)
        raise HardwareLost(str(self.fault))

    async def close(self) -> None:
        return None

    def hold(self, token: str) -> None:
        self._held.put_nowait(token)

    def breaks(self, fault: str) -> None:
        self.fault = fault
        self._held.put_nowait(None)


class Nobody:
    """Nobody enrols cards, nobody waits in the lobby."""

    def takes(self, _: Presentation) -> bool:
        return False

    def holds(self, _: object) -> bool:
        return False


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "FIRST_RETRY_S", 0.002)
    monkeypatch.setattr(tokens, "LONGEST_RETRY_S", 0.008)


@asynccontextmanager
async def listening(evses: Iterable[Evse], readers: list[Reader]) -> AsyncIterator[ReaderWatch]:
    known = {evse.state.evse: cast(EvseService, evse) for evse in evses}
    watch = ReaderWatch(readers, asyncio.get_running_loop().time)
    nobody: Any = Nobody()
    service = TokenService(
        known, cast(Lobby, nobody), readers, cast(EnrolmentService, nobody), watch
    )
    running = asyncio.create_task(service.run())
    yield watch
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("waited in vain")


async def test_a_lost_reader_is_the_fault_of_the_evses_that_it_serves() -> None:
    evses, readers = [Evse(1), Evse(2), Evse(3)], [Reader(1, 2), Reader(3)]
    async with listening(evses, readers) as watch:
        readers[0].breaks("there is no /dev/a")
        await until(lambda: evses[1].faults)
        readers[1].hold("04A1B2C3")
        await until(lambda: evses[2].heard)
        assert [evse.faults for evse in evses] == [{Fault.READER_LOST}, {Fault.READER_LOST}, set()]
        assert isinstance(evses[2].heard[0], TokenPresented)
        assert watch.loss_at(2) == "there is no /dev/a"
        assert watch.loss_at(3) == watch.loss_at(9) == ""


async def test_a_reader_that_works_again_is_no_fault_before_its_next_card() -> None:
    evse, reader = Evse(1), Reader(1)
    async with listening([evse], [reader]) as watch:
        reader.breaks("unplugged")
        await until(lambda: evse.faults)
        reader.fault = None
        await until(lambda: not evse.faults)
        assert watch.states == (ReaderState((1,), ""),)


async def test_the_reason_of_a_loss_is_logged_once_and_again_when_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader(1)
    reader.fault = "there is no /dev/a"
    async with listening([Evse(1)], [reader]):
        await until(lambda: reader.attempts > 10)
        reader.fault = "another program holds /dev/a"
        await until(lambda: len(caplog.messages) > 1)
    assert caplog.messages == [
        "a token reader is lost: there is no /dev/a",
        "a token reader is lost: another program holds /dev/a",
    ]


async def test_a_fault_that_a_reset_has_cleared_comes_back_while_the_reader_is_lost() -> None:
    evse, reader = Evse(1), Reader(1)
    reader.fault = "there is no /dev/a"
    async with listening([evse], [reader]):
        await until(lambda: evse.faults)
        evse.faults.clear()
        await until(lambda: evse.faults)
