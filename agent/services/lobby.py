"""Where a token waits whose EVSE is not known yet: presented first, at a reader of several EVSEs.

The wait is a session of its own, without lines, meter or guard, under the number `UNDECIDED`. It
may start a transaction (TxStartPoint Authorized) and may end it (EVConnectionTimeOut). The EVSE at
which an EV is plugged in next takes authorization and transaction over (E03, E01.FR.17).
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

from agent.core.admission import starts_by_token
from agent.core.authorization import Presented
from agent.core.metering import Reading
from agent.core.records import dataclass
from agent.core.reservation import admits
from agent.core.session import Session, idle_state
from agent.core.session_state import (
    UNDECIDED,
    Arrived,
    Elapsed,
    LinesChanged,
    Moment,
    Resumed,
    SessionPolicy,
    SessionState,
    Step,
    Stimulus,
    TokenPresented,
    worth_keeping,
)
from agent.core.vocabulary import IdToken
from agent.ports import Clock, Csms, Journal
from agent.services.judging import Judge, Judging, Observer, Remember
from agent.services.supervision import guarded

log = logging.getLogger(__name__)

_NOTHING_CONNECTED = LinesChanged(plugged_in=False, ev_ready=False, power_path_closed=False)
_NO_METER = Reading(Decimal(0))


@dataclass(frozen=True, slots=True)
class LobbyPorts:
    """Everything that the lobby talks to."""

    journal: Journal
    csms: Csms
    clock: Clock
    judge: Judge
    remember: Remember


class Lobby:
    """Holds one token at a time; `sessions` are those of the EVSEs at the last restart.

    `on_refused` hears of a refused token, with the EVSEs that its reader serves.
    """

    def __init__(
        self,
        ports: LobbyPorts,
        policy: SessionPolicy,
        sessions: Iterable[SessionState],
        *,
        power_was_lost: bool,
    ) -> None:
        self.observers: list[Observer] = []
        self.on_master_pass: Callable[[IdToken], None] = lambda _token: None
        self.on_refused: Callable[[Iterable[int]], None] = lambda _served: None
        self._ports = ports
        self._session = Session(_restored(sessions), policy)
        self._kept = self._session.state
        self._served: frozenset[int] = frozenset()
        self._lock = asyncio.Lock()
        self._idle = asyncio.Event()
        self._judging = Judging(ports.judge, self.post)
        self._inbox: asyncio.Queue[Stimulus] = asyncio.Queue()
        self._inbox.put_nowait(Resumed(_NOTHING_CONNECTED, power_was_lost))

    @property
    def state(self) -> SessionState:
        """The session without EVSE."""
        return self._session.state

    @property
    def kept(self) -> SessionState:
        """The session as on the disk."""
        return self._kept

    def obey(self, policy: SessionPolicy) -> None:
        """Follow other rules from now on."""
        self._session.policy = policy
        self.post(Elapsed())

    def post(self, stimulus: Stimulus) -> None:
        """Put a stimulus into the inbox."""
        self._inbox.put_nowait(stimulus)

    def holds(self, token: IdToken) -> bool:
        """Tell whether this is the token that waits here."""
        waiting = self.state.authorization or self.state.pending
        return waiting is not None and waiting.token.same_as(token)

    def receive(self, token: IdToken, served: Iterable[int]) -> None:
        """Let a token wait for an EV at one of these EVSEs, unless another one waits already."""
        taken = self.state.authorization is not None or self.state.pending is not None
        if taken and not self.holds(token):
            log.info("a token is refused: another one is still waiting for its EVSE")
            self.on_refused(served)
            return
        self._served = frozenset(served)
        self.post(TokenPresented(token))

    async def run(self) -> None:
        """Work through the inbox for ever."""
        while True:
            stimulus = await self._next()
            try:
                async with self._lock:
                    await self._take(stimulus)
            except Exception:
                log.exception("the token that waits for its EVSE could not be dealt with")
                self._session.restore(self._kept)

    async def settled(self, timeout_s: float) -> bool:
        """Wait until no transaction is waiting here; return whether that came true in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.state.transaction is not None:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def guest(self, evse: SessionState, stimulus: Stimulus) -> AsyncIterator[Stimulus]:
        """Yield the stimulus of an EVSE, as an arrival if the token that waits is for its EV.

        Once the EVSE has committed what it made of it, nobody waits here any more; if it fails,
        everything is as before.
        """
        if not (isinstance(stimulus, LinesChanged) and self._is_awaited(evse, stimulus)):
            yield stimulus
            return
        async with self._lock:
            waiting = self.state.authorization
            if waiting is None:
                yield stimulus
                return
            self._session.learn(self._ports.clock.learned)
            yield Arrived(stimulus, waiting, self.state.transaction)
            await self._commit(idle_state(UNDECIDED))

    def _is_awaited(self, evse: SessionState, lines: LinesChanged) -> bool:
        """Tell whether the EV of an EVSE may be the one of the waiting token."""
        waiting, was = self.state.authorization, evse.snapshot
        if waiting is None or not lines.plugged_in or was.transaction_ended:
            return False
        taken = evse.authorization or evse.pending or evse.cable_keeper
        two = evse.transaction is not None and self.state.transaction is not None
        usable = was.operative and not was.faulted and not lines.faults
        here = evse.evse in (self._served or {evse.evse})
        allowed = not waiting.evses or evse.evse in waiting.evses
        allowed = allowed and admits(evse.hold, waiting.token, waiting.group)
        return usable and here and allowed and not taken and not two

    # --- The inbox.

    async def _next(self) -> Stimulus:
        due_s = self.state.deadlines.earliest_s()
        wait_s = None if due_s is None else max(0.0, due_s - self._ports.clock.monotonic_s())
        try:
            async with asyncio.timeout(wait_s):
                return await self._inbox.get()
        except TimeoutError:
            return Elapsed()

    async def _take(self, stimulus: Stimulus) -> None:
        before = self.state
        step = self._session.handle(stimulus, self._moment())
        for event in step.events:
            await self._ports.remember(event, before)
        await self._commit(self.state, step)

    async def _commit(self, state: SessionState, step: Step | None = None) -> None:
        before, events = self._kept, () if step is None else step.events
        if events or worth_keeping(before) != worth_keeping(state):
            await self._ports.journal.record(state, events, before_effect=True)
        self._session.restore(state)
        self._kept = state
        if step is not None and step.judge is not None:
            self._judging.begin(Presented(step.judge, UNDECIDED, starts=starts_by_token(state)))
        if step is not None and step.refused is not None:
            self.on_refused(self._served)
        if step is not None and step.master_pass is not None:
            self.on_master_pass(step.master_pass)
        if state.transaction is None:
            self._idle.set()
        for observer in self.observers:
            guarded(observer, before, state)

    def _moment(self) -> Moment:
        clock = self._ports.clock
        return Moment(
            at=clock.now(),
            now_s=clock.monotonic_s(),
            reading=_NO_METER,
            fresh_id=str(uuid.uuid4()),
            online=self._ports.csms.online,
            learned=clock.learned,
        )


def _restored(sessions: Iterable[SessionState]) -> SessionState:
    """Return who waited, unless an EVSE had taken over before the end of the process."""
    known = {state.evse: state for state in sessions}
    waiting = known.pop(UNDECIDED, None)
    running = {state.transaction.id for state in known.values() if state.transaction is not None}
    if waiting is None or waiting.transaction is None or waiting.transaction.id in running:
        return idle_state(UNDECIDED)
    return waiting
