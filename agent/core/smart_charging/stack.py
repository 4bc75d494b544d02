"""Which profile leads when: purposes, stack levels, and what falls to the next one (K01, K02, K21).

Of the profiles of a purpose the valid one with the highest stack level leads; where it says nothing
the next one does (K01.FR.17, S16-SC-05).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import UNLIMITED
from agent.core.smart_charging.dice import rolled, seed_of
from agent.core.smart_charging.timeline import SECOND_US, Course, Piece, Timeline
from agent.core.vocabulary import ProfilePurpose

FRESH_US = 60 * SECOND_US
"""What a profile changes so soon after it was set is the order of whoever set it."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the station itself spreads changes that a schedule makes: 0 to `most_s` later."""

    seed: int = 0
    most_s: int = 0


@dataclass(frozen=True, slots=True)
class Stacks:
    """The installed profiles by what they limit, those that lead first."""

    by_purpose: dict[ProfilePurpose, tuple[Timeline, ...]]

    def of_evse(self, purpose: ProfilePurpose, evse: int) -> tuple[Timeline, ...]:
        """Return the profiles of a purpose that are an EVSE's own; 0 is the station."""
        return tuple(t for t in self.by_purpose.get(purpose, ()) if t.installed.evse == evse)

    def of_session(
        self, evse: int, transaction_id: str | None, *, prioritized: bool
    ) -> tuple[Timeline, ...]:
        """Return the profiles for charging at an EVSE, those that lead first.

        A TxProfile goes before TxDefaultProfiles (K02.FR.04) and where it ends they hold
        (K02.FR.08); PriorityCharging goes before both (K21.FR.04). Before there is a transaction a
        profile that came with its remote start counts already.
        """
        priority = self._at(evse, ProfilePurpose.PRIORITY_CHARGING) if prioritized else ()
        of_transaction = (
            t for t in self.of_evse(ProfilePurpose.TX, evse) if _concerns(t, transaction_id)
        )
        # S16-SC-02: what 1.6 sets for a connector goes before the station's, whatever its level.
        defaults = sorted(
            self._at(evse, ProfilePurpose.TX_DEFAULT), key=lambda t: not t.installed.shadows
        )
        return (*priority, *of_transaction, *defaults)

    def _at(self, evse: int, purpose: ProfilePurpose) -> tuple[Timeline, ...]:
        return tuple(t for t in self.by_purpose.get(purpose, ()) if t.installed.evse in (0, evse))


def stacks_of(timelines: Iterable[Timeline]) -> Stacks:
    """Sort profiles by purpose and stack level."""
    ordered = sorted(timelines, key=lambda t: (-t.installed.profile.stack_level, -t.installed.evse))
    found: dict[ProfilePurpose, tuple[Timeline, ...]] = {}
    for timeline in ordered:
        purpose = timeline.installed.profile.purpose
        found[purpose] = (*found.get(purpose, ()), timeline)
    return Stacks(found)


def overlaid(
    timelines: Sequence[Timeline], course: Course, start_us: int, end_us: int
) -> list[Piece]:
    """Return a window without gaps in which at each instant the first profile that holds counts."""
    pieces: list[Piece] = []
    free = [(start_us, end_us)]
    for timeline in timelines:
        left = []
        for from_us, until_us in free:
            at_us = from_us
            for piece in timeline.pieces(course, from_us, until_us):
                if at_us < piece.start_us:
                    left.append((at_us, piece.start_us))
                pieces.append(piece)
                at_us = piece.end_us
            if at_us < until_us:
                left.append((at_us, until_us))
        free = left
        if not free:
            break
    pieces.extend(Piece(from_us, until_us, UNLIMITED, None) for from_us, until_us in free)
    pieces.sort()
    return pieces


def spread(
    timelines: Sequence[Timeline],
    course: Course,
    window: tuple[int, int],
    by: Spread,
) -> list[Piece]:
    """Return the overlaid window in which changes that a schedule makes come later by chance.

    What changes before the EV was ready, or because a profile has just been set, is not delayed:
    that was a person's wish. A schedule that spreads its periods itself is left alone.
    """
    start_us, end_us = window
    back_us = start_us - by.most_s * SECOND_US
    pieces = overlaid(timelines, course, max(back_us, min(course.ready_us, start_us)), end_us)
    seed = seed_of(by.seed, course.transaction_id)
    starts_us = [pieces[0].start_us, *_later(pieces, course, seed, by.most_s)]
    result: list[Piece] = []
    next_us = end_us
    for piece, at_us in zip(reversed(pieces), reversed(starts_us), strict=True):
        if at_us < next_us and next_us > start_us:
            result.append(piece._replace(start_us=max(at_us, start_us), end_us=next_us))
            next_us = at_us
    result.reverse()
    return result


def _later(pieces: Sequence[Piece], course: Course, seed: int, most_s: int) -> Iterator[int]:
    """Yield when each piece but the first begins."""
    for before, piece in pairwise(pieces):
        at_us = piece.start_us
        causes = [p.timeline for p in (before, piece) if p.timeline is not None]
        fresh = any(at_us <= cause.since_us + FRESH_US for cause in causes)
        own = any(cause.spreads_itself for cause in causes)
        wished = at_us <= course.ready_us or fresh or own
        yield at_us if wished else at_us + rolled(seed, at_us, most_s) * SECOND_US


def _concerns(timeline: Timeline, transaction_id: str | None) -> bool:
    installed = timeline.installed
    if transaction_id is None:
        return bool(installed.pending)
    return installed.profile.transaction_id == transaction_id
