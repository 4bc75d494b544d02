"""A station's limit among its EVSEs: fair, the same every time, never above the sum."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.smart_charging.ceilings import NO_LIMIT, Ceiling, Supply
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.sharing import MINIMUM_MA, TURN_US, Claim, shares_of
from tests.unit.core.smart_charging.builders import (
    IDLE,
    OUTSIDE,
    STATION_MAX,
    WATT,
    course,
    installed,
    limits,
    place,
    site,
)

ONE_PHASE = Supply(1)


def shared(amps: float, *claims: Claim, turn: int = 0) -> tuple[int, ...]:
    return shares_of(claims, Ceiling(int(amps * 1000), NO_LIMIT, 3), turn).currents_ma


def wants(amps: float = 32, phases: int = 3, **more: object) -> Claim:
    return Claim(int(amps * 1000), 230_000 * phases, **more)  # type: ignore[arg-type] # by name


@pytest.mark.requirement("K04.FR.05", "S16-SC-06")
def test_everybody_gets_the_same() -> None:
    station = installed((0, 25), purpose=STATION_MAX)

    assert limits(station, where=site(place(1), place(2), place(3))) == (Decimal("8.3"),) * 3


def test_what_some_cannot_use_goes_to_the_others() -> None:
    assert shared(40, wants(), wants(8), wants()) == (16_000, 8000, 16_000)
    assert shared(100, wants(), wants(8), wants()) == (32_000, 8000, 32_000)


@pytest.mark.requirement("K04.FR.05", "K04.FR.01")
def test_watts_of_the_station_are_divided_too() -> None:
    station = installed((0, 11_040), purpose=STATION_MAX, unit=WATT)
    mixed = site(place(1), place(2, supply=ONE_PHASE))

    assert limits(station, where=site(place(1), place(2))) == (8, 8)
    assert limits(station, where=mixed) == (12, 12)


@pytest.mark.requirement("K04.FR.02", "K04.FR.05")
def test_the_configured_supply_is_shared_without_any_profile() -> None:
    assert limits(where=site(place(1), place(2), supply_ma=32_000)) == (16, 16)
    assert limits(where=site(place(1), supply_ma=20_000)) == (20,)


def test_an_evse_without_a_car_keeps_what_is_left_over() -> None:
    nobody = place(2, **IDLE)

    assert limits(where=site(place(1), nobody, supply_ma=40_000)) == (32, 8)
    assert limits(where=site(place(1), nobody, supply_ma=32_000)) == (32, 0)
    assert limits(where=site(place(1, **IDLE), nobody, supply_ma=32_000)) == (16, 16)


def test_a_car_that_pauses_leaves_all_but_the_least_offer_to_the_others() -> None:
    assert limits(where=site(place(1), place(2, paused=True), supply_ma=32_000)) == (26, 6)
    assert limits(where=site(place(1), place(2, paused=True), supply_ma=80_000)) == (32, 32)


def test_where_not_all_can_have_six_amperes_some_wait() -> None:
    assert sorted(shared(10, wants(), wants())) == [0, 10_000]
    assert sorted(shared(13, wants(), wants(), wants())) == [0, 6500, 6500]
    assert shared(4, wants()) == (4000,)


@pytest.mark.requirement("K03.FR.04")
def test_who_waits_is_decided_by_priority_then_by_turns() -> None:
    where = site(place(1), place(2, priority=3), place(3), supply_ma=10_000)
    found = course(for_s=7200, where=site(place(1, priority=3), place(2), supply_ma=10_000))

    assert limits(where=where) == (0, 10, 0)
    assert found == [(0, 10)]


@pytest.mark.requirement("K03.FR.03")
def test_equals_take_turns_of_a_quarter_of_an_hour() -> None:
    where = site(place(1), place(2), supply_ma=10_000)

    found = course(for_s=3600, where=where)

    assert [instant for instant, _ in found] == [0, 900, 1800, 2700]
    assert {limit for _, limit in found} == {0, 10}
    everybody = list(plan_of(()).steps(where, where.now_us, where.now_us + 4 * TURN_US))
    assert all(sorted(a.current_ma for a in s.allowances) == [0, 10_000] for s in everybody)


def test_a_car_that_pauses_waits_for_those_that_charge() -> None:
    assert limits(where=site(place(1, paused=True), place(2), supply_ma=10_000)) == (0, 10)


@pytest.mark.requirement("K01.FR.21", "K02.FR.06", "K03.FR.07", "K04.FR.04")
def test_less_than_is_of_use_to_a_car_is_left_to_others_where_possible() -> None:
    assert shared(18, wants(least_ma=10_000), wants()) == (10_000, 8000)
    assert shared(15, wants(least_ma=10_000), wants(), turn=1) == (0, 15_000)
    assert shared(24, wants(least_ma=10_000), wants()) == (12_000, 12_000)
    assert shared(8, wants(least_ma=10_000)) == (8000,)


@pytest.mark.requirement("K11.FR.01")
def test_a_limit_from_outside_for_the_station_is_shared_like_its_maximum() -> None:
    outside = installed((0, 20), purpose=OUTSIDE, source="SO")

    assert limits(outside, where=site(place(1), place(2))) == (10, 10)


claims = st.builds(
    Claim,
    most_ma=st.integers(0, 800).map(lambda tenths: tenths * 100),
    weight_mv=st.sampled_from([230_000, 240_000, 690_000, 720_000]),
    least_ma=st.sampled_from([0, 6000, 10_000, 16_000]),
    rank=st.tuples(st.integers(-2, 2), st.integers(0, 1)),
    idle=st.booleans(),
)
ceilings = st.builds(
    Ceiling,
    current_ma=st.just(NO_LIMIT) | st.integers(0, 100_000),
    power_mw=st.just(NO_LIMIT) | st.integers(0, 100_000_000),
    phases=st.just(3),
)


@pytest.mark.requirement("K04.FR.05", "S16-SC-06")
@given(st.lists(claims, min_size=1, max_size=6), ceilings, st.integers(0, 1000))
def test_the_limit_is_never_exceeded_and_nothing_is_wasted(
    asked: list[Claim], limit: Ceiling, turn: int
) -> None:
    shares = shares_of(asked, limit, turn)
    found = shares.currents_ma

    power_uw = sum(ma * claim.weight_mv for ma, claim in zip(found, asked, strict=True))
    assert sum(found) <= limit.current_ma
    assert power_uw <= limit.power_mw * 1000
    assert all(0 <= ma <= claim.most_ma for ma, claim in zip(found, asked, strict=True))
    assert shares_of(asked, limit, turn) == shares
    served = [
        (ma, claim)
        for ma, claim in zip(found, asked, strict=True)
        if not claim.idle and ma >= claim.needed_ma
    ]
    below_most = {ma for ma, claim in served if ma < claim.most_ma}
    assert len({ma for ma in below_most if ma % 100 == 0}) <= 2
    if len(below_most) == 1 and len(served) == len(asked):
        # Another tenth of an ampere for each of them would be too much.
        raised = [(ma + 100 if ma < claim.most_ma else ma, claim) for ma, claim in served]
        too_much = sum(ma for ma, _ in raised) > limit.current_ma
        assert too_much or sum(ma * c.weight_mv for ma, c in raised) > limit.power_mw * 1000


@given(st.integers(0, 3), st.integers(0, 50))
def test_equals_are_treated_equally_over_a_whole_round(rest: int, first: int) -> None:
    asked = [wants() for _ in range(5)]
    total = [0] * 5
    for turn in range(first, first + 5):
        for number, ma in enumerate(shared(12 + rest, *asked, turn=turn)):
            total[number] += ma
    assert len(set(total)) == 1
    assert total[0] >= 2 * MINIMUM_MA
