"""Limits that somebody on site sets: kept as profiles with ids of their own."""

from decimal import Decimal
from typing import Any

import pytest

from agent.core.smart_charging.outside import (
    LimitOrigin,
    LimitSource,
    OutsideLimit,
    changes_by,
    found,
    limit_of,
    with_limit,
    without_limit,
)
from agent.core.smart_charging.profiles import Installed, ProfileKind
from agent.core.vocabulary import RateUnit
from tests.unit.core.smart_charging.builders import (
    GENERATION,
    NOW,
    OUTSIDE,
    STATION_MAX,
    at,
    installed,
    limit,
)

EMS, SO = LimitOrigin(0, LimitSource.EMS), LimitOrigin(0, LimitSource.SO)


def told(origin: LimitOrigin, amps: Any, **more: Any) -> OutsideLimit:
    return OutsideLimit(origin=origin, limit=Decimal(str(amps)), **more)


def after(*limits: OutsideLimit, before: Installed = (), highest_id: int = -1) -> Installed:
    for one in limits:
        before = with_limit(before, one, highest_id, NOW)
    return before


@pytest.mark.requirement("K11.FR.01", "K11.FR.06", "K12.FR.01", "K12.FR.05", "K29.FR.04")
def test_a_limit_is_a_dynamic_profile_of_its_source_with_an_id_of_its_own() -> None:
    (profile,) = after(told(EMS, 16))

    assert (profile.evse, profile.source, profile.profile.purpose) == (0, "EMS", OUTSIDE)
    assert (profile.profile.id, profile.profile.kind) == (-1, ProfileKind.DYNAMIC)
    assert profile.is_external
    assert limit(profile) == 16


@pytest.mark.requirement("K01.FR.82", "K11.FR.06")
def test_ids_are_free_ones_at_the_highest_allowed_or_below() -> None:
    taken = installed((0, 10), number=99)

    found_ids = [p.profile.id for p in after(told(EMS, 16), told(SO, 9), highest_id=100)]
    below = after(told(EMS, 16), told(SO, 9), before=(taken,), highest_id=99)

    assert found_ids == [100, 99]
    assert [p.profile.id for p in below] == [99, 98, 97]


@pytest.mark.requirement("K29.FR.05", "K29.FR.06", "K13.FR.01")
def test_another_limit_of_the_same_source_takes_its_place_and_is_dated() -> None:
    first = after(told(EMS, 16), told(SO, 9))

    second = with_limit(first, told(EMS, 12), -1, at(60))

    assert len(second) == 2
    changed = found(second, EMS)
    assert changed is not None
    assert (changed.profile.id, changed.profile.updated_at) == (-1, at(60))
    assert limit(*without_limit(second, SO)) == 12
    assert without_limit(without_limit(second, SO), EMS) == ()


@pytest.mark.requirement("K27.FR.01", "K27.FR.02", "K27.FR.05")
def test_generation_is_something_else_than_a_limit_of_the_same_source() -> None:
    sun = LimitOrigin(0, LimitSource.EMS, generation=True)
    profiles = after(told(EMS, 24), told(sun, 6))

    assert [p.profile.purpose for p in profiles] == [OUTSIDE, GENERATION]
    assert limit(installed((0, 10), purpose=STATION_MAX), *profiles) == 16
    assert [p.profile.purpose for p in without_limit(profiles, sun)] == [OUTSIDE]


@pytest.mark.requirement("K11.FR.02", "K11.FR.04", "K12.FR.02", "K13.FR.03", "K27.FR.03")
@pytest.mark.parametrize(
    ("before", "now", "percent", "expected"),
    [
        (None, 16, 0, True),
        (16, 16, 0, False),
        (16, "16.1", 0, True),
        (16, "17.5", 10, False),
        (16, "17.7", 10, True),
        (16, 14, 10, True),
        (0, 6, 50, True),
        (0, 0, 50, False),
        (6, 0, 50, True),
    ],
)
def test_what_is_significant_is_told(before: Any, now: Any, percent: int, expected: bool) -> None:
    was = None if before is None else Decimal(before)

    assert changes_by(was, Decimal(str(now)), Decimal(percent)) is expected


def test_limits_in_another_unit_are_not_compared() -> None:
    (profile,) = after(told(EMS, 11_000, unit=RateUnit.WATT))

    assert limit_of(profile, RateUnit.WATT) == 11_000
    assert limit_of(profile, RateUnit.AMPERE) is None


@pytest.mark.parametrize(
    ("origin", "amps", "wrong"),
    [
        (LimitOrigin(1), 16, None),
        (LimitOrigin(3), 16, "there is no EVSE 3"),
        (LimitOrigin(1, generation=True), 16, "what is generated"),
        (EMS, -1, "a limit is a number"),
        (EMS, "NaN", "a limit is a number"),
        (EMS, "Infinity", "a limit is a number"),
        (EMS, 10**9, "a limit is a number"),
        (EMS, 0, None),
    ],
)
def test_what_cannot_be_obeyed_is_said_in_words(
    origin: LimitOrigin, amps: Any, wrong: str | None
) -> None:
    fault = told(origin, amps).fault((1, 2))

    assert (fault is None) is (wrong is None)
    assert fault is None or (wrong or "") in fault
