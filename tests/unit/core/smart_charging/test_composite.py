"""The composite schedule: merged, in the unit asked for, of one EVSE or of all."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agent.core.smart_charging.ceilings import Supply
from agent.core.smart_charging.composite import LONGEST_S, Composite, composing, composite
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.profiles import MAX_PERIODS, InstalledProfile, ProfileKind
from agent.core.smart_charging.site import Intention, Site
from agent.core.smart_charging.timeline import micros
from agent.core.vocabulary import RateUnit
from tests.unit.core.smart_charging.builders import (
    AMPERE,
    IDLE,
    NOW,
    STATION_MAX,
    TX,
    WATT,
    at,
    installed,
    place,
    site,
)

RECURRING = ProfileKind.RECURRING


def made(
    *profiles: InstalledProfile,
    duration_s: int = 300,
    evse: int = 1,
    unit: RateUnit = AMPERE,
    where: Site | None = None,
) -> Composite:
    return composite(plan_of(profiles), where or site(), evse, unit, duration_s)


def told(found: Composite) -> list[tuple[int, Decimal]]:
    return [(period.start_s, period.limit) for period in found.periods]


@pytest.mark.requirement("K08.FR.02", "S16-SC-07")
def test_it_begins_now_and_merges_what_does_not_change() -> None:
    station = installed((0, 20), (100, 8), purpose=STATION_MAX, number=2)
    default = installed((0, 10), (50, 10), (150, 6), duration_s=200)

    found = made(station, default)

    assert told(found) == [(0, 10), (100, 8), (150, 6), (200, 8)]
    assert (found.start_us, found.duration_s) == (micros(NOW), 300)
    assert told(made(station, default, duration_s=100)) == [(0, 10)]
    assert told(made(station, default, duration_s=0)) == [(0, 10)]
    assert told(made(station, default, duration_s=-5)) == [(0, 10)]


@pytest.mark.requirement("K08.FR.02")
@pytest.mark.parametrize("fraction_ms", [0, 250, 700])
def test_it_starts_within_the_last_second_so_that_changes_are_at_whole_ones(
    fraction_ms: int,
) -> None:
    where = site(now=NOW + timedelta(milliseconds=200))
    begins = fraction_ms / 1000 - 5

    found = made(installed((0, 10), (60, 12), (70, 14), starts_in_s=begins), where=where)

    start_s = (found.start_us - micros(NOW)) / 1e6
    assert -0.8 < start_s <= 0.2
    assert [start_s + s for s, _ in told(found)[1:]] == [begins + 60, begins + 70]
    assert [limit for _, limit in told(found)] == [10, 12, 14]


def test_of_changes_within_a_second_the_last_one_is_told() -> None:
    first = installed((0, 10), starts_in_s=29.9, duration_s=10)
    second = installed((0, 8), starts_in_s=30.2, purpose=STATION_MAX, number=2)

    found = made(first, second)

    assert found.start_us == micros(at(-0.1))
    assert told(found) == [(0, 32), (30, 8)]


@pytest.mark.requirement("K08.FR.02", "S16-SC-07")
def test_limits_in_watts_are_told_in_watts_as_they_were_set() -> None:
    watts, amps = installed((0, 6000), unit=WATT), installed((0, 8), purpose=TX, number=2)

    assert told(made(watts, unit=WATT)) == [(0, 6000)]
    assert told(made(watts)) == [(0, Decimal("8.6"))]
    assert told(made(amps, unit=WATT)) == [(0, 8 * 690)]
    assert told(made(unit=WATT)) == [(0, 32 * 690)]


@pytest.mark.requirement("K01.FR.140")
def test_the_number_of_phases_is_told_where_it_is_not_three() -> None:
    switching = site(place(supply=Supply(switches=True)))
    profile = installed((0, 16, 1), (60, 16, 3))

    found = made(profile, where=switching)

    assert [(p.start_s, p.limit, p.phases) for p in found.periods] == [(0, 16, 1), (60, 16, None)]
    (alone,) = made(where=site(place(supply=Supply(1)))).periods
    assert alone.phases == 1


@pytest.mark.requirement("K01.FR.46")
def test_the_chosen_phase_is_told_where_it_holds() -> None:
    choosing = site(place(supply=Supply(switches=True, chooses=True)))
    profile = installed((0, 16, 1, 2), (60, 16, 1, 3), (120, 16, 1), (180, 16))

    found = made(profile, where=choosing)

    assert [(p.start_s, p.phases, p.phase_to_use) for p in found.periods] == [
        *((0, 1, 2), (60, 1, 3), (120, 1, None), (180, None, None)),
    ]
    unable = made(profile, where=site(place(supply=Supply(switches=True))))
    assert [(p.start_s, p.phase_to_use) for p in unable.periods] == [(0, None), (180, None)]


@pytest.mark.requirement("K08.FR.03", "S16-SC-07")
def test_the_station_expects_the_sum_of_its_evses_up_to_its_limit() -> None:
    both = site(place(1), place(2, **IDLE))
    station = installed((0, 40), purpose=STATION_MAX, number=2)
    one = installed((0, 6), evse=2, number=3)

    assert told(made(evse=0, where=both)) == [(0, 64)]
    assert told(made(one, evse=0, where=both)) == [(0, 38)]
    assert told(made(one, station, evse=0, where=both)) == [(0, 38)]
    assert told(made(station, evse=0, where=both)) == [(0, 40)]
    watts = installed((0, 12_000), purpose=STATION_MAX, unit=WATT)
    assert told(made(watts, evse=0, unit=WATT, where=both)) == [(0, 12_000)]
    assert told(made(evse=0, unit=WATT, where=both)) == [(0, 64 * 690)]


def meaning(*parts: tuple[float, int], phases: int = 3) -> tuple[Intention, ...]:
    """Word what an EV means to take: from some seconds on so many W."""
    return tuple(Intention(micros(at(s)), watts * 1000, phases) for s, watts in parts)


@pytest.mark.requirement("K15.FR.14", "K16.FR.10", "K17.FR.14")
def test_what_an_ev_means_to_take_is_told_where_it_is_less_than_it_may_take() -> None:
    where = site(place(intended=meaning((10, 6900), (60, 20_000), (100, 0))))
    profile = installed((0, 16), (80, 8))

    assert told(made(profile, where=where)) == [(0, 16), (10, 10), (60, 16), (80, 8), (100, 0)]
    assert told(made(profile, where=where, unit=WATT))[:2] == [(0, 16 * 690), (10, 6900)]
    steps = plan_of((profile,)).steps(where, where.now_us, micros(at(300)))
    assert [step.allowances[0].current_ma for step in steps] == [16_000, 8000], "the pilot offers"


@pytest.mark.requirement("K15.FR.14")
def test_what_an_ev_means_to_take_counts_on_the_phases_that_it_uses() -> None:
    where = site(place(intended=meaning((0, 3680), phases=1)), place(2, **IDLE))

    assert told(made(where=where)) == [(0, 16)]
    assert told(made(where=where, unit=WATT)) == [(0, 3680)]
    assert told(made(evse=0, where=where)) == [(0, 48)]
    assert told(made(evse=0, where=where, unit=WATT)) == [(0, 3680 + 32 * 690)]


@pytest.mark.requirement("K08.FR.06")
def test_an_evse_without_a_car_is_planned_as_if_there_were_one() -> None:
    busy = site(place(1), place(2, **IDLE), supply_ma=32_000)

    assert told(made(evse=2, where=busy)) == [(0, 16)]
    assert told(made(evse=1, where=busy)) == [(0, 32)]


def test_more_periods_than_a_schedule_may_have_shorten_the_duration_truthfully() -> None:
    minutes = installed(*((n * 60, 6 + n % 7) for n in range(MAX_PERIODS)), kind=RECURRING)

    found = made(minutes, duration_s=7 * 86_400)

    assert len(found.periods) == MAX_PERIODS
    assert found.periods[-1].start_s < found.duration_s < 2 * 86_400
    longer = made(minutes, duration_s=found.duration_s + 1)
    assert told(longer) == told(found)


def test_nobody_plans_for_longer_than_a_month() -> None:
    found = made(installed((0, 10), kind=RECURRING), duration_s=2**31 - 1)

    assert found.duration_s == LONGEST_S
    assert told(found) == [(0, 10)]


def test_a_long_schedule_is_worked_out_bit_by_bit() -> None:
    # What changes beyond the EVSE's own limit is looked at, and leaves nothing to tell.
    steps = [(n * 84, 40 + n % 2) for n in range(MAX_PERIODS)]
    plan = plan_of([installed(*steps, kind=RECURRING, purpose=STATION_MAX)])

    work = composing(plan, site(), 1, AMPERE, 31 * 86_400)
    breaks = sum(1 for _ in work)

    assert breaks == 31 * 4
    found = composite(plan, site(), 1, AMPERE, 31 * 86_400)
    assert (found.duration_s, told(found)) == (31 * 86_400, [(0, 32)])


@pytest.mark.requirement("K08.FR.06")
def test_day_by_day_is_the_same_as_at_once() -> None:
    relative = installed((0, 10), (100_000, 12), (150_000, 14), kind=ProfileKind.RELATIVE)
    nobody = site(place(**IDLE))

    assert told(made(relative, duration_s=200_000, where=nobody)) == [
        (0, 10),
        (100_000, 12),
        (150_000, 14),
    ]


@pytest.mark.requirement("K01.FR.07", "K10.FR.05", "K03.FR.03")
def test_each_plan_is_what_its_profiles_say_though_it_uses_the_last_one_again() -> None:
    kept, gone = installed((0, 10)), installed((0, 6), purpose=TX, number=2)
    first = plan_of((kept, gone))
    second = plan_of((kept, replace(gone, profile=replace(gone.profile, valid_to=at(-1)))), first)

    assert {id(t) for t in first.timelines} & {id(t) for t in second.timelines}
    assert told(composite(first, site(), 1, AMPERE, 60)) == [(0, 6)]
    assert told(composite(second, site(), 1, AMPERE, 60)) == [(0, 10)]
