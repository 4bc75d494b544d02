"""What an EV plans, and the schedules that it is offered."""

from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.smart_charging.needs import (
    TRANSFER_BY_PHASES,
    EvPeriod,
    EvPlan,
    exceeds,
    followed,
    intended,
    is_sound,
    phases_of,
)
from agent.core.smart_charging.offers import offers
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.profiles import InstalledProfile
from agent.core.smart_charging.site import Intention
from agent.core.smart_charging.timeline import micros
from agent.core.vocabulary import RateUnit
from tests.unit.core.smart_charging.builders import (
    NOW,
    TX,
    WATT,
    installed,
    place,
    schedule,
    site,
)

OFFERED = schedule((0, 11_000), (3600, 4000), unit=WATT)


def plan(*periods: tuple[int, int]) -> EvPlan:
    return EvPlan(0, tuple(EvPeriod(start_s, Decimal(watts)) for start_s, watts in periods))


@pytest.mark.requirement("K15.FR.09", "K16.FR.04", "K17.FR.09")
@pytest.mark.parametrize(
    ("periods", "too_much"),
    [
        (((0, 11_000), (3600, 4000)), False),
        (((0, 7000), (3600, 0)), False),
        (((0, 11_001),), True),
        (((0, 7000),), True),
        (((0, 4000),), False),
        (((0, 4000), (1800, 11_000), (3599, 4000)), False),
        (((0, 4000), (1800, 11_000), (3601, 4000)), True),
    ],
)
def test_a_plan_is_checked_against_the_schedule_at_every_instant(
    periods: tuple[tuple[int, int], ...], too_much: bool
) -> None:
    assert exceeds(plan(*periods), OFFERED) is too_much


@pytest.mark.requirement("K15.FR.10", "K15.FR.19")
def test_a_plan_is_told_in_watts_and_a_follower_follows_what_it_took() -> None:
    told = intended(plan((0, 7000), (60, 0)), 4)

    assert (told.id, told.unit) == (4, RateUnit.WATT)
    assert [(p.start_s, p.limit) for p in told.periods] == [(0, 7000), (60, 0)]
    assert followed(replace(OFFERED, start=NOW)) == OFFERED


@pytest.mark.parametrize(
    ("periods", "sound"),
    [
        ((), True),
        (((0, "7000"), (60, "0")), True),
        (((60, "7000"), (60, "0")), False),
        (((60, "7000"), (0, "0")), False),
        (((-1, "7000"),), False),
        (((0, "-1"),), False),
        (((0, "NaN"),), False),
        (((0, "Infinity"),), False),
    ],
)
def test_a_plan_that_makes_no_sense_is_known(
    periods: tuple[tuple[int, str], ...], sound: bool
) -> None:
    made = EvPlan(0, tuple(EvPeriod(start_s, Decimal(watts)) for start_s, watts in periods))

    assert is_sound(made) is sound


def test_each_transfer_has_its_phases() -> None:
    assert [phases_of(TRANSFER_BY_PHASES[phases]) for phases in (1, 2, 3)] == [1, 2, 3]


def of_transaction(
    *watts: int, level: int = 0, ids: tuple[int, ...] = (1, 2, 3)
) -> InstalledProfile:
    schedules = tuple(
        schedule((0, amount), unit=WATT, start=NOW, id=number)
        for number, amount in zip(ids, watts, strict=False)
    )
    one = installed((0, 6), purpose=TX, number=level, stack_level=level)
    return replace(one, profile=replace(one.profile, schedules=schedules))


@pytest.mark.requirement("K15.FR.22", "K16.FR.03")
def test_the_first_schedules_are_combined_and_the_second_and_the_third() -> None:
    lower = of_transaction(11_000, 9000, 7000)
    higher = of_transaction(5000, 3000, level=1, ids=(7, 8))
    ends = replace(higher.profile.schedules[0], duration_s=600)
    higher = replace(
        higher, profile=replace(higher.profile, schedules=(ends, *higher.profile.schedules[1:]))
    )

    found = offers(plan_of((lower, higher)), site(), 1)

    assert [[(p.start_s, p.limit) for p in offer.periods] for offer in found] == [
        [(0, 5000), (600, 11_000)],
        [(0, 3000)],
        [(0, 3000)],
    ]
    assert [offer.unit for offer in found] == [RateUnit.WATT] * 3


@pytest.mark.requirement("K16.FR.03")
def test_what_an_ev_meant_to_take_bounds_no_new_offer() -> None:
    before = site(place(intended=(Intention(micros(NOW), 4_000_000, 3),)))

    (only,) = offers(plan_of(()), before, 1)

    assert [p.limit for p in only.periods] == [32 * 690]


def test_without_a_profile_there_is_one_offer_of_what_there_is() -> None:
    (only,) = offers(plan_of(()), site(), 1)

    assert [(p.start_s, p.limit) for p in only.periods] == [(0, 32 * 690)]
