from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.smart_charging import (
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    SchedulePeriod,
    Supply,
    composite,
    install,
    limit_a,
    next_change,
    validate,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit

NOW = datetime(2025, 5, 17, 12, 0, tzinfo=UTC)
SUPPLY = Supply(phases=3, nominal_voltage_v=230, max_current_a=Decimal(32))
RUNNING = "7f6d3a52"
STATION_MAX, TX_DEFAULT, TX = (
    ProfilePurpose.STATION_MAX,
    ProfilePurpose.TX_DEFAULT,
    ProfilePurpose.TX,
)


def profile(
    *periods: tuple[int, object],
    purpose: ProfilePurpose = TX_DEFAULT,
    number: int = 1,
    unit: RateUnit = RateUnit.AMPERE,
    starts_in_s: float | None = 0,
    duration_s: int | None = None,
) -> ChargingProfile:
    start = None if starts_in_s is None else NOW + timedelta(seconds=starts_in_s)
    steps = tuple(SchedulePeriod(start_s, Decimal(str(limit))) for start_s, limit in periods)
    return ChargingProfile(
        id=number,
        stack_level=0,
        purpose=purpose,
        kind="Absolute",
        schedule=ChargingSchedule(unit, steps, start, duration_s),
        transaction_id=RUNNING if purpose is TX else None,
    )


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def limit(
    *installed: InstalledProfile,
    seconds: float = 0,
    evse: int = 1,
    running: str | None = RUNNING,
    supply: Supply = SUPPLY,
) -> Decimal:
    return limit_a(installed, evse, supply, running, at(seconds))


# --- The limit of one instant.


def test_without_profiles_the_hardware_is_the_limit() -> None:
    assert limit() == 32
    assert limit(running=None) == 32


@pytest.mark.requirement("K01.FR.12", "K01.FR.51", "S16-SC-11")
def test_a_period_lasts_until_the_next_one() -> None:
    installed = InstalledProfile(1, profile((0, 16), (60, 10)))

    assert limit(installed) == 16
    assert limit(installed, seconds=59.999) == 16
    assert limit(installed, seconds=60) == 10
    assert limit(installed, seconds=86_400 * 400) == 10


@pytest.mark.requirement("K01.FR.11", "S16-SC-11")
def test_periods_beyond_the_duration_are_not_executed() -> None:
    installed = InstalledProfile(1, profile((0, 16), (60, 10), duration_s=60))

    assert limit(installed, seconds=59) == 16
    assert limit(installed, seconds=60) == 32


@pytest.mark.requirement("K01.FR.30")
def test_a_schedule_of_the_future_does_not_limit_yet() -> None:
    installed = InstalledProfile(1, profile((0, 10), starts_in_s=100))

    assert limit(installed, seconds=99) == 32
    assert limit(installed, seconds=100) == 10


def test_a_schedule_without_start_does_not_limit_before_it_is_anchored() -> None:
    installed = InstalledProfile(1, profile((0, 10), starts_in_s=None))

    assert limit(installed) == 32
    assert composite([installed], 1, SUPPLY, RUNNING, (NOW, 60)) == ((0, Decimal(32)),)


@pytest.mark.requirement("K01.FR.36", "K01.FR.37", "K01.FR.10")
def test_a_profile_limits_only_while_it_is_valid() -> None:
    bounded = replace(profile((0, 10)), valid_from=at(10), valid_to=at(20))
    installed = InstalledProfile(1, bounded)

    assert [limit(installed, seconds=s) for s in (9.9, 10, 19.9, 20)] == [32, 10, 10, 32]
    endless = InstalledProfile(1, profile((0, 10)))
    assert limit(endless, seconds=1e9) == 10


@pytest.mark.requirement("K08.FR.04", "S16-SC-06")
def test_the_least_of_all_purposes_holds() -> None:
    station = InstalledProfile(0, profile((0, 14), purpose=STATION_MAX, number=2))
    default = InstalledProfile(1, profile((0, 10)))

    assert limit(station, default) == 10
    assert limit(station, InstalledProfile(1, profile((0, 20)))) == 14
    assert limit(station, InstalledProfile(1, profile((0, 63)))) == 14
    assert limit(InstalledProfile(1, profile((0, 63)))) == 32


@pytest.mark.requirement("S16-SC-06")
def test_a_limit_of_the_station_is_shared_by_its_evses() -> None:
    station = InstalledProfile(0, profile((0, "25"), purpose=STATION_MAX))
    shared = replace(SUPPLY, evses=3)

    each = [limit(station, evse=evse, supply=shared) for evse in (1, 2, 3)]

    assert each == [Decimal("8.3")] * 3
    assert sum(each) <= 25


@pytest.mark.requirement("K01.FR.04", "S16-SC-03")
def test_a_tx_profile_goes_before_the_default_in_its_own_transaction_only() -> None:
    default = InstalledProfile(1, profile((0, 10)))
    tx = InstalledProfile(1, profile((0, 20), purpose=TX, number=2))

    assert limit(default, tx) == 20
    assert limit(default, tx, running="another") == 10
    assert limit(default, tx, running=None) == 10
    assert limit(default, tx, evse=2) == 32


def test_a_tx_profile_without_number_belongs_to_whatever_runs() -> None:
    any_tx = replace(profile((0, 20), purpose=TX), transaction_id=None)

    assert limit(InstalledProfile(1, any_tx), running="another") == 20
    assert limit(InstalledProfile(1, any_tx), running=None) == 32


def test_where_a_tx_profile_says_nothing_the_default_holds() -> None:
    default = InstalledProfile(1, profile((0, 10)))
    tx = InstalledProfile(1, profile((0, 20), purpose=TX, number=2, duration_s=60))

    assert [limit(default, tx, seconds=s) for s in (59, 60)] == [20, 10]


@pytest.mark.requirement("K01.FR.14", "K01.FR.15", "S16-SC-02")
def test_the_default_of_an_evse_goes_before_the_stations() -> None:
    station = InstalledProfile(0, profile((0, 10)))
    own = InstalledProfile(1, profile((0, 20), number=2))

    assert limit(station, own) == 20
    assert limit(own, station) == 20
    assert limit(station, own, evse=2) == 10


@pytest.mark.requirement("K08.FR.06")
def test_without_transaction_the_default_counts() -> None:
    assert limit(InstalledProfile(1, profile((0, 10))), running=None) == 10


@pytest.mark.requirement("K01.FR.50", "K01.FR.49", "S16-SC-13", "S16-SC-14")
@pytest.mark.parametrize(
    ("phases", "supplied", "expected"),
    [(None, 3, "10"), (3, 3, "10"), (None, 1, "30"), (3, 1, "30")],
)
def test_watts_are_spread_over_the_phases_in_use(
    phases: int | None, supplied: int, expected: str
) -> None:
    watts = profile((0, 6900), unit=RateUnit.WATT)
    period = replace(watts.schedule.periods[0], phases=phases)
    watts = replace(watts, schedule=replace(watts.schedule, periods=(period,)))

    found = limit(InstalledProfile(1, watts), supply=replace(SUPPLY, phases=supplied))

    assert found == Decimal(expected)


def test_watts_meant_for_fewer_phases_are_never_exceeded_on_all_of_them() -> None:
    watts = profile((0, 3680), unit=RateUnit.WATT)
    period = replace(watts.schedule.periods[0], phases=1)
    watts = replace(watts, schedule=replace(watts.schedule, periods=(period,)))

    assert limit(InstalledProfile(1, watts)) * 3 * 230 <= 3680


@pytest.mark.requirement("K01.FR.51")
def test_amperes_hold_per_phase_whatever_the_number_of_phases() -> None:
    amperes = profile((0, 10))
    for phases in (1, 2, 3, None):
        period = replace(amperes.schedule.periods[0], phases=phases)
        changed = replace(amperes, schedule=replace(amperes.schedule, periods=(period,)))
        assert limit(InstalledProfile(1, changed)) == 10


def test_a_limit_is_told_in_tenths_and_never_rounded_up() -> None:
    assert limit(InstalledProfile(1, profile((0, "15.99")))) == Decimal("15.9")
    assert limit(InstalledProfile(1, profile((0, "0.09")))) == 0
    assert limit(InstalledProfile(1, profile((0, 0)))) == 0
    assert limit(InstalledProfile(1, profile((0, "1E+999999")))) == 32
    assert limit(InstalledProfile(1, profile((0, "1E-999999")))) == 0


# --- What may be installed.


@pytest.mark.requirement("K01.FR.09", "K01.FR.16", "K01.FR.28", "K01.FR.33", "S16-SC-01")
@pytest.mark.parametrize(
    ("evse", "purpose", "transaction", "running", "reason"),
    [
        (1, TX_DEFAULT, None, None, None),
        (0, TX_DEFAULT, None, None, None),
        (0, STATION_MAX, None, None, None),
        (1, STATION_MAX, None, None, "InvalidProfile"),
        (1, TX, None, RUNNING, None),
        (1, TX, RUNNING, RUNNING, None),
        (1, TX, "another", RUNNING, "TxNotFound"),
        (1, TX, None, None, "TxNotFound"),
        (0, TX, RUNNING, RUNNING, "TxNotFound"),
        (3, TX_DEFAULT, None, None, "UnknownEvse"),
    ],
)
def test_purpose_evse_and_transaction_must_fit(
    evse: int,
    purpose: ProfilePurpose,
    transaction: str | None,
    running: str | None,
    reason: str | None,
) -> None:
    wanted = replace(profile((0, 10), purpose=purpose), transaction_id=transaction)

    assert validate(evse, wanted, (1, 2), running) == reason


@pytest.mark.requirement("K01.FR.31", "K01.FR.35")
@pytest.mark.parametrize(
    "periods",
    [
        (),
        ((1, 10),),
        ((-1, 10), (0, 10)),
        ((0, 10), (60, 11), (30, 12)),
        ((0, 10), (60, 11), (60, 12)),
        ((0, "-0.1"),),
        ((0, "NaN"),),
        ((0, "sNaN"),),
        ((0, "Infinity"),),
        tuple((n, 10) for n in range(MAX_PERIODS + 1)),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(
    periods: tuple[tuple[int, object], ...],
) -> None:
    assert validate(1, profile(*periods), (1,), None) == "InvalidSchedule"


@pytest.mark.parametrize("phases", [0, 4, -1])
def test_a_number_of_phases_that_does_not_exist_is_refused(phases: int) -> None:
    wanted = profile((0, 10))
    period = replace(wanted.schedule.periods[0], phases=phases)
    wanted = replace(wanted, schedule=replace(wanted.schedule, periods=(period,)))

    assert validate(1, wanted, (1,), None) == "InvalidSchedule"


@pytest.mark.requirement("S16-SC-16")
def test_what_is_advertised_is_accepted_inclusive() -> None:
    largest = profile(*((n * 60, 0) for n in range(MAX_PERIODS)))

    assert validate(1, replace(largest, stack_level=MAX_STACK_LEVEL), (1,), None) is None
    above = replace(largest, stack_level=MAX_STACK_LEVEL + 1)
    assert validate(1, above, (1,), None) == "InvalidStackLevel"
    assert validate(1, replace(largest, stack_level=-1), (1,), None) == "InvalidStackLevel"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Absolute", None),
        ("Relative", None),
        ("Recurring", "UnsupportedKind"),
        ("Dynamic", "UnsupportedKind"),
    ],
)
def test_only_kinds_that_can_be_followed_are_accepted(kind: str, reason: str | None) -> None:
    assert validate(1, replace(profile((0, 10)), kind=kind), (1,), None) == reason


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "reason"),
    [
        (None, None, None),
        (at(0), None, None),
        (None, at(0), None),
        (at(0), at(1), None),
        (at(0), at(0), "InvalidSchedule"),
        (at(1), at(0), "InvalidSchedule"),
    ],
)
def test_a_profile_must_be_valid_at_some_time(
    valid_from: datetime | None, valid_to: datetime | None, reason: str | None
) -> None:
    wanted = replace(profile((0, 10)), valid_from=valid_from, valid_to=valid_to)

    assert validate(1, wanted, (1,), None) == reason


@pytest.mark.requirement("K01.FR.05", "S16-SC-05")
def test_the_same_id_or_the_same_place_gives_way() -> None:
    station = InstalledProfile(0, profile((0, 30), purpose=STATION_MAX, number=9))
    first = InstalledProfile(1, profile((0, 10), number=1))
    installed = install([station], first)

    same_id = InstalledProfile(2, profile((0, 11), number=1))
    assert install(installed, same_id) == (station, same_id)
    same_place = InstalledProfile(1, profile((0, 12), number=2))
    assert install(installed, same_place) == (station, same_place)
    elsewhere = InstalledProfile(2, profile((0, 12), number=2))
    assert install(installed, elsewhere) == (station, first, elsewhere)


# --- What is to come.


@pytest.mark.requirement("K08.FR.02", "S16-SC-07")
def test_the_composite_merges_what_does_not_change() -> None:
    installed = [
        InstalledProfile(0, profile((0, 20), (100, 8), purpose=STATION_MAX, number=2)),
        InstalledProfile(1, profile((0, 10), (50, 10), (150, 6), duration_s=200)),
    ]

    found = composite(installed, 1, SUPPLY, None, (NOW, 300))

    assert found == (
        (0, Decimal(10)),
        (100, Decimal(8)),
        (150, Decimal(6)),
        (200, Decimal(8)),
    )
    assert composite(installed, 1, SUPPLY, None, (NOW, 100)) == ((0, Decimal(10)),)
    assert composite(installed, 1, SUPPLY, None, (NOW, 0)) == ((0, Decimal(10)),)


@pytest.mark.parametrize("far", [2**31, 2**40, 2**62])
def test_steps_beyond_all_calendars_do_no_harm(far: int) -> None:
    distant = profile((0, 10), (60, 12), (far, 14), duration_s=far + 1)
    installed = [InstalledProfile(1, distant)]

    found = composite(installed, 1, SUPPLY, None, (NOW, far))

    assert found[:2] == ((0, Decimal(10)), (60, Decimal(12)))
    assert next_change(installed, NOW) == at(60)
    assert next_change(installed, at(60)) is None
    assert limit_a(installed, 1, SUPPLY, None, at(100)) == 12


@pytest.mark.requirement("K01.FR.07", "K01.FR.30")
def test_the_next_change_is_the_exact_instant() -> None:
    installed = [
        InstalledProfile(1, profile((0, 10), (60, 11), starts_in_s=0.25)),
        InstalledProfile(2, replace(profile((0, 10), number=2), valid_to=at(90))),
    ]

    assert next_change(installed, NOW) == at(0.25)
    assert next_change(installed, at(0.25)) == at(60.25)
    assert next_change(installed, at(60.249)) == at(60.25)
    assert next_change(installed, at(60.25)) == at(90)
    assert next_change(installed, at(90)) is None
    assert next_change([], NOW) is None


def test_a_change_of_another_day_is_not_the_next_one_yet() -> None:
    installed = [InstalledProfile(1, profile((0, 10), (86_401, 11)))]

    assert next_change(installed, NOW) is None
    assert next_change(installed, at(2)) == at(86_401)


limits = st.decimals(min_value=0, max_value=40, places=1)
watts = st.decimals(min_value=0, max_value=30_000, places=0)


@st.composite
def installed_profiles(draw: st.DrawFn) -> list[InstalledProfile]:
    found: tuple[InstalledProfile, ...] = ()
    for number in range(draw(st.integers(0, 5))):
        purpose = draw(st.sampled_from(ProfilePurpose))
        unit = draw(st.sampled_from(RateUnit))
        starts = sorted(draw(st.sets(st.integers(1, 40), max_size=4)))
        values = limits if unit is RateUnit.AMPERE else watts
        wanted = profile(
            *((start_s, draw(values)) for start_s in (0, *starts)),
            purpose=purpose,
            number=number,
            unit=unit,
            starts_in_s=draw(st.floats(-30, 30)),
            duration_s=draw(st.none() | st.integers(0, 60)),
        )
        bounds = st.none() | st.floats(-30, 60).map(at)
        wanted = replace(wanted, valid_from=draw(bounds), valid_to=draw(bounds))
        evse = {STATION_MAX: 0, TX: 1}.get(purpose, draw(st.integers(0, 2)))
        found = install(found, InstalledProfile(evse, wanted))
    return list(found)


supplies = st.builds(
    Supply,
    phases=st.sampled_from([1, 3]),
    nominal_voltage_v=st.sampled_from([120, 230]),
    max_current_a=st.sampled_from([Decimal(16), Decimal(32)]),
    evses=st.integers(1, 3),
)


@pytest.mark.requirement("K08.FR.02", "K08.FR.04", "S16-SC-07")
@settings(max_examples=150, deadline=None)
@given(installed_profiles(), supplies, st.sampled_from([None, RUNNING]), st.floats(-40, 40))
def test_the_composite_is_the_limit_second_by_second(
    installed: list[InstalledProfile], supply: Supply, running: str | None, begins_s: float
) -> None:
    start, duration_s = at(begins_s), 60

    periods = composite(installed, 1, supply, running, (start, duration_s))

    assert periods[0][0] == 0
    assert [offset for offset, _ in periods] == sorted({offset for offset, _ in periods})
    for second in range(duration_s):
        told = next(value for offset, value in reversed(periods) if offset <= second)
        instant = start + timedelta(seconds=second)
        assert told == limit_a(installed, 1, supply, running, instant)
        assert 0 <= told <= supply.max_current_a


@settings(max_examples=150, deadline=None)
@given(installed_profiles(), supplies, st.floats(-40, 40))
def test_nothing_changes_before_the_next_change(
    installed: list[InstalledProfile], supply: Supply, begins_s: float
) -> None:
    now = at(begins_s)
    step = next_change(installed, now)
    assert step is None or step > now

    until = at(120) if step is None else step
    before = limit_a(installed, 1, supply, RUNNING, now)
    for fraction in (0.01, 0.5, 0.9):
        instant = min(now + (until - now) * fraction, until - timedelta(microseconds=1))
        assert limit_a(installed, 1, supply, RUNNING, instant) == before
