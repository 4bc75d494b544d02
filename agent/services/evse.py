"""One EVSE: a single inbox, the session that judges each stimulus, and what follows from it.

Order of effects for each stimulus: a permission that shrinks goes to the guard at once; state and
events are committed; only then may a permission grow (a brown-out at contactor closing must find
the transaction on the disk); at last the change is published.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace

from agent.core.authorization import Presented
from agent.core.events import EvseChanged
from agent.core.metering import Reading
from agent.core.records import dataclass
from agent.core.session import Session
from agent.core.session_state import (
    Deadlines,
    Elapsed,
    LinesChanged,
    Moment,
    Resumed,
    SessionPolicy,
    SessionState,
    Step,
    Stimulus,
    StopOrdered,
)
from agent.core.vocabulary import IdToken
from agent.ports import Clock, Csms, Journal, MeterSigner
from agent.services.event_signing import signed
from agent.services.judging import Judge, Judging, Observer, Remember
from agent.services.lease import RENEWAL_S, lease_for, withdrawn, withdraws
from agent.services.lines import is_opening, lines_of, lines_without_guard, plugged_in
from agent.services.meter_reader import MeterReader
from agent.services.meter_watch import watch_meter
from agent.services.supervision import INTERNAL_FAULT, Supervision, guarded, with_internal_fault
from hal.api import Fault, GuardGone, GuardLink, GuardStatus, Lease

LOCK_POLL_S = 0.05
OPENING_S = 6.0
"""A fault is told at the latest so long after it came up, whether the contactor is open or not."""
STUCK_S = 5.0
"""A stimulus that takes longer stops the renewal of the lease: the guard then takes over."""

log = logging.getLogger(__name__)


Guest = Callable[[SessionState, Stimulus], AbstractAsyncContextManager[Stimulus]]
"""Lets a token that was presented before its EVSE was known arrive with the EV (see `lobby`)."""


def _as_it_is(_state: SessionState, stimulus: Stimulus) -> AbstractAsyncContextManager[Stimulus]:
    return nullcontext(stimulus)


@dataclass(frozen=True, slots=True)
class EvseDescription:
    """What the configuration says of an EVSE."""

    evse: int
    phases: int = 3
    nominal_voltage_v: int = 230
    max_current_a: int = 32
    lockable: bool = False
    switches_phases: bool = False

    @property
    def rated_power_w(self) -> int:
        """Return the most power that may flow."""
        return self.max_current_a * self.phases * self.nominal_voltage_v


@dataclass(frozen=True, slots=True)
class EvsePorts:
    """Everything that an EVSE's service talks to."""

    guard: GuardLink
    meter: MeterReader
    journal: Journal
    csms: Csms
    clock: Clock
    signer: MeterSigner
    judge: Judge
    remember: Remember
    guest: Guest = _as_it_is


class EvseService:
    """Runs one EVSE.

    Observers hear of every new state after it was committed; `on_master_pass` hears of a token
    that stops every transaction of the station.
    """

    def __init__(
        self,
        description: EvseDescription,
        session: Session,
        ports: EvsePorts,
        *,
        power_was_lost: bool,
    ) -> None:
        self.description = description
        self.observers: list[Observer] = []
        self.on_master_pass: Callable[[IdToken], None] = lambda _token: None
        self._session = session
        self._ports = ports
        self._power_was_lost = power_was_lost
        self._inbox: asyncio.Queue[Stimulus] = asyncio.Queue()
        self._resumed = False
        self._guard_gone: str | None = "the guard has not been heard yet"
        self._status: GuardStatus | None = None
        self._plugged_in = session.state.snapshot.plugged_in
        self._lease = lease_for(session.state, lockable=False)
        self._busy_since_s: float | None = None
        self._judging = Judging(ports.judge, self.post)
        self._idle = asyncio.Event()
        self._instrument_faults: set[Fault] = set()
        self._kept = session.state
        self._supervision = Supervision(description.evse)
        self._again: Stimulus | None = None
        self._untold: asyncio.TimerHandle | None = None
        ports.meter.billing = self._bills

    @property
    def state(self) -> SessionState:
        """The session as last committed."""
        return self._session.state

    @property
    def kept(self) -> SessionState:
        """The session as on the disk; `state` may be ahead of it for as long as a commit takes."""
        return self._kept

    @property
    def guard_status(self) -> GuardStatus | None:
        """What the guard said last."""
        return self._status

    @property
    def last_reading(self) -> Reading:
        """The latest reading of the meter."""
        return self._ports.meter.last

    def obey(self, policy: SessionPolicy) -> None:
        """Follow other rules from now on, also for what was due under the old ones."""
        self._session.policy = policy
        if self._resumed:
            self.post(Elapsed())

    def look_again(self) -> None:
        """Have the present lines judged once more, as something beside them has changed."""
        if self._resumed:
            self.post(self._lines_now())

    def post(self, stimulus: Stimulus) -> None:
        """Put a stimulus into the inbox."""
        self._inbox.put_nowait(stimulus)

    def guard_told(self, news: GuardStatus | GuardGone) -> None:
        """Take in what the guard says; the first word after a start resumes the session."""
        if isinstance(news, GuardGone):
            self._guard_gone = news.reason
            if self._resumed:
                self.post(lines_without_guard(self.state))
            return
        before = None if self._status is None else self._lines(self._status)
        self._status = news
        self._plugged_in = plugged_in(news, before=self._plugged_in)
        changed = before != self._lines(news)
        if not self._resumed:
            self._resumed = True
            self._inbox.put_nowait(Resumed(self._lines(news), self._power_was_lost))
        elif changed or self._guard_gone is not None:
            self.post(self._lines(news))
        self._guard_gone = None

    def instrument_fault(self, fault: Fault, *, on: bool) -> None:
        """Take note that an instrument of this EVSE is lost or back."""
        before = frozenset(self._instrument_faults)
        (self._instrument_faults.add if on else self._instrument_faults.discard)(fault)
        if before != self._instrument_faults and self._resumed and self._status is not None:
            self.post(self._lines(self._status))

    def start_afresh(self) -> None:
        """Forget failures of software and instruments; what persists is found again at once."""
        self._supervision = Supervision(self.description.evse)
        self._instrument_faults.clear()
        if self._resumed:
            self.post(self._lines_now())

    async def run(self) -> None:
        """Work through the inbox for ever; renew the lease and watch the meter meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew_lease())
            tasks.create_task(
                watch_meter(
                    self._ports.meter,
                    self._ports.clock,
                    self.description.rated_power_w,
                    lambda: self._status,
                    self.instrument_fault,
                )
            )
            tasks.create_task(self._work())

    async def settled(self, timeout_s: float) -> bool:
        """Wait until no transaction is running; return whether that came true in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.state.transaction is not None:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def lock_released(self, timeout_s: float) -> bool:
        """Wait until the retention lock reads back as released."""
        for _ in range(int(timeout_s / LOCK_POLL_S)):
            if self._status is not None and self._status.lock_engaged is False:
                return True
            await asyncio.sleep(LOCK_POLL_S)
        return False

    # --- The inbox.

    async def _work(self) -> None:
        while True:
            stimulus = await self._next()
            self._busy_since_s = self._ports.clock.monotonic_s()
            try:
                await self._take_supervised(stimulus)
            finally:
                self._busy_since_s = None
            if self._supervision.pause_s:
                await asyncio.sleep(self._supervision.pause_s)

    async def _take_supervised(self, stimulus: Stimulus) -> None:
        """Let a bug neither end the daemon nor keep energy flowing that nobody controls."""
        try:
            await self._take(stimulus)
        except Exception as error:  # noqa: BLE001 - whatever a bug raises; it is logged in full
            self._supervision.failed(stimulus, error)
            self._session.restore(self._kept)
            if self._supervision.distrusts:
                await self._suspend()
            self._look_again(stimulus)
        else:
            if self._supervision.worked():
                self._look_again(stimulus)

    async def _suspend(self) -> None:
        """Stop the energy until a stimulus can be dealt with again, and say so."""
        await self._grant(withdrawn(self._lease))
        before, after = self._kept, with_internal_fault(self._kept)
        self._kept = after
        self._session.restore(after)
        if before.snapshot != after.snapshot:
            self._publish(before, after)

    def _look_again(self, stimulus: Stimulus) -> None:
        """Have the present lines judged: a plug or a fault that was missed must not stay unseen.

        What must not be given up is tried again before anything else.
        """
        if isinstance(stimulus, Resumed | StopOrdered) and self._supervision.pause_s:
            self._again = stimulus
        elif self._resumed and self._inbox.empty():
            self.post(self._lines_now())

    async def _next(self) -> Stimulus:
        if self._again is not None:
            stimulus, self._again = self._again, None
            return stimulus
        due_s = self.state.deadlines.earliest_s()
        if self._energy_is_bounded():
            due_s = min(due_s or float("inf"), self._ports.clock.monotonic_s() + 1.0)
        wait_s = None if due_s is None else max(0.0, due_s - self._ports.clock.monotonic_s())
        try:
            async with asyncio.timeout(wait_s):
                return await self._inbox.get()
        except TimeoutError:
            return Elapsed()

    def _energy_is_bounded(self) -> bool:
        transaction = self.state.transaction
        bounded = transaction is not None and transaction.energy_until_wh is not None
        return bounded and transaction is not None and not transaction.energy_cut

    async def _take(self, stimulus: Stimulus) -> None:
        async with self._ports.guest(self.state, stimulus) as arrival:
            await self._obey(arrival)

    async def _obey(self, stimulus: Stimulus) -> None:
        before, lease_before = self.state, self._lease
        step = self._session.handle(stimulus, await self._moment())
        lease = lease_for(self.state, lockable=self.description.lockable)
        if withdraws(lease, lease_before):
            await self._grant(lease)
        signer = self._ports.signer
        events = [await signed(event, before, self._session, signer) for event in step.events]
        for event in events:
            await self._ports.remember(event, before)
        if events or _worth_keeping(before) != _worth_keeping(self.state):
            await self._ports.journal.record(self.state, events, before_effect=True)
        self._kept = self.state
        await self._grant(lease)
        self._follow_up(before, step)

    def _bills(self) -> bool:
        return self.state.transaction is not None or self.state.snapshot.power_path_closed

    async def _moment(self) -> Moment:
        reading = await self._ports.meter.read()
        clock = self._ports.clock
        return Moment(
            at=clock.now(),
            now_s=clock.monotonic_s(),
            reading=reading,
            fresh_id=str(uuid.uuid4()),
            online=self._ports.csms.online,
            phases=self.description.phases,
            nominal_voltage_v=self.description.nominal_voltage_v,
        )

    def _follow_up(self, before: SessionState, step: Step) -> None:
        after = self.state
        if is_opening(after.snapshot):
            self._publish_later()
        elif before.snapshot != after.snapshot or self._untold is not None:
            self._publish(before, after)
        if step.judge is not None:
            self._judging.begin(self._presented(step.judge, step.contract))
        if step.master_pass is not None:
            self.on_master_pass(step.master_pass)
        if after.transaction is None:
            self._idle.set()
        for observer in self.observers:
            guarded(observer, before, after)

    def _publish_later(self) -> None:
        """Tell of a fault when the contactor has opened, or when it should have for long."""
        if self._untold is None:
            loop, state = asyncio.get_running_loop(), self.state
            self._untold = loop.call_later(OPENING_S, lambda: self._publish(state, self.state))

    def _publish(self, before: SessionState, after: SessionState) -> None:
        if self._untold is not None:
            self._untold.cancel()
            self._untold = None
        change = EvseChanged(
            at=self._ports.clock.now(),
            evse=after.evse,
            before=before.snapshot,
            after=after.snapshot,
        )
        self._ports.csms.publish(change)

    def _presented(self, token: IdToken, contract: str | None) -> Presented:
        holder = self.state.authorization
        group = None if holder is None else holder.group
        return Presented(token, self.description.evse, group, contract)

    # --- The guard.

    async def _grant(self, lease: Lease) -> None:
        if self._resumed:
            await self._ports.guard.grant(lease)
            self._lease = lease

    async def _renew_lease(self) -> None:
        """Keep the guard's trust, but only while the inbox is being worked through."""
        while True:
            await asyncio.sleep(RENEWAL_S)
            busy_s = self._busy_since_s
            stuck = busy_s is not None and self._ports.clock.monotonic_s() - busy_s > STUCK_S
            if self._resumed and not stuck:
                await self._ports.guard.grant(self._lease)

    def _lines(self, status: GuardStatus) -> LinesChanged:
        internal = {INTERNAL_FAULT} if self._supervision.distrusts else set()
        faults = {fault.value for fault in self._instrument_faults} | internal
        return lines_of(status, faults, plugged_in=self._plugged_in)

    def _lines_now(self) -> LinesChanged:
        if self._guard_gone is not None or self._status is None:
            return lines_without_guard(self.state)
        return self._lines(self._status)


def _worth_keeping(state: SessionState) -> SessionState:
    """Return the state without what a restart forgets anyway."""
    return replace(state, deadlines=Deadlines(), rest=None, pending=None)
