from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.reservation import (
    FREE_FOR_ALL,
    Book,
    Hold,
    Place,
    Reservation,
    ReservationPolicy,
    ReserveStatus,
    Standing,
    admits,
    bereft,
    claim_of,
    expired,
    holds,
    may_admit,
    reserve,
    standing,
    without,
)
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import IdToken

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ALICE, BOB = IdToken("04A1"), IdToken("04B2")
FAMILY, OTHERS = IdToken("FAMILY", "Central"), IdToken("OTHERS", "Central")
ANY = ReservationPolicy()
TYPES = ("sType2", "cCCS2")


def reservation(number: int = 1, token: IdToken = ALICE, **more: object) -> Reservation:
    return Reservation(id=number, expires_at=LATER, token=token, **more)  # type: ignore[arg-type]


def places(*standings: Standing, kind: str = "sType2") -> list[Place]:
    return [Place(number, kind, one) for number, one in enumerate(standings, 1)]


FREE, TAKEN, OUT, BROKEN = Standing.FREE, Standing.TAKEN, Standing.UNAVAILABLE, Standing.FAULTED


# --- A second opinion on the count: try every way of giving places to reservations.


def suits(one: Reservation, place: Place) -> bool:
    return one.evse in (None, place.evse) and one.connector_type in (None, place.connector_type)


def served(book: Book, free: Iterable[Place]) -> int:
    """Return how many reservations can be served at the same time."""
    spots: list[Place | None] = [*free, *([None] * len(book))]
    return max(
        sum(
            place is not None and suits(one, place) for one, place in zip(book, order, strict=False)
        )
        for order in permutations(spots, len(book))
    )


wanted = st.builds(
    lambda number, evse, kind, token: reservation(
        number, token, evse=evse, connector_type=None if evse else kind
    ),
    st.integers(1, 5),
    st.none() | st.integers(1, 3),
    st.none() | st.sampled_from(TYPES),
    st.sampled_from([ALICE, BOB]),
)
stations = st.lists(
    st.tuples(st.sampled_from(TYPES), st.sampled_from(Standing)), min_size=1, max_size=3
).map(lambda kinds: [Place(n, kind, one) for n, (kind, one) in enumerate(kinds, 1)])
books = st.lists(wanted, max_size=3, unique_by=lambda one: one.id).map(tuple)


@pytest.mark.requirement("H01.FR.07", "H01.FR.09", "H01.FR.20", "H01.FR.23", "H01.FR.24")
@given(books, stations)
def test_an_evse_is_held_exactly_if_a_stranger_there_would_cost_somebody_his_place(
    book: Book, station: list[Place]
) -> None:
    free = [place for place in station if place.standing is FREE]
    for place in station:
        others = [one for one in free if one != place]
        costs = served(book, others) < served(book, free)
        assert holds(book, station)[place.evse].held is (place in free and costs)


@pytest.mark.requirement("H03.FR.01", "H03.FR.02", "H03.FR.03")
@given(books, stations)
def test_a_reservation_may_be_used_where_nobody_else_loses_his_place(
    book: Book, station: list[Place]
) -> None:
    free = [place for place in station if place.standing is FREE]
    for place in station:
        others = [one for one in free if one != place]
        for one in book:
            rest = without(book, [one.id])
            lost = len(rest) - served(rest, others) > len(book) - served(book, free)
            usable = suits(one, place) and not lost
            assert (one in holds(book, station)[place.evse].claims) is usable


@given(books, stations)
def test_whoever_has_a_reservation_finds_a_place_as_long_as_there_are_enough(
    book: Book, station: list[Place]
) -> None:
    free = [place for place in station if place.standing is FREE]
    if served(book, free) < len(book):
        return
    held = holds(book, station)
    for one in book:
        assert any(one in held[place.evse].claims for place in free)


@pytest.mark.requirement("H01.FR.03", "H01.FR.04", "H01.FR.06", "H01.FR.11")
@given(books, stations, wanted)
def test_a_reservation_is_accepted_exactly_if_it_can_be_served_beside_the_others(
    book: Book, station: list[Place], new: Reservation
) -> None:
    free = [place for place in station if place.standing is FREE]
    others = without(book, [new.id])
    room = served((*others, new), free) > served(others, free)
    exists = any(suits(new, place) for place in station)

    outcome, after = reserve(book, new, station, ANY, NOW)

    assert (outcome.status is ReserveStatus.ACCEPTED) is (room and exists)
    assert (outcome.status is ReserveStatus.REJECTED) is not exists
    assert after == ((*others, new) if room and exists else book)


@pytest.mark.requirement("H01.FR.16", "H01.FR.17")
@given(books, stations)
def test_reservations_go_only_where_no_working_evse_is_left_for_them(
    book: Book, station: list[Place]
) -> None:
    working = [place for place in station if place.standing in (FREE, TAKEN)]
    gone = bereft(book, station)
    kept = tuple(one for one in book if one not in gone)

    assert served(kept, working) == len(kept)
    for one in gone:
        older = tuple(o for o in kept if book.index(o) < book.index(one))
        assert served((*older, one), working) < len(older) + 1


# --- Decisions.


@pytest.mark.requirement("H01.FR.11", "H01.FR.12", "H01.FR.14")
@pytest.mark.parametrize(
    ("standings", "status"),
    [
        ([TAKEN, TAKEN], ReserveStatus.OCCUPIED),
        ([BROKEN, BROKEN], ReserveStatus.FAULTED),
        ([OUT, OUT], ReserveStatus.UNAVAILABLE),
        ([TAKEN, BROKEN], ReserveStatus.OCCUPIED),
        ([OUT, TAKEN], ReserveStatus.OCCUPIED),
        ([OUT, BROKEN], ReserveStatus.FAULTED),
        ([FREE, BROKEN], ReserveStatus.ACCEPTED),
    ],
)
@pytest.mark.parametrize("kind", [None, "sType2"])
def test_the_answer_says_what_is_in_the_way(
    standings: list[Standing], status: ReserveStatus, kind: str | None
) -> None:
    outcome, _ = reserve((), reservation(connector_type=kind), places(*standings), ANY, NOW)
    assert outcome.status is status


@pytest.mark.requirement("H01.FR.01", "H01.FR.18", "H01.FR.19")
def test_the_operator_decides_which_reservations_there_are() -> None:
    off, specific = ReservationPolicy(enabled=False), ReservationPolicy(non_evse_specific=False)
    station = places(FREE)
    for wish in (reservation(), reservation(connector_type="sType2"), reservation(evse=1)):
        assert reserve((), wish, station, off, NOW)[0].reason_code == "NotEnabled"
        assert reserve((), wish, station, ANY, NOW)[0].status is ReserveStatus.ACCEPTED
        accepted = reserve((), wish, station, specific, NOW)[0].status is ReserveStatus.ACCEPTED
        assert accepted is (wish.evse is not None)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (reservation(evse=2), "UnknownEvse"),
        (reservation(connector_type="cCCS2"), "UnknownConnectorType"),
        (reservation(evse=1, connector_type="cCCS2"), "UnknownConnectorType"),
    ],
)
def test_what_is_not_there_cannot_be_reserved(wish: Reservation, reason: str) -> None:
    outcome, book = reserve((), wish, places(FREE), ANY, NOW)
    assert (outcome.status, outcome.reason_code) == (ReserveStatus.REJECTED, reason)
    assert book == ()


def test_a_reservation_in_the_past_is_refused() -> None:
    outcome, _ = reserve((), reservation(), places(FREE), ANY, LATER)
    assert (outcome.status, outcome.reason_code) == (ReserveStatus.REJECTED, "InvalidValue")


@pytest.mark.requirement("H01.FR.02")
def test_a_reservation_that_cannot_be_replaced_stays() -> None:
    book = (reservation(evse=1),)
    moved, kept = reserve(book, reservation(evse=2), places(FREE, TAKEN), ANY, NOW)
    assert moved.status is ReserveStatus.OCCUPIED
    assert kept == book
    again, replaced = reserve(book, reservation(token=BOB, evse=1), places(FREE), ANY, NOW)
    assert again.status is ReserveStatus.ACCEPTED
    assert replaced == (reservation(token=BOB, evse=1),)


@pytest.mark.requirement("H04.FR.01")
def test_a_reservation_is_over_at_its_instant() -> None:
    book = (reservation(1), Reservation(id=2, expires_at=NOW, token=BOB))
    assert expired(book, NOW - timedelta(milliseconds=1)) == ()
    assert expired(book, NOW) == book[1:]
    assert expired(book, LATER) == book


# --- Who may use it.


@pytest.mark.requirement(
    *("H03.FR.04", "H03.FR.05", "H03.FR.06", "H03.FR.08", "F01.FR.21", "F01.FR.22")
)
def test_a_held_evse_admits_the_token_or_its_group() -> None:
    alone, shared = reservation(1), reservation(2, group=FAMILY)

    assert admits(Hold(held=True, claims=(alone,)), ALICE, None)
    assert not admits(Hold(held=True, claims=(alone,)), BOB, FAMILY)
    assert admits(Hold(held=True, claims=(shared,)), BOB, FAMILY)
    assert not admits(Hold(held=True, claims=(shared,)), BOB, OTHERS)
    assert not admits(Hold(held=True, claims=(shared,)), BOB, None)
    assert admits(Hold(claims=(alone,)), BOB, None)
    assert admits(FREE_FOR_ALL, BOB, None)
    assert not may_admit(Hold(held=True, claims=(alone,)), BOB)
    assert may_admit(Hold(held=True, claims=(shared,)), BOB), "the group is yet to be learnt"


def test_the_own_reservation_goes_before_that_of_the_group() -> None:
    claims = (reservation(1, BOB, group=FAMILY), reservation(2, ALICE, group=FAMILY))
    assert claim_of(claims, ALICE, FAMILY) == 2
    assert claim_of(claims, IdToken("04C3"), FAMILY) == 1
    assert claim_of(claims, IdToken("04C3"), None) is None


@pytest.mark.requirement("G01.FR.09")
@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (EvseSnapshot(), FREE),
        (EvseSnapshot(plugged_in=True), TAKEN),
        (EvseSnapshot(authorized=True), TAKEN),
        (EvseSnapshot(in_transaction=True), TAKEN),
        (EvseSnapshot(reserved=True, plugged_in=True), FREE),
        (EvseSnapshot(reserved=True, plugged_in=True, in_transaction=True), FREE),
        (EvseSnapshot(reserved=True, operative=False), OUT),
        (EvseSnapshot(operative=False), OUT),
        (EvseSnapshot(operative=False, in_transaction=True), TAKEN),
        (EvseSnapshot(faults=frozenset({"rcd"}), reserved=True), BROKEN),
        (EvseSnapshot(faults=frozenset({"reader_lost"})), FREE),
    ],
)
def test_a_car_without_the_right_token_takes_no_reserved_place(
    snapshot: EvseSnapshot, expected: Standing
) -> None:
    assert standing(snapshot) is expected


def test_a_token_that_is_being_judged_takes_a_free_place_but_no_reserved_one() -> None:
    assert standing(EvseSnapshot(), claimed=True) is TAKEN
    assert standing(EvseSnapshot(reserved=True), claimed=True) is FREE
    assert standing(EvseSnapshot(operative=False), claimed=True) is OUT
