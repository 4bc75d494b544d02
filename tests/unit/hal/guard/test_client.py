"""The services' end of the link, against a guard in a thread."""

import asyncio
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.api import GuardGone, GuardLink, GuardStatus, Lease, LeaseState, PilotMode
from hal.guard import client as client_module
from hal.guard import endpoint
from hal.guard.client import GuardClient
from hal.guard.loop import Timing
from hal.guard.protocol import (
    FRAME_BYTES,
    Bye,
    Farewell,
    FrameError,
    Hello,
    Message,
    Role,
    decode,
    encode,
)
from tests.unit.hal.guard.running import Running

QUICK = Timing(tick_s=0.005)
LIVE = Lease(1, PilotMode.STANDBY)
STATUS = GuardStatus(1, "A", 1.0, 0.0, False, False, LeaseState.NONE)  # type: ignore[arg-type]


@asynccontextmanager
async def guard_at(path: Path) -> AsyncIterator[Running]:
    guard = Running(path, QUICK)
    guard.thread.start()
    try:
        yield guard
    finally:
        await asyncio.to_thread(guard.close)


async def following(events: AsyncIterator[GuardStatus | GuardGone]) -> GuardStatus | GuardGone:
    return await asyncio.wait_for(anext(events), 5.0)


async def test_a_client_hears_the_status_and_its_lease_is_obeyed(tmp_path: Path) -> None:
    async with guard_at(tmp_path / "s") as guard, GuardClient(guard.path) as client:
        link: GuardLink = client
        events = link.statuses()
        status = await following(events)
        assert isinstance(status, GuardStatus)
        assert status.lease is LeaseState.NONE
        await link.grant(LIVE)
        while not (isinstance(status, GuardStatus) and status.lease is LeaseState.LIVE):
            status = await following(events)
        assert client.connected


async def test_every_consumer_gets_every_change(tmp_path: Path) -> None:
    async with guard_at(tmp_path / "s") as guard, GuardClient(guard.path) as client:
        early = client.statuses()
        assert isinstance(await following(early), GuardStatus)
        late = client.statuses()
        assert isinstance(await following(late), GuardStatus), "what is known is told at once"
        await client.grant(LIVE)
        for events in (early, late):
            status = await following(events)
            while not (isinstance(status, GuardStatus) and status.lease is LeaseState.LIVE):
                status = await following(events)


async def test_the_client_itself_renews_nothing(tmp_path: Path) -> None:
    async with guard_at(tmp_path / "s") as guard, GuardClient(guard.path) as client:
        events = client.statuses()
        await following(events)
        await client.grant(Lease(1, PilotMode.STANDBY, valid_s=0.05))
        seen = set()
        while LeaseState.FALLBACK not in seen:
            status = await following(events)
            assert isinstance(status, GuardStatus)
            seen.add(status.lease)


async def test_a_guard_that_leaves_and_returns_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with GuardClient(path) as client:
        events = client.statuses()
        gone = await following(events)
        assert isinstance(gone, GuardGone)
        assert "No such file" in gone.reason
        async with guard_at(path):
            assert isinstance(await following(events), GuardStatus)
        gone = await following(events)
        while isinstance(gone, GuardStatus):
            gone = await following(events)
        assert gone == GuardGone("the guard is shutting down")
        await client.grant(LIVE)
        async with guard_at(path):
            assert isinstance(await following(events), GuardStatus)


async def test_an_unlock_is_sent(tmp_path: Path) -> None:
    async with guard_at(tmp_path / "s") as guard, GuardClient(guard.path) as client:
        asked: queue.Queue[int] = queue.Queue()
        guard.station.request_unlock = asked.put  # type: ignore[method-assign]
        await following(client.statuses())
        await client.unlock(1)
        assert await asyncio.to_thread(asked.get, timeout=5.0) == 1


async def test_closing_ends_every_iteration(tmp_path: Path) -> None:
    client = GuardClient(tmp_path / "s")
    client.start()
    client.start()
    events = client.statuses()
    assert isinstance(await following(events), GuardGone)
    await client.close()
    with pytest.raises(StopAsyncIteration):
        await following(events)
    await client.close()


async def test_a_lease_that_no_guard_accepts_is_an_error(tmp_path: Path) -> None:
    client = GuardClient(tmp_path / "s")
    with pytest.raises(FrameError):
        await client.grant(Lease(1, PilotMode.OFFER, float("nan")))


async def test_a_consumer_that_sleeps_loses_the_oldest_events(tmp_path: Path) -> None:
    client = GuardClient(tmp_path / "s")
    events = client.statuses()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for number in range(client_module.LONGEST_BACKLOG + 10):
        client._publish(GuardGone(str(number)))
    assert await first == GuardGone("10")
    await client.close()


class Impostor:
    """A listener that answers hello with whatever it is told to."""

    def __init__(self, path: Path) -> None:
        self.listener = endpoint.listen(path)

    async def answer(self, *frames: bytes) -> Message:
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(self.listener), 5.0)
        with connection:
            hello, _ = decode(await loop.sock_recv(connection, FRAME_BYTES))
            for frame in frames:
                connection.send(frame)
            await loop.sock_recv(connection, FRAME_BYTES)
        return hello

    def close(self) -> None:
        self.listener.close()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"nonsense"], "wrong frame: 8 bytes"),
        ([encode(Hello(Role.GUARD, 1), 2), encode(STATUS, 1)], "wrong frame: sequence"),
        ([encode(Bye(Farewell.SUPERSEDED), 1)], "another process took over"),
        ([encode(Bye(Farewell.REFUSED), 1)], "refused this process"),
        ([encode(LIVE, 1)], "silent for"),
        ([], "silent for"),
    ],
)
async def test_a_guard_that_misbehaves_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: list[bytes], reason: str
) -> None:
    monkeypatch.setattr(client_module, "SILENCE_S", 0.1)
    impostor = Impostor(tmp_path / "s")
    async with GuardClient(tmp_path / "s") as client:
        events = client.statuses()
        hello = await impostor.answer(*frames)
        assert isinstance(hello, Hello)
        assert hello.role is Role.SERVICES
        gone = await following(events)
        while isinstance(gone, GuardStatus):
            gone = await following(events)
        assert reason in gone.reason
    impostor.close()


async def test_a_full_buffer_does_not_stop_the_services(tmp_path: Path) -> None:
    impostor = Impostor(tmp_path / "s")
    async with GuardClient(tmp_path / "s") as client:
        loop = asyncio.get_running_loop()
        connection, _ = await loop.sock_accept(impostor.listener)
        with connection:
            connection.send(encode(Hello(Role.GUARD, 1), 1))
            connection.send(encode(STATUS, 2))
            assert await following(client.statuses()) == STATUS
            assert client.connected
            for _ in range(5000):
                await client.grant(LIVE)
    impostor.close()
