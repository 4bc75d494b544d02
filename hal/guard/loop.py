"""The guard's one loop: wait for an edge, a frame or the tick; then sample, decide and drive.

Nothing in it touches a disk or a network, and nothing waits: a peer or a line that keeps asking
is served at most a bounded number of times in a tick.
"""

import logging
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from hal.api import Lease
from hal.guard.dead_man import DeadMan
from hal.guard.journal import Journal
from hal.guard.link import Received, ServicesLink
from hal.guard.notify import ServiceManager
from hal.guard.station import Station

PENDING_TICK_S = 0.005
# With every contactor open and every pilot steady an edge still wakes the loop at once.
CALM_TICKS = 5
SHUTDOWN_LIMIT_S = 4.0
LATE_S = 0.020
PUNCTUAL_TICKS = 10
# More rounds than this within one tick are no edges any more but a broken line or peer.
MOST_ROUNDS_PER_TICK = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """The loop's pace.

    The tick, when a guard without services leaves, and when one that hangs is ended (None: never).
    """

    tick_s: float = 0.02
    orphan_limit_s: float | None = None
    hang_limit_s: float | None = None


class Loop:
    """Runs a station until it is told to stop, then stops it gracefully."""

    def __init__(
        self,
        station: Station,
        link: ServicesLink,
        poll: select.poll,
        manager: ServiceManager,
        timing: Timing,
    ) -> None:
        self._station = station
        self._link = link
        self._poll = poll
        self._manager = manager
        self._timing = timing
        self._journal = Journal()
        self._dead_man = DeadMan(timing.hang_limit_s)
        self._watched: int | None = None
        self._next_tick_s = time.monotonic()
        self._late_at_s = self._next_tick_s
        self._rounds = 0
        self._notified_s = 0.0
        self._give_up_s: float | None = None
        self._to_be_renewed = False
        self.is_wanted: Callable[[], bool] = lambda: True

    def stop(self) -> None:
        """Begin to stop: supply ends gracefully within seconds, then `run` returns."""
        if self._give_up_s is None:
            self._give_up_s = time.monotonic() + SHUTDOWN_LIMIT_S

    def renew(self) -> None:
        """Leave once no vehicle is there, so that the service manager starts the new version."""
        self._to_be_renewed = True

    def run(self) -> None:
        """Guard until stopped, or until nobody wants this guard any more."""
        self._manager.tell("READY=1")
        try:
            while not self._is_over(time.monotonic()):
                self._watch_lines()
                ready = [fileno for fileno, _ in self._poll.poll(self._wait_ms())]
                self._round(ready, time.monotonic())
        finally:
            self._dead_man.rest()
        self._manager.tell("STOPPING=1")

    def _round(self, ready: list[int], now_s: float) -> None:
        received = self._link.receive(ready, now_s)
        self._apply(received, now_s)
        self._station.step(now_s)
        self._hold_lines(now_s)
        statuses = self._station.statuses(now_s)
        self._link.tell(statuses, now_s)
        self._journal.note(statuses)
        self._rounds += 1
        if not self._station.calm:
            self._next_tick_s = min(self._next_tick_s, now_s + self._timing.tick_s)
        if now_s >= self._next_tick_s:
            self._tick(time.monotonic())

    def _hold_lines(self, now_s: float) -> None:
        """Hanging is deadly while the lines are held; awaiting lost ones may take its time."""
        if self._station.fileno is None:
            self._dead_man.rest()
        else:
            self._dead_man.feed(now_s)

    def _apply(self, received: Received, now_s: float) -> None:
        if received.services_gone:
            self._station.abandon(now_s)
        for request in received.requests:
            if isinstance(request, Lease):
                self._station.grant(request, now_s)
            else:
                self._station.request_unlock(request.evse)
        if self._give_up_s is not None:
            self._station.shut_down()

    def _tick(self, now_s: float) -> None:
        late_s = now_s - self._next_tick_s
        if late_s >= LATE_S:
            self._late_at_s = now_s
        tick_s = self._timing.tick_s * (CALM_TICKS if self._station.calm else 1)
        self._next_tick_s += tick_s * (1 + late_s // tick_s)
        self._rounds = 0
        watchdog_s = self._manager.watchdog_s
        if watchdog_s is not None and now_s - self._notified_s >= watchdog_s / 4:
            self._ping(now_s)
        if self._timing.orphan_limit_s is not None and self._is_orphan(now_s):
            _log.info("nobody needs this guard any more")
            self.stop()
        if self._to_be_renewed and self._station.deserted:
            _log.info("another version of the guard takes over")
            self.stop()

    def _ping(self, now_s: float) -> None:
        """Feed the service manager's watchdog, but only after ten ticks in time."""
        if now_s - self._late_at_s >= PUNCTUAL_TICKS * self._timing.tick_s:
            self._manager.tell("WATCHDOG=1")
            self._notified_s = now_s

    def _is_orphan(self, now_s: float) -> bool:
        limit_s = self._timing.orphan_limit_s or 0.0
        lonely = not self._link.connected and now_s - self._link.last_seen_s >= limit_s
        return (lonely and self._station.at_rest) or not self.is_wanted()

    def _is_over(self, now_s: float) -> bool:
        if self._give_up_s is None:
            return False
        return now_s >= self._give_up_s or self._stopped()

    def _stopped(self) -> bool:
        """Tell whether every EVSE knows of the stop and rests."""
        told = all(state.shutting_down for state in self._station.states.values())
        return told and self._station.at_rest

    def _wait_ms(self) -> float:
        now_s = time.monotonic()
        wait_s = max(0.0, self._next_tick_s - now_s)
        if self._rounds >= MOST_ROUNDS_PER_TICK:
            time.sleep(wait_s)
            return 0
        if self._station.pending:
            wait_s = min(wait_s, PENDING_TICK_S)
        return wait_s * 1000

    def _watch_lines(self) -> None:
        fileno = self._station.fileno
        if fileno == self._watched:
            return
        if self._watched is not None:
            self._poll.unregister(self._watched)
        if fileno is not None:
            self._poll.register(fileno, select.POLLIN)
        self._watched = fileno
