"""Whether two profiles that hold together choose different phases (K01.FR.141).

What holds for the station and what holds for a session are merged; of profiles for sessions only
one leads, so that another phase there is no conflict.
"""

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Final, NamedTuple

from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
)
from agent.core.smart_charging.timeline import FARTHEST_US, SECOND_US, micros
from agent.core.vocabulary import ProfilePurpose

_OF_SESSIONS: Final = frozenset(
    {ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT, ProfilePurpose.PRIORITY_CHARGING}
)


class _Span(NamedTuple):
    """A time in which one of some phases is chosen."""

    from_us: int
    until_us: int
    phases: frozenset[int]


def choose_apart(one: InstalledProfile, other: InstalledProfile) -> bool:
    """Tell whether there is an instant at which both choose a phase, and not the same.

    Instants are known of Absolute profiles; any other may choose each of its phases at any time
    at which it is valid.
    """
    purposes = {one.profile.purpose, other.profile.purpose}
    if ProfilePurpose.STATION_MAX not in purposes or not purposes & _OF_SESSIONS:
        return False
    pairs = product(one.profile.schedules, other.profile.schedules)
    return any(
        _differ(list(_spans(s, one.profile)), list(_spans(t, other.profile))) for s, t in pairs
    )


def _differ(some: list[_Span], others: list[_Span]) -> bool:
    """Walk along both: the one that ends first goes on."""
    here = there = 0
    while here < len(some) and there < len(others):
        a, b = some[here], others[there]
        together = max(a.from_us, b.from_us) < min(a.until_us, b.until_us)
        if together and len(a.phases | b.phases) > 1:
            return True
        if a.until_us <= b.until_us:
            here += 1
        else:
            there += 1
    return False


def _spans(schedule: ChargingSchedule, profile: ChargingProfile) -> Iterator[_Span]:
    begin_us = -FARTHEST_US if profile.valid_from is None else micros(profile.valid_from)
    end_us = FARTHEST_US if profile.valid_to is None else micros(profile.valid_to)
    shifts = schedule.local_time or schedule.randomized_delay_s
    if profile.kind is not ProfileKind.ABSOLUTE or schedule.start is None or shifts:
        named = (period.phase_to_use for period in schedule.periods)
        phases = frozenset(phase for phase in named if phase is not None)
        if phases:
            yield _Span(begin_us, end_us, phases)
        return
    start_us = micros(schedule.start)
    if schedule.duration_s is not None:
        end_us = min(end_us, start_us + schedule.duration_s * SECOND_US)
    starts_us = [start_us + period.start_s * SECOND_US for period in schedule.periods]
    for period, span_us in zip(schedule.periods, pairwise([*starts_us, end_us]), strict=True):
        from_us, until_us = max(begin_us, span_us[0]), min(end_us, span_us[1])
        if period.phase_to_use is not None and from_us < until_us:
            yield _Span(from_us, until_us, frozenset({period.phase_to_use}))
