"""What EVs mean to take, laid over what they may take: told to the CSMS, and no limit of the pilot.

An EV that takes less than it said is offered no less for that: it may change its mind.
"""

from bisect import bisect_right
from collections.abc import Iterator

from agent.core.smart_charging.ceilings import (
    NO_LIMIT,
    UNLIMITED,
    UNNAMED,
    Ceiling,
    of_current,
)
from agent.core.smart_charging.plan import Step
from agent.core.smart_charging.site import Place, Site
from agent.core.vocabulary import RateUnit


def meant(steps: Iterator[Step], site: Site, unit: RateUnit, end_us: int) -> Iterator[Step]:
    """Yield the steps of a window, lowered to what EVs mean to take (K15.FR.14, K17.FR.14)."""
    changes_us = sorted(one.at_us for place in site.places for one in place.intended)
    if not changes_us:
        yield from steps
        return
    listed = list(steps)
    ends_us = [*(step.start_us for step in listed[1:]), end_us]
    for step, until_us in zip(listed, ends_us, strict=True):
        within_us = (at_us for at_us in changes_us if step.start_us < at_us < until_us)
        for start_us in (step.start_us, *within_us):
            yield _lowered(step._replace(start_us=start_us), site, unit)


def _lowered(step: Step, site: Site, unit: RateUnit) -> Step:
    meant = [_intended(place, unit, step.start_us) for place in site.places]
    pairs = list(zip(step.allowances, meant, strict=True))
    return step._replace(
        allowances=tuple(
            a._replace(
                current_ma=min(a.current_ma, m.current_ma), power_mw=min(a.power_mw, m.power_mw)
            )
            for a, m in pairs
        ),
        own=tuple(own.lowest(m) for own, m in zip(step.own, meant, strict=True)),
    )


def _intended(place: Place, unit: RateUnit, at_us: int) -> Ceiling:
    """Return what an EV means to take at an instant, in one unit: it may use fewer phases."""
    number = bisect_right(place.intended, at_us, key=lambda one: one.at_us)
    if not number:
        return UNLIMITED
    power_mw, phases = place.intended[number - 1][1:]
    if unit is RateUnit.WATT:
        return Ceiling(NO_LIMIT, power_mw, UNNAMED)
    phases = min(phases, place.supply.phases)
    return of_current(power_mw * 1000 // (place.supply.voltage_mv * phases))
