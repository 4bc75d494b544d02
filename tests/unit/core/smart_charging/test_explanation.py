"""Why an EVSE may offer what it may."""

from agent.core.smart_charging.explanation import (
    Explanation,
    LimitCause,
    explain,
    limit_sources,
)
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.profiles import InstalledProfile
from agent.core.smart_charging.site import Site
from agent.core.smart_charging.timeline import micros
from tests.unit.core.smart_charging.builders import (
    GENERATION,
    NOW,
    OUTSIDE,
    STATION_MAX,
    TX,
    at,
    installed,
    limit,
    place,
    site,
)


def why(*profiles: InstalledProfile, where: Site | None = None) -> Explanation:
    return explain(plan_of(profiles), where or site(), 1)


def causes(found: Explanation) -> list[tuple[LimitCause, int, int | None]]:
    return [(bound.cause, int(bound.limit_a), bound.profile_id) for bound in found.bounds]


def test_without_anything_else_it_is_the_hardware() -> None:
    assert causes(why()) == [(LimitCause.HARDWARE, 32, None)]


def test_the_lowest_limit_comes_first_with_purpose_level_id_and_source() -> None:
    default = installed((0, 10), number=1, stack_level=2)
    hidden = installed((0, 6), number=2, stack_level=1)
    outside = installed((0, 16), purpose=OUTSIDE, number=-1, source="SO")

    found = why(default, hidden, outside)

    assert found.limit_a == 10
    assert causes(found) == [
        (LimitCause.PROFILE, 10, 1),
        (LimitCause.EXTERNAL, 16, -1),
        (LimitCause.HARDWARE, 32, None),
    ]
    first, second, _ = found.bounds
    assert (first.purpose, first.stack_level, first.source) == ("TxDefaultProfile", 2, "CSO")
    assert (second.purpose, second.source) == ("ChargingStationExternalConstraints", "SO")


def test_a_limit_from_outside_is_told_by_its_source_and_what_is_said_of_it() -> None:
    default = installed((0, 10), number=1, stack_level=2)
    outside = installed((0, 16), purpose=OUTSIDE, number=-1, source="SO")
    found = why(default, outside)

    details = [source.detail for source in limit_sources(found)]
    said = [source.detail for source in limit_sources(found, {-1: "receiver grid: k1 is on"})]

    assert details == ["TxDefaultProfile 1, stack level 2", "SO"]
    assert said == ["TxDefaultProfile 1, stack level 2", "SO, receiver grid: k1 is on"]


def test_a_share_of_the_station_is_named_as_one() -> None:
    station = installed((0, 20), purpose=STATION_MAX, number=5)

    found = why(station, where=site(place(1), place(2)))

    assert found.limit_a == 10
    assert causes(found)[:2] == [(LimitCause.SHARING, 10, None), (LimitCause.PROFILE, 20, 5)]


def test_supply_absence_and_generation_are_named() -> None:
    station = installed((0, 10), purpose=STATION_MAX, number=5)
    generated = installed((0, 8), purpose=GENERATION, number=-2, source="EMS")
    where = site(supply_ma=25_000, fallback_us=micros(at(-1)), fallback_ma=12_000)

    found = why(station, generated, where=where)

    assert causes(found) == [
        (LimitCause.OFFLINE, 12, None),
        (LimitCause.PROFILE, 18, 5),
        (LimitCause.SUPPLY, 25, None),
        (LimitCause.HARDWARE, 32, None),
    ]


def test_it_explains_what_the_pilot_is_given() -> None:
    profiles = (installed((0, 10)), installed((0, 8), purpose=TX, number=2))
    assert why(*profiles, where=site(now=NOW)).limit_a == limit(*profiles)
