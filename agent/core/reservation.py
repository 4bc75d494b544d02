"""Reservations: of one EVSE, of a type of connector, or of any EVSE of the station (H01-H04).

Everything follows from one count: how many reservations the EVSEs that are free could not serve.
An EVSE is held if losing it would leave one reservation more unserved; a reservation may be used at
an EVSE if using it there leaves none more unserved.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A place kept for a token or its group; without EVSE and type for any place of the station."""

    id: int
    expires_at: datetime
    token: IdToken
    group: IdToken | None = None
    evse: int | None = None
    connector_type: str | None = None


Book = tuple[Reservation, ...]
"""The reservations in force, oldest first."""


@dataclass(frozen=True, slots=True)
class ReserveNow:
    """ReserveNow (H01)."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class CancelReservation:
    """CancelReservation (H02)."""

    reservation_id: int


class ReserveStatus(StrEnum):
    """ReserveNowStatusEnumType."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True)
class ReserveOutcome:
    """The answer to ReserveNow; `reason_code` is one of the standard's, with words."""

    status: ReserveStatus
    reason_code: str | None = None
    info: str = ""


class ReservationEnd(StrEnum):
    """ReservationUpdateStatusEnumType: why a reservation ended without being cancelled."""

    EXPIRED = "Expired"
    REMOVED = "Removed"
    NO_TRANSACTION = "NoTransaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationEnded:
    """A reservation ended by itself (H01.FR.16, H01.FR.17, H03.FR.11, H04.FR.01)."""

    at: datetime
    reservation_id: int
    end: ReservationEnd


@dataclass(frozen=True, slots=True)
class ReservationPolicy:
    """The variables of ReservationCtrlr."""

    enabled: bool = True
    non_evse_specific: bool = True


class Standing(StrEnum):
    """What an EVSE is to somebody who looks for a place."""

    FREE = "Free"
    TAKEN = "Taken"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class Place:
    """An EVSE as reservations see it; each has one connector."""

    evse: int
    connector_type: str
    standing: Standing = Standing.FREE


@dataclass(frozen=True, slots=True)
class Hold:
    """What reservations mean for one EVSE.

    `held`: only somebody with one of the `claims` may charge here. A claim that matches is used up
    also where the EVSE is not held.
    """

    held: bool = False
    claims: Book = ()


FREE_FOR_ALL = Hold()


def standing(snapshot: EvseSnapshot, *, claimed: bool = False) -> Standing:
    """Project an EVSE's facts; `claimed` means that a token is being judged there.

    An EV that stands at a reserved EVSE without the right token takes nothing: the place is still
    the reservation's (G01.FR.09).
    """
    if snapshot.faulted:
        return Standing.FAULTED
    if snapshot.authorized:
        return Standing.TAKEN
    if snapshot.reserved:
        return Standing.FREE if snapshot.operative else Standing.UNAVAILABLE
    if snapshot.in_transaction:
        return Standing.TAKEN
    if not snapshot.operative:
        return Standing.UNAVAILABLE
    taken = snapshot.plugged_in or snapshot.cable_kept or claimed
    return Standing.TAKEN if taken else Standing.FREE


def reserve(
    book: Book,
    wanted: Reservation,
    places: Iterable[Place],
    policy: ReservationPolicy,
    now: datetime,
) -> tuple[ReserveOutcome, Book]:
    """Decide on a reservation; one with the same id is replaced, if the new one can be (H01.FR.02).

    The occupied EVSE decides before the faulted and the faulted before the unavailable one, as it
    is the likeliest to become free (H01.FR.11, FR.12, FR.14).
    """
    everywhere = tuple(places)
    objection = _objection(wanted, everywhere, policy, now)
    if objection is not None:
        return objection, book
    others = tuple(one for one in book if one.id != wanted.id)
    targets = [place for place in everywhere if _suits(wanted, place)]
    free = _free(everywhere)
    if _unserved((*others, wanted), free) <= _unserved(others, free):
        return ReserveOutcome(ReserveStatus.ACCEPTED), (*others, wanted)
    standings = {place.standing for place in targets}
    if standings & {Standing.FREE, Standing.TAKEN}:
        return ReserveOutcome(ReserveStatus.OCCUPIED), book
    faulted = Standing.FAULTED in standings
    return ReserveOutcome(ReserveStatus.FAULTED if faulted else ReserveStatus.UNAVAILABLE), book


def holds(book: Book, places: Iterable[Place]) -> Mapping[int, Hold]:
    """Return what the reservations mean for each EVSE (H01.FR.07, FR.09, FR.20, FR.23, FR.24)."""
    everywhere = tuple(places)
    if not book:
        return dict.fromkeys((place.evse for place in everywhere), FREE_FOR_ALL)
    free = _free(everywhere)
    unserved = _unserved(book, free)
    return {place.evse: _hold(place, book, free, unserved) for place in everywhere}


def claim_of(claims: Iterable[Reservation], token: IdToken, group: IdToken | None) -> int | None:
    """Return the id of the reservation that a token, or else its group, may use (H03.FR.01-06)."""
    own = [one.id for one in claims if one.token.same_as(token)]
    shared = [one.id for one in claims if group is not None and group.same_as(one.group)]
    return next(iter([*own, *shared]), None)


def used_at(hold: Hold | None, token: IdToken, group: IdToken | None) -> int | None:
    """Return the reservation that a token uses up at an EVSE, None if it has none there."""
    return None if hold is None else claim_of(hold.claims, token, group)


def admits(hold: Hold | None, token: IdToken, group: IdToken | None) -> bool:
    """Tell whether a token with its group may charge where `hold` holds (F01.FR.21, FR.22)."""
    return hold is None or not hold.held or used_at(hold, token, group) is not None


def may_admit(hold: Hold | None, token: IdToken) -> bool:
    """Tell the same of a token whose group is not known yet (H03.FR.08)."""
    shared = hold is not None and any(claim.group is not None for claim in hold.claims)
    return shared or admits(hold, token, None)


def expired(book: Book, now: datetime) -> Book:
    """Return the reservations that are over (H04.FR.01)."""
    return tuple(one for one in book if one.expires_at <= now)


def bereft(book: Book, places: Iterable[Place]) -> Book:
    """Return the reservations to be cancelled for want of EVSEs that work (H01.FR.16, FR.17).

    Of several that compete for the EVSEs left, the newest go. An EVSE in use works.
    """
    out = (Standing.FAULTED, Standing.UNAVAILABLE)
    working = [place for place in places if place.standing not in out]
    kept: Book = ()
    for one in book:
        if _unserved((*kept, one), working) == 0:
            kept = (*kept, one)
    return tuple(one for one in book if one not in kept)


def without(book: Book, ids: Iterable[int]) -> Book:
    """Return the book without some reservations."""
    gone = set(ids)
    return tuple(one for one in book if one.id not in gone)


# --- Counting.


def _objection(
    wanted: Reservation, places: tuple[Place, ...], policy: ReservationPolicy, now: datetime
) -> ReserveOutcome | None:
    """Return why a reservation cannot be made whatever the EVSEs do, None if it can."""
    if not policy.enabled:
        return _rejected("NotEnabled", "reservations are switched off")
    if wanted.expires_at <= now:
        return _rejected("InvalidValue", "the reservation is over already")
    if wanted.evse is not None and all(place.evse != wanted.evse for place in places):
        return _rejected("UnknownEvse", f"there is no EVSE {wanted.evse}")
    if wanted.evse is None and not policy.non_evse_specific:
        return _rejected("UnsupportedRequest", "a reservation needs an EVSE here")
    if not any(_suits(wanted, place) for place in places):
        return _rejected("UnknownConnectorType", "there is no such connector")
    return None


def _rejected(reason_code: str, info: str) -> ReserveOutcome:
    return ReserveOutcome(ReserveStatus.REJECTED, reason_code, info)


def _suits(reservation: Reservation, place: Place) -> bool:
    at = reservation.evse in (None, place.evse)
    return at and reservation.connector_type in (None, place.connector_type)


def _free(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(place for place in places if place.standing is Standing.FREE)


def _hold(place: Place, book: Book, free: tuple[Place, ...], unserved: int) -> Hold:
    others = tuple(one for one in free if one.evse != place.evse)
    held = place in free and _unserved(book, others) > unserved
    claims = tuple(
        one
        for one in book
        if _suits(one, place) and _unserved(without(book, [one.id]), others) <= unserved
    )
    return Hold(held, claims)


def _unserved(book: Book, free: Iterable[Place]) -> int:
    """Return how many reservations cannot be served at the same time by these EVSEs.

    As an EVSE has one connector, those for an EVSE come first, then those for a type, and what is
    left serves the rest.
    """
    places = {place.evse: place for place in free}
    wanted_types: Counter[str] = Counter()
    unserved = anywhere = 0
    for one in book:
        if one.evse is not None:
            unserved += places.pop(one.evse, None) is None
        elif one.connector_type is not None:
            wanted_types[one.connector_type] += 1
        else:
            anywhere += 1
    left = Counter(place.connector_type for place in places.values())
    unserved += (wanted_types - left).total()
    return unserved + max(0, anywhere - (left - wanted_types).total())
