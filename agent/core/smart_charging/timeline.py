"""One installed profile laid over a window of time: when it holds, and what it allows then.

Time is in integer microseconds since 1970. A profile is made ready once (`Timeline`) and asked for
any window; how an EVSE stands meanwhile comes in as `Course`.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import Ceiling, of_period
from agent.core.smart_charging.dice import rolled, seed_of
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import STATION_PURPOSES

SECOND_US: Final = 1_000_000
FARTHEST_US: Final = 10**18
"""Beyond every calendar, for what has no end."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR_US: Final = 3600 * SECOND_US
_RECURRENCES_US: Final = {
    Recurrency.DAILY: 24 * _HOUR_US,
    Recurrency.WEEKLY: 7 * 24 * _HOUR_US,
}


def micros(instant: datetime) -> int:
    """Return an instant in microseconds since 1970; it must have a time zone."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(at_us: int) -> datetime:
    """Return the instant so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=at_us)


class Piece(NamedTuple):
    """A part of a window in which one ceiling holds; without `timeline` nothing limits."""

    start_us: int
    end_us: int
    ceiling: Ceiling
    timeline: "Timeline | None"


@dataclass(frozen=True, slots=True)
class Course:
    """What the profiles of an EVSE depend on besides the clock.

    `ready_us` is when Relative profiles begin: once the EV is connected and its driver authorized
    (K01.FR.42), for 1.6 with the transaction (S16-SC-12). `offline_us` is since when there is no
    connection. `choice` numbers the schedule that the EV has chosen. `zone` is the station's own.
    """

    ready_us: int
    transaction_id: str = ""
    offline_us: int | None = None
    choice: int = 0
    zone: tzinfo = UTC


class Timeline:
    """An installed profile, ready to be laid over a window."""

    __slots__ = ("_from_us", "_tracks", "_until_us", "installed", "since_us")

    def __init__(self, installed: InstalledProfile) -> None:
        profile = installed.profile
        self.installed = installed
        self.since_us = micros(installed.installed_at)
        self._from_us = -FARTHEST_US if profile.valid_from is None else micros(profile.valid_from)
        self._until_us = FARTHEST_US if profile.valid_to is None else micros(profile.valid_to)
        self._tracks = tuple(Track(s, profile) for s in profile.schedules)
        start = profile.schedules[0].start
        if profile.kind is ProfileKind.DYNAMIC and start is not None:
            self._from_us = max(self._from_us, micros(start))

    @property
    def spreads_itself(self) -> bool:
        """Tell whether the CSMS has the periods' starts spread."""
        return any(track.random_s for track in self._tracks)

    def least(self, choice: int) -> Ceiling | None:
        """Return the least that is of use to the EV (minChargingRate)."""
        return self._track(choice).least

    def pieces(self, course: Course, start_us: int, end_us: int) -> Iterator[Piece]:
        """Yield the parts of a window in which the profile holds, in their order."""
        track = self._track(course.choice)
        start_us, end_us = max(start_us, self._from_us), min(end_us, self._until_us)
        offline_s = self.installed.profile.max_offline_s
        if offline_s is not None and course.offline_us is not None:
            end_us = min(end_us, course.offline_us + offline_s * SECOND_US)
        if start_us >= end_us:
            return
        starts_us, ceilings = self._delayed(track, course)
        for begin_us, run_start_us, run_end_us in self._runs(track, course, start_us, end_us):
            yield from _laid(starts_us, ceilings, begin_us, (run_start_us, run_end_us), self)

    def _track(self, choice: int) -> "Track":
        return self._tracks[min(choice, len(self._tracks) - 1)]

    def _runs(
        self, track: "Track", course: Course, start_us: int, end_us: int
    ) -> Iterator[tuple[int, int, int]]:
        """Yield where the schedule begins and the part of the window in which it holds."""
        if track.local_start is not None:
            yield from _local_runs(track, track.local_start, course.zone, (start_us, end_us))
            return
        begin_us = track.start_us
        if begin_us is None:
            # Nothing begins at the station as a whole: its profiles begin when they are set.
            of_station = self.installed.profile.purpose in STATION_PURPOSES
            begin_us = self.since_us if of_station else course.ready_us
        yield from track.runs(begin_us, start_us, end_us)

    def _delayed(
        self, track: "Track", course: Course
    ) -> tuple[tuple[int, ...], tuple[Ceiling, ...]]:
        """Let each period but the first begin later by chance; one that is overtaken falls out.

        The chance is the same for as long as profile and transaction are (K01.FR.92-97).
        """
        if not track.random_s:
            return track.starts_us, track.ceilings
        seed = seed_of(self.installed.seed, course.transaction_id)
        delayed = [
            (start_us + rolled(seed, number, track.random_s) * SECOND_US if number else start_us)
            for number, start_us in enumerate(track.starts_us)
        ]
        kept, next_us = [], FARTHEST_US
        for number in range(len(delayed) - 1, -1, -1):
            if delayed[number] < next_us:
                next_us = delayed[number]
                kept.append(number)
        kept.reverse()
        return tuple(delayed[n] for n in kept), tuple(track.ceilings[n] for n in kept)


class Track:
    """The schedule of a profile in integers: period starts, ceilings, and how it begins."""

    __slots__ = (
        *("ceilings", "duration_us", "every_us", "least", "local_start"),
        *("random_s", "start_us", "starts_us", "waits"),
    )

    def __init__(self, schedule: ChargingSchedule, profile: ChargingProfile) -> None:
        self.starts_us = tuple(period.start_s * SECOND_US for period in schedule.periods)
        self.ceilings = tuple(of_period(period, schedule.unit) for period in schedule.periods)
        duration_s, recurrency = schedule.duration_s, profile.recurrency
        self.duration_us = FARTHEST_US if duration_s is None else duration_s * SECOND_US
        recurs = profile.kind is ProfileKind.RECURRING and recurrency is not None
        self.every_us = _RECURRENCES_US[recurrency] if recurs and recurrency is not None else None
        self.random_s = schedule.randomized_delay_s or 0
        least = schedule.min_rate
        self.least = None if least is None else of_period(SchedulePeriod(0, least), schedule.unit)
        self.start_us, self.local_start = _start(schedule, profile)
        # What counts from an event of the past holds, wherever the clock was set since then.
        self.waits = profile.kind is ProfileKind.ABSOLUTE

    def runs(self, begin_us: int, start_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
        """Yield each beginning of the schedule and the part of the window in which it holds."""
        every_us = self.every_us
        if every_us is None:
            first_us = max(begin_us, start_us) if self.waits else start_us
            run = first_us, min(end_us, begin_us + self.duration_us)
            if run[0] < run[1]:
                yield begin_us, *run
            return
        length_us = min(every_us, self.duration_us)
        number = max(0, (start_us - begin_us) // every_us)
        while (at_us := begin_us + number * every_us) < end_us:
            run = max(at_us, start_us), min(end_us, at_us + length_us)
            if run[0] < run[1]:
                yield at_us, *run
            number += 1


def _start(
    schedule: ChargingSchedule, profile: ChargingProfile
) -> tuple[int | None, datetime | None]:
    """Return when a schedule begins: an instant, or a time on the station's clocks, or neither."""
    start = schedule.start
    if profile.kind is ProfileKind.RELATIVE:
        return None, None
    if profile.kind is ProfileKind.DYNAMIC:
        # Its duration counts from the last update (K28.FR.15).
        found = [micros(at) for at in (profile.updated_at, start) if at is not None]
        return max(found, default=None), None
    if start is not None and schedule.local_time:
        return None, start.replace(tzinfo=None)
    return None if start is None else micros(start), None


def _local_runs(
    track: Track, start: datetime, zone: tzinfo, window: tuple[int, int]
) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of a schedule that follows the clocks on the wall (K01.FR.90, K01.FR.91).

    Between two changes of the clocks it is a schedule like any other.
    """
    wall_us = micros(start.replace(tzinfo=UTC))
    for from_us, until_us, offset_us in _offsets(zone, *window):
        yield from track.runs(wall_us - offset_us, from_us, until_us)


def _offsets(zone: tzinfo, start_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a window with the zone's offset from UTC in each."""
    at_us, offset_us = start_us, _offset_us(zone, start_us)
    while at_us < end_us:
        probe_us = at_us
        while (probe_us := min(end_us, probe_us + 24 * _HOUR_US)) < end_us:
            if _offset_us(zone, probe_us) != offset_us:
                break
        change_us = _change(zone, at_us, probe_us)
        yield at_us, change_us, offset_us
        at_us, offset_us = change_us, _offset_us(zone, change_us)


def _change(zone: tzinfo, start_us: int, end_us: int) -> int:
    """Return the first instant with another offset, `end_us` if there is none; to the second."""
    offset_us = _offset_us(zone, start_us)
    if _offset_us(zone, end_us) == offset_us:
        return end_us
    low, high = start_us // SECOND_US, -(-end_us // SECOND_US)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_us(zone, middle * SECOND_US) == offset_us:
            low = middle
        else:
            high = middle
    return min(high * SECOND_US, end_us)


def _offset_us(zone: tzinfo, at_us: int) -> int:
    offset = instant_of(at_us).astimezone(zone).utcoffset() or timedelta(0)
    return offset // _MICROSECOND


def _laid(
    starts_us: tuple[int, ...],
    ceilings: tuple[Ceiling, ...],
    begin_us: int,
    run: tuple[int, int],
    timeline: Timeline,
) -> Iterator[Piece]:
    """Yield the periods of a schedule that begins at `begin_us` within the part of a window."""
    at_us, end_us = run
    number = max(0, bisect_right(starts_us, at_us - begin_us) - 1)
    while at_us < end_us:
        following = number + 1
        until_us = begin_us + starts_us[following] if following < len(starts_us) else end_us
        until_us = min(until_us, end_us)
        yield Piece(at_us, until_us, ceilings[number], timeline)
        at_us, number = until_us, following
