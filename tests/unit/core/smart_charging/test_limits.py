"""What profiles allow: periods, purposes, stack levels, units and phases."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent.core.smart_charging.ceilings import ANY_PHASE, Supply
from agent.core.smart_charging.profiles import InstalledProfile, ProfileKind, Recurrency
from agent.core.smart_charging.timeline import micros
from tests.unit.core.smart_charging.builders import (
    GENERATION,
    IDLE,
    NOW,
    OUTSIDE,
    PRIORITY,
    RUNNING,
    STATION_MAX,
    TX,
    TX_DEFAULT,
    WATT,
    allowances,
    at,
    course,
    installed,
    limit,
    place,
    site,
)

DAY_S = 86_400
RELATIVE, RECURRING, DYNAMIC = ProfileKind.RELATIVE, ProfileKind.RECURRING, ProfileKind.DYNAMIC
NOBODY = site(place(**IDLE))
SWITCHING = Supply(switches=True)
CHOOSING = Supply(switches=True, chooses=True)


def test_without_profiles_the_hardware_is_the_limit() -> None:
    assert limit() == 32
    assert limit(where=NOBODY) == 32


# --- Periods, durations, validity.


@pytest.mark.requirement("K01.FR.12", "K01.FR.51", "K01.FR.10", "S16-SC-11")
def test_a_period_lasts_until_the_next_one_and_the_last_one_for_ever() -> None:
    profile = installed((0, 16), (60, 10))

    assert [limit(profile, seconds=s) for s in (0, 59.999, 60)] == [16, 16, 10]
    assert limit(profile, seconds=DAY_S * 400) == 10


@pytest.mark.requirement("K01.FR.11", "S16-SC-11")
def test_periods_beyond_the_duration_are_not_executed() -> None:
    profile = installed((0, 16), (60, 10), duration_s=60)

    assert course(profile, for_s=600) == [(0, 16), (60, 32)]


@pytest.mark.requirement("K01.FR.30")
def test_a_schedule_of_the_future_does_not_limit_yet() -> None:
    assert course(installed((0, 10), starts_in_s=100), for_s=600) == [(0, 32), (100, 10)]


@pytest.mark.requirement("K01.FR.36", "K01.FR.37")
def test_a_profile_limits_only_while_it_is_valid() -> None:
    profile = installed((0, 10), valid_from=at(10), valid_to=at(20))

    assert course(profile, for_s=60) == [(0, 32), (10, 10), (20, 32)]


@pytest.mark.parametrize("far", [2**31, 2**40, 2**62])
def test_steps_beyond_all_calendars_do_no_harm(far: int) -> None:
    profile = installed((0, 10), (60, 12), (far, 14), duration_s=far + 1)

    assert course(profile, for_s=DAY_S) == [(0, 10), (60, 12)]


# --- Recurrence.


@pytest.mark.requirement("K01.FR.13", "S16-SC-11", "S16-SC-12")
def test_a_daily_schedule_begins_anew_each_day_and_leaves_the_rest_to_lower_levels() -> None:
    nightly = installed(
        (0, 10), (3600, 8), kind=RECURRING, duration_s=7200, stack_level=1, starts_in_s=100
    )
    default = installed((0, 20), number=2)

    assert course(nightly, default, for_s=2 * DAY_S) == [
        (0, 20),
        (100, 10),
        (3700, 8),
        (7300, 20),
        (DAY_S + 100, 10),
        (DAY_S + 3700, 8),
        (DAY_S + 7300, 20),
    ]


@pytest.mark.requirement("S16-SC-11")
def test_what_is_longer_than_its_recurrence_is_cut_off_there() -> None:
    daily = installed((0, 10), (DAY_S + 60, 6), kind=RECURRING, duration_s=2 * DAY_S)

    assert course(daily, for_s=4 * DAY_S) == [(0, 10)]


@pytest.mark.requirement("S16-SC-12")
def test_a_weekly_schedule_begins_on_its_day_of_the_week() -> None:
    weekly = installed(
        (0, 10),
        kind=RECURRING,
        recurrency=Recurrency.WEEKLY,
        duration_s=3600,
        starts_in_s=-3 * DAY_S,
    )

    assert course(weekly, for_s=15 * DAY_S) == [
        (0, 32),
        (4 * DAY_S, 10),
        (4 * DAY_S + 3600, 32),
        (11 * DAY_S, 10),
        (11 * DAY_S + 3600, 32),
    ]


# --- Relative and Dynamic profiles.


@pytest.mark.requirement("K01.FR.42", "S16-SC-12")
def test_a_relative_schedule_counts_from_when_charging_could_begin() -> None:
    profile = installed((0, 10), (600, 16), kind=RELATIVE)
    charging = site(place(ready_us=micros(at(-500))))

    assert course(profile, for_s=3600, where=charging) == [(0, 10), (100, 16)]


@pytest.mark.requirement("K08.FR.06")
def test_a_relative_schedule_of_nobody_is_planned_as_if_charging_began_now() -> None:
    profile = installed((0, 10), (600, 16), kind=RELATIVE)

    assert course(profile, for_s=3600, where=NOBODY) == [(0, 10), (600, 16)]


def test_a_relative_schedule_of_the_whole_station_counts_from_when_it_was_set() -> None:
    profile = installed((0, 10), (600, 16), kind=RELATIVE, purpose=STATION_MAX, installed_at=NOW)

    assert course(profile, for_s=3600) == [(0, 10), (600, 16)]


@pytest.mark.requirement("K28.FR.13", "K28.FR.14", "K28.FR.15", "K29.FR.07", "K29.FR.08")
def test_a_dynamic_limit_holds_so_long_after_its_last_update() -> None:
    old = installed((0, 10), kind=DYNAMIC, duration_s=300, updated_at=at(-400), stack_level=1)
    fresh = installed((0, 8), kind=DYNAMIC, duration_s=300, updated_at=at(-100), stack_level=1)
    default = installed((0, 20), number=2)

    assert limit(old, default) == 20
    assert course(fresh, default, for_s=3600) == [(0, 8), (200, 20)]


# --- Which profile leads.


@pytest.mark.requirement("K01.FR.17", "S16-SC-05")
def test_the_highest_stack_level_leads_where_it_has_something_to_say() -> None:
    high = installed((0, 10), stack_level=3, duration_s=60)
    middle = installed((0, 25), stack_level=2, number=2, valid_to=at(120))
    low = installed((0, 16), stack_level=0, number=3)

    assert course(low, high, middle, for_s=600) == [(0, 10), (60, 25), (120, 16)]


@pytest.mark.requirement("K08.FR.04", "S16-SC-06")
def test_the_least_of_all_purposes_holds() -> None:
    station = installed((0, 14), purpose=STATION_MAX, number=2)

    assert limit(station, installed((0, 10))) == 10
    assert limit(station, installed((0, 20))) == 14
    assert limit(installed((0, 63))) == 32


@pytest.mark.requirement("K01.FR.04", "K02.FR.04", "S16-SC-03")
def test_a_tx_profile_goes_before_the_default_in_its_own_transaction_only() -> None:
    default, tx = installed((0, 10)), installed((0, 20), purpose=TX, number=2)

    assert limit(default, tx) == 20
    assert limit(default, tx, where=site(place(transaction_id="another"))) == 10
    assert limit(default, tx, where=NOBODY) == 10
    assert limit(default, tx, where=site(place(2))) == 32


@pytest.mark.requirement("K02.FR.08")
def test_where_a_tx_profile_says_nothing_the_lowest_of_the_others_holds() -> None:
    default = installed((0, 20))
    station = installed((0, 14), purpose=STATION_MAX, number=3)
    tx = installed((0, 10), purpose=TX, number=2, duration_s=60)

    assert course(default, tx, station, for_s=600) == [(0, 10), (60, 14)]
    assert course(tx, for_s=600) == [(0, 10), (60, 32)]


@pytest.mark.requirement("F01.FR.10", "K05.FR.03")
def test_what_came_with_a_remote_start_counts_before_there_is_a_transaction() -> None:
    attached = installed((0, 8), purpose=TX, pending=True, transaction_id=None)

    assert limit(attached, where=NOBODY) == 8
    assert limit(attached) == 32


@pytest.mark.requirement("K01.FR.14", "K01.FR.15")
def test_defaults_of_the_station_and_of_an_evse_are_one_stack() -> None:
    of_all = installed((0, 10), evse=0, stack_level=1)
    own = installed((0, 20), number=2, stack_level=2)

    assert limit(of_all, own) == 20
    assert limit(of_all, own, where=site(place(2))) == 10
    assert limit(replace(of_all, profile=replace(of_all.profile, stack_level=3)), own) == 10


@pytest.mark.requirement("S16-SC-02")
def test_a_default_that_shadows_goes_before_the_stations_whatever_the_level() -> None:
    of_all = installed((0, 10), evse=0, stack_level=5)
    own = installed((0, 20), number=2, stack_level=0, shadows=True)

    assert limit(of_all, own) == 20
    assert limit(of_all, own, where=site(place(2))) == 10


@pytest.mark.requirement("K21.FR.04", "K21.FR.07", "K22.FR.02", "K22.FR.04")
def test_priority_charging_goes_before_transaction_and_default_but_not_the_station() -> None:
    tx, default = installed((0, 8), purpose=TX, number=2), installed((0, 10))
    priority = installed((0, 30), purpose=PRIORITY, number=3, evse=0)
    station = installed((0, 24), purpose=STATION_MAX, number=4)
    preferred = site(place(prioritized=True))

    assert limit(tx, default, priority, where=preferred) == 30
    assert limit(tx, default, priority, station, where=preferred) == 24
    assert limit(tx, default, priority, station) == 8


@pytest.mark.requirement("K11.FR.01", "K12.FR.01")
def test_every_limit_from_outside_holds() -> None:
    first = installed((0, 20), purpose=OUTSIDE, source="EMS")
    second = installed((0, 18), purpose=OUTSIDE, source="SO", number=2)
    own = installed((0, 12), purpose=OUTSIDE, evse=1, number=3, source="Other")

    assert limit(first) == 20
    assert limit(first, second) == 18
    assert limit(first, second, own) == 12
    assert limit(first, second, own, where=NOBODY) == 12


@pytest.mark.requirement("K04.FR.05", "K08.FR.04", "K27.FR.01")
def test_local_generation_adds_to_what_the_station_may_take_and_to_nothing_else() -> None:
    station = installed((0, 10), purpose=STATION_MAX)
    amps = installed((0, 6), purpose=GENERATION, number=2, source="EMS")
    watts = installed((0, 6900), purpose=GENERATION, number=3, unit=WATT, source="EMS")

    assert limit(station, amps) == 16
    assert limit(station, watts) == 20
    assert limit(amps) == 32
    assert limit(station, amps, installed((0, 12), number=4)) == 12
    assert limit(installed((0, 6900), purpose=STATION_MAX, unit=WATT), amps) == 16


# --- Without connection.


@pytest.mark.requirement("K01.FR.101", "K01.FR.102", "K01.FR.103")
def test_a_profile_may_hold_only_so_long_without_connection() -> None:
    short = installed((0, 8), stack_level=1, max_offline_s=300)
    always = installed((0, 20), number=2)
    offline = site(offline_us=micros(at(-100)))

    assert limit(short, always) == 8
    assert course(short, always, for_s=3600, where=offline) == [(0, 8), (200, 20)]


def test_a_profile_for_no_second_without_connection_ends_with_it() -> None:
    never = installed((0, 8), max_offline_s=0)

    assert limit(never) == 8
    assert limit(never, where=site(offline_us=micros(NOW))) == 32


@pytest.mark.requirement("K06.FR.01", "K06.FR.02", "K07.FR.01", "S16-SC-15")
def test_without_connection_profiles_hold_and_nothing_else_limits() -> None:
    offline = site(offline_us=micros(at(-100_000)))

    assert limit(installed((0, 9), purpose=TX), where=offline) == 9
    assert limit(installed((0, 9)), where=offline) == 9
    assert limit(where=offline) == 32


def test_a_fallback_limit_holds_from_its_instant_on() -> None:
    where = site(fallback_us=micros(at(60)), fallback_ma=10_000)

    assert course(for_s=600, where=where) == [(0, 32), (60, 10)]
    assert course(for_s=50, where=where) == [(0, 32)]
    assert limit(seconds=61, where=where) == 10
    assert limit(installed((0, 7)), seconds=61, where=where) == 7


# --- Units and phases.


@pytest.mark.requirement("K01.FR.50", "K01.FR.49", "K01.FR.45", "S16-SC-13", "S16-SC-14")
@pytest.mark.parametrize(
    ("phases", "supplied", "expected"),
    [((), 3, 10), ((3,), 3, 10), ((), 1, 30), ((3,), 1, 30), ((1,), 1, 30)],
)
def test_watts_are_spread_over_the_phases_that_are_fed(
    phases: tuple[int, ...], supplied: int, expected: int
) -> None:
    watts = installed((0, 6900, *phases), unit=WATT)  # type: ignore[arg-type] # two or three

    assert limit(watts, where=site(place(supply=Supply(supplied)))) == expected


def test_watts_meant_for_fewer_phases_are_never_exceeded_on_all_of_them() -> None:
    assert limit(installed((0, 3680, 1), unit=WATT)) * 3 * 230 <= 3680


@pytest.mark.requirement("K01.FR.47", "K01.FR.50")
def test_an_evse_that_can_switch_feeds_one_phase_where_no_more_may_be_used() -> None:
    watts = installed((0, 3680, 1), (60, 11_040), (120, 3680, 2), unit=WATT)
    where = site(place(supply=SWITCHING))

    found = [allowances([watts], seconds=s, where=where)[0] for s in (0, 60, 120)]

    assert [(a.current_ma, a.phases) for a in found] == [(16_000, 1), (16_000, 3), (16_000, 1)]


@pytest.mark.requirement("K01.FR.140")
def test_the_fewest_phases_of_all_limits_count_and_watts_are_divided_by_them() -> None:
    one_phase = installed((0, 32, 1))
    station = installed((0, 5520), purpose=STATION_MAX, unit=WATT, number=2)

    assert limit(one_phase, station, where=site(place(supply=SWITCHING))) == 24
    assert limit(one_phase, station) == 8


@pytest.mark.requirement("K01.FR.46", "K01.FR.47")
def test_a_single_phase_is_the_one_that_the_period_chooses_else_the_stations_choice() -> None:
    periods = ((0, 16, 1, 2), (60, 16, 1, 3), (120, 16, 1), (180, 16, 3), (240, 16))

    def chosen(supply: Supply) -> list[tuple[int, int]]:
        where = site(place(supply=supply))
        times_s = (0, 60, 120, 180, 240)
        found = [allowances([installed(*periods)], seconds=s, where=where)[0] for s in times_s]
        return [(a.phases, a.phase) for a in found]

    assert chosen(CHOOSING) == [(1, 2), (1, 3), (1, ANY_PHASE), (3, ANY_PHASE), (3, ANY_PHASE)]
    assert chosen(SWITCHING) == [(n, ANY_PHASE) for n in (1, 1, 1, 3, 3)]


@pytest.mark.requirement("K01.FR.46", "K01.FR.140")
def test_a_phase_chosen_for_the_station_goes_before_one_chosen_for_a_session() -> None:
    where = site(place(1, supply=CHOOSING), place(2, supply=CHOOSING))
    session = installed((0, 16, 1, 3))
    station = installed((0, 100, 1, 2), purpose=STATION_MAX, number=2)
    only_one = installed((0, 100, 1), purpose=STATION_MAX, number=2)

    def chosen(*profiles: InstalledProfile) -> list[tuple[int, int]]:
        return [(a.phases, a.phase) for a in allowances(profiles, where=where)]

    assert chosen(session) == [(1, 3), (3, ANY_PHASE)]
    assert chosen(station) == [(1, 2), (1, 2)]
    assert chosen(session, station) == [(1, 2), (1, 2)]
    assert chosen(session, only_one) == [(1, 3), (1, ANY_PHASE)]


@pytest.mark.requirement("K01.FR.50")
def test_watts_are_divided_by_the_voltage_of_the_evse() -> None:
    measured = site(place(supply=Supply(voltage_mv=241_500)))

    assert limit(installed((0, 7245), unit=WATT), where=measured) == 10


@pytest.mark.requirement("K01.FR.51", "S16-SC-13")
@pytest.mark.parametrize("phases", [(), (1,), (2,), (3,)])
def test_amperes_hold_per_phase_whatever_the_number_of_phases(phases: Any) -> None:
    assert limit(installed((0, 10, *phases))) == 10


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("15.99", "15.9"), ("0.09", "0"), ("0", "0"), ("1E+999999", "32"), ("1E-999999", "0")],
)
def test_a_limit_is_told_in_tenths_and_never_rounded_up(amount: str, expected: str) -> None:
    assert limit(installed((0, amount))) == Decimal(expected)


def test_zero_amperes_are_zero_and_not_no_limit() -> None:
    assert limit(installed((0, 0))) == 0
    assert limit(installed((0, 0), purpose=STATION_MAX, unit=WATT)) == 0


# --- A schedule that the EV has chosen.


@pytest.mark.requirement("K15.FR.22", "K16.FR.03")
def test_of_several_schedules_the_one_counts_that_the_ev_has_chosen() -> None:
    first, second = installed((0, 10), purpose=TX), installed((0, 14), purpose=TX)
    both = replace(
        first,
        profile=replace(
            first.profile, schedules=first.profile.schedules + second.profile.schedules
        ),
    )

    assert [limit(both, where=site(place(choice=n))) for n in range(3)] == [10, 14, 14]


def test_nothing_limits_a_transaction_that_is_not_its_own() -> None:
    foreign = installed((0, 6), purpose=TX, transaction_id=RUNNING + "x")

    assert limit(foreign, installed((0, 16), evse=2, purpose=TX_DEFAULT, number=2)) == 32


def test_a_window_may_begin_and_end_anywhere() -> None:
    profile = installed((0, 10), (1, 11), (2, 12), starts_in_s=0.25)

    assert course(profile, for_s=2) == [(0, 32), (0.25, 10), (1.25, 11)]
    assert limit(profile, seconds=2.25) == 12
    assert limit(profile, seconds=(timedelta(days=3650)).total_seconds()) == 12
