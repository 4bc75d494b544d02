"""The engine against the slow, obvious reference, on ten thousand random stations."""

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from agent.core.smart_charging.ceilings import ANY_PHASE
from agent.core.smart_charging.composite import composite
from agent.core.smart_charging.plan import plan_of
from agent.core.smart_charging.timeline import instant_of
from agent.core.vocabulary import RateUnit
from tests.unit.core.smart_charging.random_sets import NOW, RandomStation
from tests.unit.core.smart_charging.reference import allowed

STATIONS = 10_000
GROUPS = 10
INSTANTS = 6
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.requirement(
    *("K08.FR.02", "K08.FR.04", "K01.FR.17", "K01.FR.07", "S16-SC-05", "S16-SC-06", "S16-SC-11"),
    *("K01.FR.46", "K01.FR.140"),
)
@pytest.mark.parametrize("group", range(GROUPS))
def test_engine_and_reference_agree_at_every_instant(group: int) -> None:
    for seed in range(group, STATIONS, GROUPS):
        station = RandomStation(seed)
        start_us = station.site.now_us
        end_us = start_us + station.window_s * 1_000_000
        steps = list(plan_of(station.installed).steps(station.site, start_us, end_us))
        starts = [step.start_us for step in steps]
        assert starts[0] == start_us
        assert starts == sorted(set(starts))
        for at_us in _instants(seed, starts, end_us):
            step = steps[bisect_right(starts, at_us) - 1]
            found = [(_tenths(a.current_ma), a.phases, _chosen(a.phase)) for a in step.allowances]
            expected = allowed(station.installed, station.world, instant_of(at_us))
            assert found == expected, f"seed {seed} at {instant_of(at_us)}"


@pytest.mark.requirement("K08.FR.02", "K08.FR.06", "S16-SC-07")
@pytest.mark.parametrize("group", range(GROUPS))
def test_the_composite_schedule_is_what_the_pilots_are_given(group: int) -> None:
    for seed in range(group, STATIONS // 10, GROUPS):
        station = RandomStation(seed)
        plan, (place, *_) = plan_of(station.installed), station.site.places
        found = composite(plan, station.site, place.evse, RateUnit.AMPERE, station.window_s)
        charging = station.world.outlets[0].active
        for period in found.periods if charging else ():
            at = instant_of(found.start_us) + timedelta(seconds=period.start_s)
            # Instants are told in whole seconds.
            at = max(NOW, at + timedelta(seconds=0.5) - MICROSECOND) if period.start_s else NOW
            limit_a, phases, chosen = allowed(station.installed, station.world, at)[0]
            told = (period.limit, period.phases or 3, period.phase_to_use)
            assert told == (limit_a, phases, chosen), f"seed {seed} at {at}"


def _instants(seed: int, starts: list[int], end_us: int) -> list[int]:
    """Choose instants at which something changes, right before them, and anywhere."""
    dice = Random(seed)  # noqa: S311 - the same instants each time
    chosen = dice.sample(starts, min(len(starts), INSTANTS // 2))
    before = [at_us - 1 for at_us in chosen if at_us > starts[0]]
    return [*chosen, *before, *(dice.randrange(starts[0], end_us) for _ in range(INSTANTS // 2))]


def _chosen(phase: int) -> int | None:
    return None if phase == ANY_PHASE else phase


def _tenths(current_ma: int) -> Decimal:
    return Decimal(current_ma // 100).scaleb(-1)
