import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.availability import Availability, carry_out, change
from agent.core.commands import ACCEPTED, ChangeAvailability, Outcome, Verdict

CONNECTORS = {1: 1, 2: 2}
SCHEDULED = Outcome(Verdict.SCHEDULED)


def order(
    *, operative: bool, evse: int | None = None, connector: int | None = None
) -> ChangeAvailability:
    return ChangeAvailability(operative=operative, evse=evse, connector=connector)


def ordered(*orders: ChangeAvailability, busy: tuple[int, ...] = ()) -> Availability:
    availability = Availability()
    for one in orders:
        _, availability = change(availability, one, CONNECTORS, busy)
    return availability


def test_what_was_never_ordered_is_operative() -> None:
    assert Availability().operative(1)
    assert Availability().station_operative


@pytest.mark.requirement("G03.FR.06", "G03.FR.07", "G04.FR.07", "G04.FR.08")
def test_the_three_levels_are_independent_of_each_other() -> None:
    down = ordered(
        order(operative=False, evse=2, connector=1),
        order(operative=False, evse=2),
        order(operative=False),
    )
    assert not any(down.operative(*place) for place in ((1, 1), (2, 1), (2, 2)))
    assert not down.station_operative

    _, station_up = change(down, order(operative=True), CONNECTORS, ())
    assert station_up.station_operative
    assert station_up.operative(1)
    assert not station_up.operative(2, 2)

    _, evse_up = change(station_up, order(operative=True, evse=2), CONNECTORS, ())
    assert evse_up.operative(2, 2)
    assert not evse_up.operative(2, 1)


@pytest.mark.requirement("G04.FR.01", "S16-AVAIL-02")
@pytest.mark.parametrize("evse", [None, 0])
def test_an_order_without_evse_is_for_the_station(evse: int | None) -> None:
    assert not ordered(order(operative=False, evse=evse)).station_operative


@pytest.mark.requirement("G03.FR.01", "G03.FR.02", "G03.FR.05", "S16-AVAIL-01")
def test_an_order_waits_for_the_transaction_that_it_touches() -> None:
    outcome, waiting = change(Availability(), order(operative=False, evse=1), CONNECTORS, busy=[1])
    assert outcome == SCHEDULED
    assert waiting.operative(1, busy=True)

    assert carry_out(waiting, busy=[1, 2]) == waiting
    done = carry_out(waiting, busy=[2])
    assert not done.operative(1)
    assert done.scheduled == {}


@pytest.mark.requirement("G04.FR.02", "G04.FR.03", "G04.FR.06")
def test_the_station_waits_for_all_transactions() -> None:
    outcome, waiting = change(Availability(), order(operative=False), CONNECTORS, busy=[1, 2])
    assert outcome == SCHEDULED

    assert carry_out(waiting, busy=[2]).station_operative
    assert carry_out(waiting, busy=[2]).operative(2, busy=True)
    assert not carry_out(waiting, busy=[2]).operative(1), "no new transaction delays the order"
    assert not carry_out(waiting, busy=[]).station_operative


def test_a_transaction_elsewhere_does_not_delay_an_evse() -> None:
    outcome, done = change(Availability(), order(operative=False, evse=1), CONNECTORS, busy=[2])

    assert outcome == ACCEPTED
    assert not done.operative(1)


@pytest.mark.requirement("G03.FR.03", "G04.FR.04", "S16-AVAIL-01")
@pytest.mark.parametrize("evse", [None, 1])
@pytest.mark.parametrize("operative", [False, True])
def test_what_is_so_already_is_accepted_even_during_a_transaction(
    evse: int | None, *, operative: bool
) -> None:
    wanted = order(operative=operative, evse=evse)
    before = ordered(wanted)

    outcome, after = change(before, wanted, CONNECTORS, busy=[1])

    assert outcome == ACCEPTED
    assert after == before


@pytest.mark.requirement("G03.FR.03")
def test_a_later_order_replaces_one_that_waits() -> None:
    waiting = ordered(order(operative=False, evse=1), busy=(1,))

    outcome, after = change(waiting, order(operative=True, evse=1), CONNECTORS, busy=[1])

    assert outcome == ACCEPTED
    assert after.scheduled == {}
    assert carry_out(after, busy=[]).operative(1)


@pytest.mark.requirement("G03.FR.05")
def test_an_order_that_waits_still_waits_when_it_is_repeated() -> None:
    waiting = ordered(order(operative=False, evse=1), busy=(1,))

    outcome, after = change(waiting, order(operative=False, evse=1), CONNECTORS, busy=[1])

    assert outcome == SCHEDULED
    assert after == waiting


@pytest.mark.requirement("G03.FR.01", "G03.FR.02")
@pytest.mark.parametrize(
    ("evse", "connector", "reason"),
    [(3, None, "UnknownEvse"), (1, 2, "UnknownConnectorId"), (None, 1, "UnknownConnectorId")],
)
def test_a_place_that_does_not_exist_is_refused(
    evse: int | None, connector: int | None, reason: str
) -> None:
    wanted = order(operative=False, evse=evse, connector=connector)

    outcome, after = change(Availability(), wanted, CONNECTORS, ())

    assert outcome.verdict is Verdict.REJECTED
    assert outcome.refusal is not None
    assert outcome.refusal.reason_code == reason
    assert after == Availability()


orders = st.builds(
    ChangeAvailability,
    operative=st.booleans(),
    evse=st.sampled_from([None, 1, 2]),
    connector=st.just(None),
)
busy_sets = st.frozensets(st.sampled_from([1, 2]))


@given(st.lists(st.tuples(orders, busy_sets), max_size=8))
def test_once_nothing_runs_the_last_order_for_each_place_holds(
    history: list[tuple[ChangeAvailability, frozenset[int]]],
) -> None:
    availability, last = Availability(), {}
    for wanted, busy in history:
        _, availability = change(availability, wanted, CONNECTORS, busy)
        last[wanted.evse or 0, 0] = wanted.operative
        availability = carry_out(availability, busy)

    settled = carry_out(availability, ())

    assert settled.scheduled == {}
    assert {place: settled.ordered[place] for place in last} == last
