"""Which profiles are refused, with which reason; everything else is accepted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent.core.smart_charging.ceilings import Supply
from agent.core.smart_charging.profiles import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    InstalledProfile,
    ProfileKind,
    ProfileRules,
    SchedulePeriod,
)
from agent.core.smart_charging.validation import Outlet, Situation, validate
from tests.unit.core.smart_charging.builders import (
    GENERATION,
    OUTSIDE,
    PRIORITY,
    RUNNING,
    STATION_MAX,
    TX,
    TX_DEFAULT,
    WATT,
    at,
    installed,
)

RULES = ProfileRules()
RULES_21 = ProfileRules(reserves_ids=True, phases_agree=True)
RULES_16 = ProfileRules(
    same_level_gives_way=True,
    defaults_shadow=True,
    station_may_be_relative=True,
    phases_are_a_promise=False,
)
ABSOLUTE, RELATIVE = ProfileKind.ABSOLUTE, ProfileKind.RELATIVE
RECURRING, DYNAMIC = ProfileKind.RECURRING, ProfileKind.DYNAMIC


def situation(
    *profiles: InstalledProfile,
    running: str | None = RUNNING,
    supply: Supply | None = None,
    told_needs: bool = False,
    **more: Any,
) -> Situation:
    outlet = Outlet(supply or Supply(), running, told_needs)
    return Situation(outlets={1: outlet, 2: Outlet(supply or Supply())}, installed=profiles, **more)


def reason(
    new: InstalledProfile, where: Situation | None = None, rules: ProfileRules = RULES
) -> str | None:
    refusal = validate(new, rules, where or situation())
    assert refusal is None or refusal.info
    return None if refusal is None else refusal.reason_code


def with_periods(new: InstalledProfile, periods: Sequence[SchedulePeriod]) -> InstalledProfile:
    (schedule,) = new.profile.schedules
    changed = replace(schedule, periods=tuple(periods))
    return replace(new, profile=replace(new.profile, schedules=(changed,)))


# --- Place, purpose, transaction.


@pytest.mark.requirement(
    *("K01.FR.09", "K01.FR.16", "K01.FR.28", "K01.FR.33", "K04.FR.03", "S16-SC-01")
)
@pytest.mark.parametrize(
    ("evse", "purpose", "transaction", "expected"),
    [
        (1, TX_DEFAULT, None, None),
        (0, TX_DEFAULT, None, None),
        (0, STATION_MAX, None, None),
        (0, GENERATION, None, None),
        (0, PRIORITY, None, None),
        (1, PRIORITY, None, None),
        (1, STATION_MAX, None, "InvalidProfile"),
        (1, GENERATION, None, "InvalidProfile"),
        (0, OUTSIDE, None, "UnsupportedPurpose"),
        (1, TX, RUNNING, None),
        (1, TX, None, None),
        (1, TX, "another", "TxNotFound"),
        (2, TX, RUNNING, "TxNotFound"),
        (0, TX, RUNNING, "InvalidProfile"),
        (3, TX_DEFAULT, None, "UnknownEvse"),
        (3, TX, RUNNING, "UnknownEvse"),
    ],
)
def test_place_purpose_and_transaction_must_fit(
    evse: int, purpose: Any, transaction: str | None, expected: str | None
) -> None:
    new = installed((0, 10), evse=evse, purpose=purpose, transaction_id=transaction)

    assert reason(new) == expected


def test_a_profile_of_a_remote_start_needs_no_transaction_yet() -> None:
    new = installed((0, 10), evse=2, purpose=TX, pending=True, transaction_id=None)

    assert reason(new) is None


@pytest.mark.requirement("S16-SC-16")
def test_what_is_advertised_is_accepted_inclusive() -> None:
    largest = installed(*((n * 60, 0) for n in range(MAX_PERIODS)), stack_level=MAX_STACK_LEVEL)
    full = [installed((0, 6), number=n, stack_level=n) for n in range(MAX_PROFILES)]

    assert reason(largest) is None
    assert reason(replace(full[-1]), situation(*full[:-1])) is None
    one_more = installed((0, 6), number=99, evse=2)
    assert reason(one_more, situation(*full)) == "TooManyElements"
    assert reason(replace(full[0], profile=replace(full[0].profile, id=1)), situation(*full)) == (
        "DuplicateProfile"
    )
    assert reason(full[0], situation(*full)) is None
    for level in (-1, MAX_STACK_LEVEL + 1):
        assert reason(installed((0, 6), stack_level=level)) == "InvalidStackLevel"


def test_limits_from_outside_take_no_room_of_the_csms() -> None:
    full = [installed((0, 6), number=n, stack_level=n) for n in range(MAX_PROFILES - 1)]
    outside = installed((0, 6), purpose=OUTSIDE, number=-1, source="EMS")

    assert reason(installed((0, 6), number=99, evse=2), situation(*full, outside)) is None


@pytest.mark.requirement("K01.FR.81", "K01.FR.05")
def test_ids_of_limits_from_outside_are_not_the_csms_s() -> None:
    outside = installed((0, 6), purpose=OUTSIDE, number=5, source="EMS")
    reserved = situation(highest_external_id=10)

    assert reason(installed((0, 10), number=5), situation(outside)) == "InvalidProfileId"
    assert reason(installed((0, 10), number=10), reserved, RULES_21) == "InvalidProfileId"
    assert reason(installed((0, 10), number=11), reserved, RULES_21) is None
    assert reason(installed((0, 10), number=10), reserved) is None
    assert reason(installed((0, 10), number=-7)) is None


# --- Kinds.


@pytest.mark.requirement("K01.FR.40", "K01.FR.41")
@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        (ABSOLUTE, 0, None),
        (ABSOLUTE, None, "InvalidSchedule"),
        (RECURRING, 0, None),
        (RECURRING, None, "InvalidSchedule"),
        (RELATIVE, None, None),
        (RELATIVE, 0, "InvalidSchedule"),
        (DYNAMIC, None, None),
        (DYNAMIC, 0, None),
    ],
)
def test_a_start_belongs_to_schedules_at_the_clock(
    kind: ProfileKind, start: float | None, expected: str | None
) -> None:
    new = installed((0, 10), kind=kind, starts_in_s=start)
    (schedule,) = new.profile.schedules
    schedule = replace(schedule, start=None if start is None else at(start))

    assert reason(replace(new, profile=replace(new.profile, schedules=(schedule,)))) == expected


@pytest.mark.requirement("K01.FR.38")
def test_the_station_as_a_whole_has_nothing_to_be_relative_to_since_2() -> None:
    station = installed((0, 10), purpose=STATION_MAX, kind=RELATIVE)

    assert reason(station) == "InvalidProfile"
    assert reason(station, rules=RULES_16) is None


def test_a_recurring_profile_says_how_often() -> None:
    assert reason(installed((0, 10), kind=RECURRING, recurrency=None)) == "InvalidProfile"


@pytest.mark.requirement("K28.FR.01", "K28.FR.02", "K28.FR.03", "K29.FR.01", "K29.FR.02")
def test_a_dynamic_profile_is_one_limit() -> None:
    one = installed((0, 10), kind=DYNAMIC, purpose=TX)

    assert reason(one) is None
    assert reason(installed((0, 10), (60, 12), kind=DYNAMIC)) == "InvalidSchedule"
    assert reason(installed((1, 10), kind=DYNAMIC)) == "InvalidSchedule"
    twice = replace(one, profile=replace(one.profile, schedules=one.profile.schedules * 2))
    assert reason(twice, situation(told_needs=True)) == "InvalidSchedule"


@pytest.mark.requirement("K01.FR.122", "K28.FR.04")
@pytest.mark.parametrize("field", [{"update_interval_s": 30}, {"updated_at": at(0)}])
@pytest.mark.parametrize("kind", [ABSOLUTE, RELATIVE, RECURRING])
def test_only_dynamic_profiles_are_updated(kind: ProfileKind, field: dict[str, Any]) -> None:
    assert reason(installed((0, 10), kind=kind, **field)) == "InvalidProfile"
    assert reason(installed((0, 10), kind=DYNAMIC, **field)) is None


@pytest.mark.parametrize("field", ["update_interval_s", "max_offline_s"])
def test_negative_intervals_are_refused(field: str) -> None:
    assert reason(installed((0, 10), kind=DYNAMIC, **{field: -1})) == "InvalidProfile"


@pytest.mark.requirement("K01.FR.70")
def test_priority_charging_has_no_end() -> None:
    assert reason(installed((0, 10), purpose=PRIORITY, duration_s=60)) == "InvalidSchedule"


# --- Schedules.


@pytest.mark.requirement("K01.FR.31", "K01.FR.35")
@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ((), "InvalidSchedule"),
        (((1, 10),), "InvalidSchedule"),
        (((-1, 10), (0, 10)), "InvalidSchedule"),
        (((0, 10), (60, 11), (30, 12)), "InvalidSchedule"),
        (((0, 10), (60, 11), (60, 12)), "InvalidSchedule"),
        (((0, "-0.1"),), "InvalidSchedule"),
        (((0, "NaN"),), "InvalidSchedule"),
        (((0, "sNaN"),), "InvalidSchedule"),
        (((0, "Infinity"),), "InvalidSchedule"),
        (((0, "1E+400"),), None),
        (((0, 0),), None),
        (((0, "6.05"),), None),
    ],
)
def test_a_schedule_must_be_one_that_can_be_followed(
    periods: tuple[tuple[int, Any], ...], expected: str | None
) -> None:
    steps = [SchedulePeriod(start_s, Decimal(str(limit))) for start_s, limit in periods]

    assert reason(with_periods(installed((0, 10)), steps)) == expected


def test_ten_thousand_periods_are_too_many() -> None:
    steps = [SchedulePeriod(n, Decimal(6)) for n in range(10_000)]

    assert reason(with_periods(installed((0, 10)), steps)) == "TooManyElements"
    assert reason(with_periods(installed((0, 10)), steps[: MAX_PERIODS + 1])) == "TooManyElements"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"duration_s": 0}, None),
        ({"duration_s": -1}, "InvalidSchedule"),
        ({"min_rate": Decimal(6)}, None),
        ({"min_rate": Decimal(-6)}, "InvalidSchedule"),
        ({"min_rate": Decimal("NaN")}, "InvalidSchedule"),
        ({"unit": WATT}, None),
    ],
)
def test_other_numbers_must_be_possible(field: dict[str, Any], expected: str | None) -> None:
    assert reason(installed((0, 10), **field)) == expected


@pytest.mark.requirement("K01.FR.95")
@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        (TX, None),
        (TX_DEFAULT, None),
        (STATION_MAX, "InvalidSchedule"),
        (PRIORITY, "InvalidSchedule"),
        (GENERATION, "InvalidSchedule"),
    ],
)
def test_only_sessions_are_spread_by_chance(purpose: Any, expected: str | None) -> None:
    assert reason(installed((0, 10), purpose=purpose, randomized_delay_s=60)) == expected


@pytest.mark.requirement("K01.FR.34", "K15.FR.17")
def test_several_schedules_are_for_an_ev_that_has_told_its_needs() -> None:
    one = installed((0, 10), purpose=TX)
    (schedule,) = one.profile.schedules

    def choice(number: int, purpose: Any = TX) -> InstalledProfile:
        profile = replace(one.profile, schedules=(schedule,) * number, purpose=purpose)
        return replace(one, profile=profile)

    assert reason(choice(2)) == "InvalidMessageSeq"
    assert reason(choice(3), situation(told_needs=True)) is None
    assert reason(choice(4), situation(told_needs=True)) == "TooManyElements"
    assert reason(choice(2, TX_DEFAULT), situation(told_needs=True)) == "TooManyElements"
    assert reason(choice(0)) == "InvalidSchedule"


# --- Phases.


@pytest.mark.requirement("K01.FR.43", "K01.FR.45", "K01.FR.49")
@pytest.mark.parametrize(
    ("phases", "supply", "expected"),
    [
        ((), Supply(), None),
        ((3,), Supply(), None),
        ((2,), Supply(), "InvalidSchedule"),
        ((1,), Supply(), "InvalidSchedule"),
        ((1,), Supply(switches=True), None),
        ((2,), Supply(switches=True), None),
        ((1,), Supply(1), None),
        ((3,), Supply(1), None),
        ((0,), Supply(1), "InvalidSchedule"),
        ((4,), Supply(), "InvalidSchedule"),
        ((-1,), Supply(), "InvalidSchedule"),
    ],
)
def test_a_number_of_phases_is_a_promise(phases: Any, supply: Supply, expected: str | None) -> None:
    new = installed((0, 10, *phases))

    assert reason(new, situation(supply=supply)) == expected


@pytest.mark.requirement("S16-SC-14")
def test_to_1_6_a_number_of_phases_is_no_promise() -> None:
    assert reason(installed((0, 10, 1)), rules=RULES_16) is None
    assert reason(installed((0, 10, 4)), rules=RULES_16) == "InvalidSchedule"


@pytest.mark.requirement("K01.FR.48")
@pytest.mark.parametrize(("phase", "phases"), [(1, 1), (2, 1), (2, 3), (2, None), (4, 1), (0, 1)])
@pytest.mark.parametrize("switches", [True, False])
def test_no_phase_can_be_chosen_where_the_board_cannot(
    phase: int, phases: int | None, switches: bool
) -> None:
    new = with_periods(installed((0, 10)), [SchedulePeriod(0, Decimal(10), phases, phase)])

    assert reason(new, situation(supply=Supply(switches=switches))) == "InvalidSchedule"


CHOOSING = Supply(switches=True, chooses=True)


@pytest.mark.requirement("K01.FR.46", "K01.FR.48")
@pytest.mark.parametrize(
    ("phase", "phases", "expected"),
    [
        *((phase, 1, None) for phase in (1, 2, 3)),
        *((phase, phases, "InvalidSchedule") for phase in (1, 2, 3) for phases in (None, 2, 3)),
        *((phase, 1, "InvalidSchedule") for phase in (-1, 0, 4)),
    ],
)
def test_a_single_phase_may_be_chosen_where_the_board_can(
    phase: int, phases: int | None, expected: str | None
) -> None:
    new = with_periods(installed((0, 10)), [SchedulePeriod(0, Decimal(10), phases, phase)])

    assert reason(new, situation(supply=CHOOSING)) == expected
    assert reason(new, situation(supply=CHOOSING), RULES_21) == expected


@pytest.mark.requirement("K01.FR.48")
def test_a_phase_for_all_evses_must_be_possible_at_each_of_them() -> None:
    outlets = {1: Outlet(CHOOSING, RUNNING), 2: Outlet(Supply(switches=True))}
    where = Situation(outlets=outlets)
    chosen = (0, 10, 1, 2)

    assert reason(installed(chosen, evse=1), where) is None
    assert reason(installed(chosen, evse=2), where) == "InvalidSchedule"
    assert reason(installed(chosen, evse=0), where) == "InvalidSchedule"
    assert reason(installed(chosen, purpose=STATION_MAX), where) == "InvalidSchedule"


def conflict(one: InstalledProfile, other: InstalledProfile, rules: ProfileRules) -> str | None:
    """Return why the second cannot come to the first, which is the same the other way round."""
    there = situation(one, supply=CHOOSING)
    back = situation(other, supply=CHOOSING)
    assert reason(other, there, rules) == reason(one, back, rules)
    return reason(other, there, rules)


def of_station(*periods: tuple[Any, ...], **more: Any) -> InstalledProfile:
    return installed(*periods, purpose=STATION_MAX, number=20, **more)


@pytest.mark.requirement("K01.FR.141")
@pytest.mark.parametrize("purpose", [TX, TX_DEFAULT, PRIORITY])
def test_a_phase_that_contradicts_the_stations_is_a_conflict(purpose: Any) -> None:
    session = installed((0, 16, 1, 3), purpose=purpose, number=30)

    assert conflict(of_station((0, 80, 1, 1)), session, RULES_21) == "PhaseConflict"
    assert conflict(of_station((0, 80, 1, 3)), session, RULES_21) is None
    assert conflict(of_station((0, 80, 1)), session, RULES_21) is None
    assert conflict(of_station((0, 80)), session, RULES_21) is None
    assert conflict(of_station((0, 80, 1, 1)), session, RULES) is None


@pytest.mark.requirement("K01.FR.141")
def test_a_session_has_one_leading_profile_so_that_another_phase_there_is_no_conflict() -> None:
    default = installed((0, 16, 1, 1), number=20)
    of_transaction = installed((0, 16, 1, 2), purpose=TX, number=30)

    assert conflict(default, of_transaction, RULES_21) is None
    again = installed((0, 16, 1, 3), purpose=TX, number=30)
    assert reason(again, situation(of_transaction, supply=CHOOSING), RULES_21) is None


@pytest.mark.requirement("K01.FR.141")
@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (((0, 16, 1, 1), (3600, 16, 1, 2)), None),
        (((0, 16, 1, 1), (3599, 16, 1, 2)), "PhaseConflict"),
        (((0, 16, 1, 1), (3601, 16, 1, 2)), "PhaseConflict"),
        (((0, 16), (3600, 16, 1, 2)), None),
        (((0, 16), (7200, 16, 1, 1)), None),
        (((0, 16), (7199, 16, 1, 1)), "PhaseConflict"),
    ],
)
def test_profiles_at_the_clock_conflict_only_while_they_hold_together(
    session: Any, expected: str | None
) -> None:
    station = of_station((0, 80, 1, 1), (3600, 80, 1, 2), duration_s=7200)

    assert conflict(station, installed(*session, number=30), RULES_21) == expected


@pytest.mark.requirement("K01.FR.141")
def test_profiles_that_are_not_at_the_clock_may_hold_whenever_they_are_valid() -> None:
    station = of_station((0, 80, 1, 1), (3600, 80, 1, 2))
    relative = installed((0, 16, 1, 2), kind=RELATIVE, number=30)

    assert conflict(station, relative, RULES_21) == "PhaseConflict"
    later = replace(relative, profile=replace(relative.profile, valid_from=at(3600)))
    assert conflict(station, later, RULES_21) is None
    recurring = installed((0, 16, 1, 2), kind=RECURRING, number=30)
    assert conflict(station, recurring, RULES_21) == "PhaseConflict"
    delayed = installed((0, 16, 1, 1), (3600, 16, 1, 2), randomized_delay_s=60, number=30)
    assert conflict(station, delayed, RULES_21) == "PhaseConflict"


@pytest.mark.requirement("K01.FR.141")
def test_any_of_the_schedules_that_an_ev_may_take_may_be_in_conflict() -> None:
    one = installed((0, 16, 1, 1), purpose=TX, number=30)
    other = installed((0, 16, 1, 2), purpose=TX, number=30)
    both = replace(
        one, profile=replace(one.profile, schedules=one.profile.schedules + other.profile.schedules)
    )
    where = situation(of_station((0, 80, 1, 1)), supply=CHOOSING, told_needs=True)

    assert reason(both, where, RULES_21) == "PhaseConflict"
    assert reason(one, where, RULES_21) is None


# --- What is there already.


@pytest.mark.requirement("K01.FR.52", "K01.FR.53")
def test_a_default_of_all_and_one_of_an_evse_may_not_have_the_same_level() -> None:
    of_all = installed((0, 10), evse=0, number=1, stack_level=2)
    own = installed((0, 10), evse=1, number=2, stack_level=2)

    assert reason(own, situation(of_all)) == "DuplicateProfile"
    assert reason(of_all, situation(own)) == "DuplicateProfile"
    other_level = installed((0, 10), evse=1, number=2, stack_level=3)
    assert reason(other_level, situation(of_all)) is None
    same_id = installed((0, 10), evse=1, number=1, stack_level=2)
    assert reason(same_id, situation(of_all)) is None
    assert reason(own, situation(of_all), RULES_16) is None


@pytest.mark.requirement("K01.FR.05", "S16-SC-05")
def test_the_same_place_and_level_is_taken_as_long_as_both_are_valid() -> None:
    before = installed((0, 10), number=1, valid_to=at(100))

    assert reason(installed((0, 10), number=2), situation(before)) == "DuplicateProfile"
    assert reason(installed((0, 10), number=1), situation(before)) is None
    later = installed((0, 10), number=2, valid_from=at(100))
    assert reason(later, situation(before)) is None
    assert reason(before, situation(later)) is None
    overlapping = installed((0, 10), number=2, valid_from=at(99))
    assert reason(overlapping, situation(before)) == "DuplicateProfile"
    assert reason(installed((0, 10), number=2), situation(before), RULES_16) is None


def test_transactions_have_stacks_of_their_own() -> None:
    theirs = installed((0, 10), purpose=TX, number=1, transaction_id="of before")
    attached = installed((0, 10), purpose=TX, number=3, transaction_id=None, pending=True)

    assert reason(installed((0, 10), purpose=TX, number=2), situation(theirs, attached)) is None


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (None, None, None),
        (0, None, None),
        (None, 0, None),
        (0, 1, None),
        (0, 0, "InvalidProfile"),
        (1, 0, "InvalidProfile"),
    ],
)
def test_a_profile_must_be_valid_at_some_time(
    begin: int | None, end: int | None, expected: str | None
) -> None:
    new = installed(
        (0, 10),
        valid_from=None if begin is None else at(begin),
        valid_to=None if end is None else at(end) + timedelta(0),
    )

    assert reason(new) == expected
