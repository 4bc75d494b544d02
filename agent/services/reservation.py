"""Reservations as ordered by the CSMS: kept over restarts, ended in time, told to each EVSE (H)."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from agent.core.commands import ACCEPTED, Outcome, rejected
from agent.core.documents import UnreadableDocument, read, written
from agent.core.records import dataclass
from agent.core.reservation import (
    FREE_FOR_ALL,
    Book,
    CancelReservation,
    Place,
    Reservation,
    ReservationEnd,
    ReservationEnded,
    ReservationPolicy,
    ReserveNow,
    ReserveOutcome,
    bereft,
    claim_of,
    expired,
    holds,
    reserve,
    standing,
    without,
)
from agent.core.session_state import Authorization, HoldChanged, SessionState
from agent.core.snapshot import EvseSnapshot
from agent.ports import Clock, Journal, Settings
from agent.services.evse import EvseService

KIND, BOOK = "reservation", "book"
LONGEST_WAIT_S = 5.0
"""Bounds a wait for an expiry, so that a clock that was set is noticed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMeans:
    """What reservations need to know: each EVSE's connector, its availability as ordered, rules."""

    connector_types: Mapping[int, str]
    operative: Callable[[int], bool]
    policy: Callable[[], ReservationPolicy]


class ReservationService:
    """Owns the reservations. Each EVSE hears what they mean for it; a used one is forgotten."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        settings: Settings,
        journal: Journal,
        clock: Clock,
        means: ReservationMeans,
    ) -> None:
        self._evses = evses
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._means = means
        self._book = _unused(restored(settings), [evse.state for evse in evses.values()])
        self._unstarted: set[int] = set()
        self._used: set[int] = set()
        self._changing = asyncio.Lock()
        self._look = asyncio.Event()
        for evse in evses.values():
            evse.observers.append(self._observe)

    async def reserve(self, order: ReserveNow) -> ReserveOutcome:
        """Keep a place if there is one; it is durable before it is answered (B01.FR.13)."""
        async with self._changing:
            await self._forget_used()
            places, now = self._places_for_more(), self._clock.now()
            outcome, book = reserve(
                self._book, order.reservation, places, self._means.policy(), now
            )
            await self._adopt(book)
        return outcome

    async def cancel(self, order: CancelReservation) -> Outcome:
        """Give a place free again (H02)."""
        async with self._changing:
            await self._forget_used()
            book = without(self._book, [order.reservation_id])
            if book == self._book:
                return rejected("NotFound", f"there is no reservation {order.reservation_id}")
            await self._adopt(book)
        return ACCEPTED

    async def run(self) -> None:
        """End what is over, and tell each EVSE, whenever something changes and in time."""
        while True:
            self._look.clear()
            async with self._changing:
                await self._settle()
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._look.wait()
            except TimeoutError:
                continue

    def _wait_s(self) -> float | None:
        """Return for how long nothing ends by itself, as far as the clock is to be believed."""
        if not self._book:
            return None
        left = min(one.expires_at for one in self._book) - self._clock.now()
        return min(max(left.total_seconds(), 0.0), LONGEST_WAIT_S)

    async def _settle(self) -> None:
        await self._forget_used()
        over = expired(self._book, self._clock.now())
        await self._end(over, ReservationEnd.EXPIRED)
        lost = bereft(self._book, self._places())
        await self._end(lost, ReservationEnd.REMOVED)
        self._tell_evses()

    async def _forget_used(self) -> None:
        """Forget what tokens have used (H03.FR.09), and say which led to nothing (H03.FR.11)."""
        used, self._used = self._used, set()
        unstarted, self._unstarted = self._unstarted, set()
        await self._adopt(without(self._book, used))
        await self._tell(sorted(unstarted), ReservationEnd.NO_TRANSACTION)

    async def _end(self, ended: Book, how: ReservationEnd) -> None:
        """Tell before forgetting: a power cut between may tell twice but loses nothing."""
        ids = [one.id for one in ended]
        await self._tell(ids, how)
        await self._adopt(without(self._book, ids))

    async def _tell(self, ids: list[int], how: ReservationEnd) -> None:
        at = self._clock.now()
        events = [ReservationEnded(at=at, reservation_id=one, end=how) for one in ids]
        if events:
            await self._journal.record(None, events, before_effect=True)

    async def _adopt(self, book: Book) -> None:
        if book == self._book:
            return
        text = json.dumps([written(one) for one in book])
        self._book = book
        await self._settings.put(KIND, BOOK, text)
        self._tell_evses()
        self._look.set()

    def _tell_evses(self) -> None:
        for number, hold in holds(self._book, self._places()).items():
            evse = self._evses[number]
            if hold != (evse.state.hold or FREE_FOR_ALL):
                evse.post(HoldChanged(hold))

    def _places(self) -> list[Place]:
        """Return the EVSEs; one that is out of service for a reset alone comes back (B11.FR.05)."""
        return [
            Place(number, self._means.connector_types[number], standing(snapshot))
            for number, snapshot in self._snapshots_after_resets()
        ]

    def _snapshots_after_resets(self) -> Iterator[tuple[int, EvseSnapshot]]:
        for number, evse in self._evses.items():
            snapshot = evse.state.snapshot
            operative = snapshot.operative or self._means.operative(number)
            yield number, replace(snapshot, operative=operative)

    def _places_for_more(self) -> list[Place]:
        """Return the EVSEs as they are; a token that is being judged may take one."""
        return [
            Place(number, self._means.connector_types[number], standing(snapshot, claimed=claimed))
            for number, evse in self._evses.items()
            for snapshot, claimed in [(evse.state.snapshot, evse.state.pending is not None)]
        ]

    def _observe(self, before: SessionState, after: SessionState) -> None:
        was, now = _used_by(before.authorization), _used_by(after.authorization)
        if now is not None and now != was:
            self._used.add(now)
        if was is not None and now is None and before.transaction is None is after.transaction:
            self._unstarted.add(was)
        if before.snapshot != after.snapshot or before.hold != after.hold or was != now:
            self._look.set()


def restored(settings: Settings) -> Book:
    """Return the reservations made before the restart (B01.FR.13); damaged ones are left out."""
    text = settings.get(KIND, BOOK)
    try:
        documents = json.loads(text) if text else []
    except ValueError:
        log.exception("the reservations cannot be read: they are given up")
        return ()
    found = []
    for document in documents if isinstance(documents, list) else []:
        try:
            found.append(read(Reservation, document))
        except UnreadableDocument as damage:
            log.error("a reservation cannot be read, it is given up: %s", damage)
    return tuple(found)


def _unused(book: Book, sessions: list[SessionState]) -> Book:
    """Leave out what a token used just before the restart."""
    held = [session.authorization for session in sessions if session.authorization is not None]
    return tuple(
        one
        for one in book
        if not any(one.id == a.reservation_id and _matches(one, a) for a in held)
    )


def _used_by(authorization: Authorization | None) -> int | None:
    return None if authorization is None else authorization.reservation_id


def _matches(reservation: Reservation, authorization: Authorization) -> bool:
    return claim_of([reservation], authorization.token, authorization.group) is not None
