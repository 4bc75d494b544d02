"""The schedules among which an EV may choose: one composite for each (K15.FR.22, K16.FR.03)."""

from dataclasses import replace
from typing import Final

from agent.core.smart_charging.composite import composite
from agent.core.smart_charging.plan import Plan
from agent.core.smart_charging.profiles import (
    MAX_SCHEDULES,
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
)
from agent.core.smart_charging.site import Site
from agent.core.vocabulary import ProfilePurpose, RateUnit

OFFERED_S: Final = 86_400


def offers(plan: Plan, site: Site, evse: int) -> tuple[ChargingSchedule, ...]:
    """Return what an EV may choose from, in W: at least one schedule, at most three.

    Where several profiles have several schedules the first are combined with the first, and so on.
    """
    (place,) = (place for place in site.places if place.evse == evse)
    profiles = [
        t.installed.profile
        for t in plan.stacks.of_evse(ProfilePurpose.TX, evse)
        if t.installed.profile.transaction_id == place.transaction_id
    ]
    number = max((len(profile.schedules) for profile in profiles), default=1)
    return tuple(_offer(plan, site, evse, n, profiles) for n in range(min(number, MAX_SCHEDULES)))


def _offer(
    plan: Plan, site: Site, evse: int, choice: int, profiles: list[ChargingProfile]
) -> ChargingSchedule:
    # What the EV meant to take before bounds no new offer.
    places = tuple(
        replace(place, choice=choice, intended=()) if place.evse == evse else place
        for place in site.places
    )
    made = composite(plan, replace(site, places=places), evse, RateUnit.WATT, OFFERED_S)
    periods = tuple(
        SchedulePeriod(p.start_s, p.limit, p.phases, p.phase_to_use) for p in made.periods
    )
    ids = [profile.schedules[choice].id for profile in profiles if choice < len(profile.schedules)]
    return ChargingSchedule(RateUnit.WATT, periods, duration_s=made.duration_s, id=[*ids, 0][0])
