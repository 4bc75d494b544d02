"""One EVSE: a single inbox, the session that judges each stimulus, and what follows from it.

Order of effects for each stimulus: a permission that shrinks goes to the guard at once; state and
events are committed; only then may a permission grow (a brown-out at contactor closing must find
the transaction on the disk); at last the change is published.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping

from agent.core.admission import starts_by_token
from agent.core.authorization import Presented
from agent.core.events import StoredEvent, TransactionEvent
from agent.core.fault_taxonomy import INTERNAL
from agent.core.limits import LimitSource
from agent.core.metering import Reading
from agent.core.plug_ins import unplugged
from agent.core.refusals import Refusal, refusal
from agent.core.session import Session
from agent.core.session_state import (
    CeilingChanged,
    Elapsed,
    LimitChanged,
    LinesChanged,
    Moment,
    Resumed,
    SessionPolicy,
    SessionState,
    Step,
    Stimulus,
    worth_keeping,
)
from agent.core.vocabulary import IdToken
from agent.services.allowance import Allowance
from agent.services.back_dating import known_by_now
from agent.services.event_signing import signed
from agent.services.evse_ports import EvseDescription, EvsePorts
from agent.services.guard_view import GuardView
from agent.services.judging import Judging, Observer
from agent.services.lease import RENEWAL_S, lease_for, withdrawn, withdraws
from agent.services.meter_watch import MeterWatch, watch_meter
from agent.services.publication import Publication
from agent.services.supervision import NEVER_GIVEN_UP, Supervision, guarded, with_internal_fault
from agent.services.troubles import Troubles
from hal.api import Fault, GuardGone, GuardStatus, Lease

LOCK_POLL_S = 0.05
STUCK_S = 5.0
"""A stimulus that takes longer stops the renewal of the lease: the guard then takes over."""

log = logging.getLogger(__name__)


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
        self._power_was_lost = self._of_earlier_boot = power_was_lost
        self._inbox: asyncio.Queue[Stimulus] = asyncio.Queue()
        self._resumed = False
        self._guard = GuardView(plugged_in=session.state.snapshot.plugged_in)
        self._lease = lease_for(session.state, lockable=False, phases=description.phases)
        self._busy_since_s: float | None = None
        self._judging = Judging(ports.judge, self.post)
        self._idle = asyncio.Event()
        self._troubles = Troubles()
        self.light_trouble = ""  # why the status light is dark: told to people, but no fault
        self._allowance = Allowance(description.max_current_a)
        self._refusal: Refusal | None = None
        self._kept = session.state
        self._supervision = Supervision(description.evse)
        self._again: Stimulus | None = None
        self._publication = Publication(ports.clock, ports.csms, lambda: self.state)
        self._troubles.note(Fault.OVER_CURRENT, on=self._was_over())
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
        return self._guard.status

    @property
    def last_reading(self) -> Reading:
        """The latest reading of the meter."""
        return self._ports.meter.last

    @property
    def phases(self) -> int:
        """The phases on which the EV can charge now."""
        return self.description.phases_of(self._guard.status)

    @property
    def phase(self) -> int | None:
        """Which phase that is, if it is one of choice."""
        return self.description.phase_of(self._guard.status)

    @property
    def limits(self) -> tuple[LimitSource, ...]:
        """Every limit of the current that the agent knows."""
        return self._allowance.sources(self.state.limit_a)

    @property
    def troubles(self) -> Mapping[str, str]:
        """The faults that the agent has found, each with what was said of it."""
        internal = {INTERNAL: ""} if self._supervision.distrusts else {}
        return {**self._troubles.sentences, **self._guard.troubles, **internal}

    @property
    def refusal(self) -> Refusal | None:
        """The last token that was refused since somebody was let in."""
        return self._refusal

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
        if isinstance(stimulus, LimitChanged):
            self._allowance.source = stimulus.source
        self._inbox.put_nowait(stimulus)

    def set_ceiling(self, owner: str, ceiling: LimitSource | None) -> None:
        """Let nothing above a limit be offered, or lift it again; each owner has one."""
        if self._allowance.set_ceiling(owner, ceiling):
            self.post(CeilingChanged(self._allowance.ceiling_a))

    def guard_told(self, news: GuardStatus | GuardGone) -> None:
        """Take in what the guard says; the first word after a start resumes the session."""
        lines = self._guard.take(news, self.state, self._faults())
        if lines is None:
            return
        if self._resumed:
            self.post(lines)
        elif self._guard.gone is None:
            self._resumed = True
            self._inbox.put_nowait(Resumed(lines, self._power_was_lost))

    def instrument_fault(self, fault: str, *, on: bool, sentence: str = "") -> None:
        """Take note that an instrument of this EVSE is lost or back, in its driver's words."""
        news = self._troubles.note(fault, on=on, sentence=sentence)
        if news and self._resumed:
            self.post(self._lines_now())

    def start_afresh(self) -> None:
        """Forget failures of software and instruments; what persists is found again at once."""
        self._supervision = Supervision(self.description.evse)
        self._troubles.forget()
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
                    MeterWatch(self.description, over_current=self._was_over()),
                    lambda: self._guard.status,
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
            status = self._guard.status
            if status is not None and status.lock_engaged is False:
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
            self._publication.publish(before, after)

    def _look_again(self, stimulus: Stimulus) -> None:
        """Have the present lines judged: a plug or a fault that was missed must not stay unseen.

        What must not be given up is tried again before anything else.
        """
        if isinstance(stimulus, NEVER_GIVEN_UP) and self._supervision.pause_s:
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
        moment = await self._moment()
        step = self._session.handle(stimulus, moment)
        lease = self._wanted_lease()
        if withdraws(lease, lease_before):
            await self._grant(lease)
        events = await self._signed(step.events, before)
        for event in events:
            await self._ports.remember(event, before)
        told: tuple[StoredEvent, ...] = tuple(events)
        if self._session.policy.tells_unplugged:
            told += unplugged(before, self.state, moment.at)
        if told or worth_keeping(before) != worth_keeping(self.state):
            told = known_by_now(told, moment, self._ports.clock)
            await self._ports.journal.record(self.state, told, before_effect=True)
        self._kept = self.state
        self._of_earlier_boot = self._of_earlier_boot and not isinstance(stimulus, Resumed)
        await self._grant(lease)
        self._note_refusal(before, stimulus, step)
        self._follow_up(before, step)

    def _wanted_lease(self) -> Lease:
        of, state = self.description, self.state
        phases, phase = of.phases_for(state), of.phase_for(state)
        return lease_for(state, lockable=of.lockable, phases=phases, phase=phase)

    async def _signed(
        self, events: tuple[TransactionEvent, ...], before: SessionState
    ) -> list[TransactionEvent]:
        """Have the registers of events signed; a meter that signs may take its time.

        While no energy can flow that is no reason to let the guard take over.
        """
        if not self.state.snapshot.power_path_closed:
            self._busy_since_s = None
        signer = self._ports.signer
        told = [await signed(event, before, self._session, signer) for event in events]
        self._busy_since_s = self._ports.clock.monotonic_s()
        return told

    def _note_refusal(self, before: SessionState, stimulus: Stimulus, step: Step) -> None:
        if step.refused is not None:
            self._refusal = refusal(before, stimulus, step.refused)
        elif self.state.authorization is not None:
            self._refusal = None

    def _was_over(self) -> bool:
        """Tell whether an EV is still there that drew too much before a restart."""
        return Fault.OVER_CURRENT in self.state.snapshot.faults

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
            phases=self.phases,
            nominal_voltage_v=self.description.nominal_voltage_v,
            # What the machine's earlier run has left is nothing to be dated anew.
            learned=None if self._of_earlier_boot else clock.learned,
        )

    def _follow_up(self, before: SessionState, step: Step) -> None:
        after = self.state
        self._publication.follow(before, after)
        if step.judge is not None:
            self._judging.begin(self._presented(step.judge, step.contract))
        if step.master_pass is not None:
            self.on_master_pass(step.master_pass)
        if after.transaction is None:
            self._idle.set()
        for observer in self.observers:
            guarded(observer, before, after)

    def _presented(self, token: IdToken, contract: str | None) -> Presented:
        group = None if (holder := self.state.authorization) is None else holder.group
        here, starts = self.description.evse, starts_by_token(self.state)
        return Presented(token, here, group, contract, starts)

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

    def _lines_now(self) -> LinesChanged:
        return self._guard.lines(self.state, self._faults())

    def _faults(self) -> frozenset[str]:
        internal = {INTERNAL} if self._supervision.distrusts else set()
        return frozenset(internal | self._troubles.sentences.keys())
