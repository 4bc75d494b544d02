"""The token that waits for its EVSE: handed over whole, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from agent.core.authorization import Presented
from agent.core.events import StoredEvent, TransactionEvent
from agent.core.session import idle_state
from agent.core.session_state import (
    UNDECIDED,
    Arrived,
    LinesChanged,
    SessionPolicy,
    SessionState,
    Stimulus,
)
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    TransactionPhase,
    TxPoint,
)
from agent.services.lobby import Lobby, LobbyPorts
from tests.unit.services.evse_rig import TOKEN, Clock, Csms

BY_TOKEN = SessionPolicy(start_points=frozenset({TxPoint.AUTHORIZED}))
PLUGGED_IN = LinesChanged(plugged_in=True, ev_ready=False, power_path_closed=False)
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)


@dataclass
class Disk:
    """What is committed, by EVSE."""

    states: dict[int, SessionState] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)

    async def record(
        self, state: SessionState | None, events: Sequence[StoredEvent], *, before_effect: bool
    ) -> None:
        assert state is not None
        self.states[state.evse] = state
        self.events += events

    def sessions(self) -> dict[int, SessionState]:
        return self.states

    @property
    def phases(self) -> list[TransactionPhase]:
        return [event.phase for event in self.events if isinstance(event, TransactionEvent)]


@asynccontextmanager
async def lobby(
    disk: Disk, info: IdTokenInfo = ACCEPTED, *, power_was_lost: bool = False
) -> AsyncIterator[Lobby]:
    async def judge(_presented: Presented) -> tuple[IdTokenInfo, AuthorizedBy]:
        return info, AuthorizedBy.CSMS

    async def remember(_event: TransactionEvent, _before: SessionState) -> None:
        return None

    ports = LobbyPorts(disk, Csms(), Clock(), judge, remember)
    waiting = Lobby(ports, BY_TOKEN, disk.states.values(), power_was_lost=power_was_lost)
    running = asyncio.create_task(waiting.run())
    await settle()
    yield waiting
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def with_a_guest(waiting: Lobby) -> None:
    waiting.receive(TOKEN, [1, 2])
    await settle()
    assert waiting.state.transaction is not None


async def seen(waiting: Lobby, evse: SessionState, lines: LinesChanged = PLUGGED_IN) -> Stimulus:
    async with waiting.guest(evse, lines) as stimulus:
        return stimulus


async def test_an_ev_takes_over_what_waits_and_nobody_waits_any_more() -> None:
    disk = Disk()
    async with lobby(disk) as waiting:
        await with_a_guest(waiting)
        transaction = waiting.state.transaction

        arrived = await seen(waiting, idle_state(2))

        assert isinstance(arrived, Arrived)
        assert arrived.transaction == transaction
        assert arrived.authorization.token == TOKEN
        assert disk.states[UNDECIDED] == idle_state(UNDECIDED)
        assert await seen(waiting, idle_state(1)) == PLUGGED_IN


async def test_an_evse_that_fails_to_take_over_leaves_everything_as_it_was() -> None:
    disk = Disk()
    async with lobby(disk) as waiting:
        await with_a_guest(waiting)
        before = waiting.state
        with pytest.raises(LookupError):
            async with waiting.guest(idle_state(2), PLUGGED_IN):
                raise LookupError

        assert waiting.state == before
        assert isinstance(await seen(waiting, idle_state(2)), Arrived)


PLUGGED = EvseSnapshot(plugged_in=True)


@pytest.mark.parametrize(
    ("evse", "lines"),
    [
        (idle_state(3), PLUGGED_IN),
        (idle_state(2, operative=False), PLUGGED_IN),
        (idle_state(2), replace(PLUGGED_IN, plugged_in=False)),
        (idle_state(2), replace(PLUGGED_IN, faults=frozenset({"rcd"}))),
        (replace(idle_state(2), snapshot=replace(PLUGGED, transaction_ended=True)), PLUGGED_IN),
    ],
)
async def test_only_an_ev_at_a_usable_evse_of_the_reader_takes_over(
    evse: SessionState, lines: LinesChanged
) -> None:
    async with lobby(Disk()) as waiting:
        await with_a_guest(waiting)

        assert await seen(waiting, evse, lines) == lines
        assert waiting.state.transaction is not None


@pytest.mark.requirement("C01.FR.21")
async def test_a_token_may_be_good_for_some_evses_only() -> None:
    async with lobby(Disk(), replace(ACCEPTED, evse_ids=(2,))) as waiting:
        await with_a_guest(waiting)

        assert await seen(waiting, idle_state(1)) == PLUGGED_IN
        assert isinstance(await seen(waiting, idle_state(2)), Arrived)


async def test_a_refused_token_does_not_wait() -> None:
    async with lobby(Disk(), IdTokenInfo(AuthorizationStatus.BLOCKED)) as waiting:
        heard: list[set[int]] = []
        waiting.on_refused = lambda served: heard.append(set(served))
        waiting.receive(TOKEN, [1, 2])
        await settle()

        assert waiting.state.authorization is None
        assert waiting.state.pending is None
        assert heard == [{1, 2}]


async def test_one_token_waits_at_a_time() -> None:
    async with lobby(Disk()) as waiting:
        await with_a_guest(waiting)
        waiting.receive(IdToken("0A0B0C0D"), [1, 2])
        await settle()

        assert waiting.holds(TOKEN)
        assert waiting.state.transaction is not None


@pytest.mark.requirement("E01.FR.07", "E01.FR.08")
async def test_a_process_that_ends_while_handing_over_tells_nothing_twice() -> None:
    disk = Disk()
    async with lobby(disk) as waiting:
        await with_a_guest(waiting)
        state = waiting.state
    disk.states[2] = replace(idle_state(2), transaction=state.transaction)

    async with lobby(disk, power_was_lost=True) as waiting:
        assert waiting.state.transaction is None
        assert waiting.state.authorization is None
        assert disk.phases == [TransactionPhase.STARTED]


async def test_a_transaction_that_waited_at_the_end_of_the_process_goes_on() -> None:
    disk = Disk()
    async with lobby(disk) as waiting:
        await with_a_guest(waiting)
        transaction = waiting.state.transaction

    async with lobby(disk) as waiting:
        assert waiting.state.transaction == transaction
        assert waiting.state.deadlines.connect_s is not None
        assert isinstance(await seen(waiting, idle_state(1)), Arrived)


@pytest.mark.requirement("E06.FR.08")
async def test_a_power_cut_ends_a_transaction_that_waited() -> None:
    disk = Disk()
    async with lobby(disk) as waiting:
        await with_a_guest(waiting)

    async with lobby(disk, power_was_lost=True) as waiting:
        assert waiting.state.transaction is None
        assert disk.phases == [TransactionPhase.STARTED, TransactionPhase.ENDED]
