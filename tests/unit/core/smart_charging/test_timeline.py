"""One profile laid over time: chance that stays what it was, and the clocks on the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.smart_charging.dice import rolled, seed_of
from agent.core.smart_charging.profiles import ProfileKind
from agent.core.smart_charging.stack import Spread
from agent.core.smart_charging.timeline import micros
from tests.unit.core.smart_charging.builders import (
    IDLE,
    NOW,
    RUNNING,
    STATION_MAX,
    TX,
    at,
    course,
    installed,
    place,
    site,
)

BERLIN = ZoneInfo("Europe/Berlin")
RECURRING = ProfileKind.RECURRING
HOUR_S = 3600


def instants(found: list[tuple[float, object]]) -> list[float]:
    return [instant for instant, _ in found]


def test_a_clock_that_is_set_back_does_not_undo_what_was_ordered() -> None:
    dynamic = installed((0, 10), kind=ProfileKind.DYNAMIC, updated_at=at(3600), duration_s=60)
    relative = installed(
        (0, 11), (60, 12), kind=ProfileKind.RELATIVE, purpose=STATION_MAX, installed_at=at(3600)
    )

    assert course(dynamic, for_s=7200) == [(0, 10), (3660, 32)]
    assert course(relative, for_s=7200) == [(0, 11), (3660, 12)]


# --- Periods that begin by chance (2.1).


@given(st.integers(0, 2**62), st.integers(0, 2**40), st.integers(0, 1800))
def test_chance_is_within_its_bounds_and_the_same_again(seed: int, number: int, most: int) -> None:
    assert 0 <= rolled(seed, number, most) <= most
    assert rolled(seed, number, most) == rolled(seed, number, most)


def test_chance_reaches_every_value_about_equally_often() -> None:
    counts = [0] * 10
    for number in range(10_000):
        counts[rolled(seed_of(1, "text"), number, 9)] += 1
    assert 850 < min(counts) <= max(counts) < 1150


@pytest.mark.requirement("K01.FR.92", "K01.FR.94")
def test_each_period_but_the_first_begins_later_by_chance_and_the_end_stays() -> None:
    profile = installed(
        (0, 10), (1000, 12), (2000, 14), randomized_delay_s=300, duration_s=3000, seed=7
    )

    found = course(profile, for_s=4000)

    assert [limit for _, limit in found] == [10, 12, 14, 32]
    first, second, third, end = instants(found)
    assert (first, end) == (0, 3000)
    assert 1000 <= second <= 1300
    assert 2000 <= third <= 2300
    assert (second, third) != (1000, 2000)


@pytest.mark.requirement("K01.FR.93")
def test_chance_is_new_with_each_transaction_and_each_profile_and_stays_meanwhile() -> None:
    def second_period(transaction_id: str, seed: int) -> float:
        profile = installed(
            *((n * 1000, 10 + n) for n in range(10)), randomized_delay_s=900, seed=seed
        )
        where = site(place(transaction_id=transaction_id))
        return sum(instants(course(profile, for_s=20_000, where=where)))

    assert second_period("a", 1) == second_period("a", 1)
    assert len({second_period(name, seed) for name in "abc" for seed in (1, 2, 3)}) > 6


@pytest.mark.requirement("K01.FR.97")
def test_a_period_that_is_overtaken_is_skipped() -> None:
    for seed in range(50):
        profile = installed((0, 10), (10, 12), (20, 14), randomized_delay_s=600, seed=seed)
        found = course(profile, for_s=2000)
        # Whatever the chance, the last period stays, and none comes back after its successor.
        assert found[-1][1] == 14
        assert [limit for _, limit in found] in ([10, 12, 14], [10, 14])


# --- Changes that the station itself spreads.


def spread(seed: int, most_s: int = 600) -> Spread:
    return Spread(seed, most_s)


def test_a_change_by_schedule_comes_later_by_chance_and_is_told_so() -> None:
    profile = installed((0, 10), (1100, 16), starts_in_s=-100)
    found = [
        course(profile, for_s=4000, where=site(place(ready_us=micros(at(-50))), spread=spread(s)))
        for s in range(40)
    ]

    assert all([limit for _, limit in each] == [10, 16] for each in found)
    changes = {each[1][0] for each in found}
    assert len(changes) > 30
    assert all(1000 <= change <= 1600 for change in changes)


def test_what_was_so_before_the_car_came_is_not_delayed() -> None:
    """A driver who plugs in must not wait because a tariff changed a minute ago."""
    profile = installed((0, 10), (1000, 16), starts_in_s=-1010)
    where = site(spread=spread(3))

    assert course(profile, for_s=4000, where=where) == [(0, 16)]


def test_a_change_of_a_moment_ago_may_still_be_to_come() -> None:
    profile = installed((0, 10), (1000, 16), starts_in_s=-1010)
    waiting = [
        course(profile, for_s=4000, where=site(place(ready_us=micros(at(-3600))), spread=spread(s)))
        for s in range(20)
    ]

    assert next(each[:1] for each in waiting if len(each) > 1) == [(0, 10)]
    assert all(each[-1][1] == 16 and each[-1][0] <= 590 for each in waiting)


def test_the_order_of_the_csms_is_obeyed_at_once() -> None:
    profile = installed((0, 10), starts_in_s=5, installed_at=NOW)
    where = site(place(ready_us=micros(at(-3600))), spread=spread(3))

    assert course(profile, for_s=4000, where=where) == [(0, 32), (5, 10)]


def test_the_limit_of_the_station_and_its_own_chance_are_left_alone() -> None:
    where = site(place(ready_us=micros(at(-3600))), spread=spread(3))
    station = installed((0, 10), (1000, 16), purpose=STATION_MAX)

    assert course(station, for_s=4000, where=where) == [(0, 10), (1000, 16)]
    own_chance = installed((0, 10), (1000, 16), randomized_delay_s=300, seed=5)
    plain = site(place(ready_us=micros(at(-3600))))
    assert course(own_chance, for_s=4000, where=where) == course(
        own_chance, for_s=4000, where=plain
    )


def test_nobody_who_charges_means_nobody_to_spread() -> None:
    profile = installed((0, 10), (1000, 16))
    where = site(place(**IDLE), spread=spread(3))

    assert course(profile, for_s=4000, where=where) == [(0, 10), (1000, 16)]


@pytest.mark.parametrize("seed", range(30))
def test_spread_changes_are_the_same_wherever_the_window_begins(seed: int) -> None:
    profile = installed(*((n * 400, 6 + n) for n in range(12)), starts_in_s=-2000, purpose=TX)
    car = place(ready_us=micros(at(-5000)))
    whole = course(profile, for_s=6000, where=site(car, spread=spread(seed)))
    for later in (137, 950, 1801):
        part = course(
            profile, for_s=6000 - later, where=site(car, now=at(later), spread=spread(seed))
        )
        expected = [(s - later, limit) for s, limit in whole if s > later]
        assert part[1:] == expected
        assert part[0] == (0, [limit for s, limit in whole if s <= later][-1])


# --- The clocks on the wall (2.1).


@pytest.mark.requirement("K01.FR.90")
def test_a_schedule_in_local_time_begins_by_the_clocks_of_the_station() -> None:
    profile = installed((0, 10), local_time=True, starts_in_s=0)
    where = site(zone=BERLIN, now=NOW - timedelta(hours=2))

    assert course(profile, for_s=4 * HOUR_S, where=where) == [(0, 32), (HOUR_S, 10)]


@pytest.mark.requirement("K01.FR.90")
def test_the_zone_of_its_start_is_disregarded() -> None:
    start = datetime(2026, 3, 2, 7, 0, tzinfo=ZoneInfo("America/New_York"))
    profile = installed((0, 10), local_time=True, starts_in_s=(start - NOW).total_seconds())
    moved = installed((0, 10), local_time=True, starts_in_s=0)
    where = site(zone=BERLIN, now=NOW - timedelta(hours=2))
    # In UTC the first is five hours later; its digits are those of its UTC instant here.
    assert course(profile, for_s=9 * HOUR_S, where=where) == [(0, 32), (6 * HOUR_S, 10)]
    assert course(moved, for_s=9 * HOUR_S, where=where) == [(0, 32), (HOUR_S, 10)]


@pytest.mark.requirement("K01.FR.91")
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # Clocks go forward at 02:00: at 03:00 the schedule is two hours old after one.
        (datetime(2026, 3, 29, tzinfo=UTC), [(0, 10), (1, 11), (2, 13), (3, 14)]),
        # Clocks go back at 03:00: the hour from 02:00 on comes twice.
        (datetime(2026, 10, 25, tzinfo=UTC), [(0, 10), (1, 11), (2, 12), (4, 13), (5, 14)]),
    ],
)
def test_a_daily_schedule_follows_the_clocks_over_their_change(
    day: datetime, expected: list[tuple[int, int]]
) -> None:
    profile = installed(
        *((n * HOUR_S, 10 + n) for n in range(5)),
        kind=RECURRING,
        local_time=True,
        starts_in_s=(datetime(2026, 1, 1, tzinfo=UTC) - NOW).total_seconds(),
    )
    midnight = day.replace(tzinfo=BERLIN)

    found = course(profile, for_s=6 * HOUR_S, where=site(zone=BERLIN, now=midnight))

    assert found == [(hours * HOUR_S, limit) for hours, limit in expected]


@pytest.mark.requirement("S16-SC-12")
def test_other_schedules_know_no_summer_time() -> None:
    profile = installed((0, 10), kind=RECURRING, duration_s=HOUR_S)
    where = site(zone=BERLIN, now=datetime(2026, 3, 28, 7, tzinfo=UTC))

    assert instants(course(profile, for_s=50 * HOUR_S, where=where)) == [
        h * HOUR_S for h in (0, 1, 24, 25, 48, 49)
    ]


def test_the_same_transaction_has_the_same_chance_after_a_restart() -> None:
    assert seed_of(5, RUNNING) == seed_of(5, RUNNING)
    assert seed_of(5, RUNNING) != seed_of(5, "")
    assert seed_of(5, "x") != seed_of(6, "x")
