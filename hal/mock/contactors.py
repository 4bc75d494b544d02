"""The contactors of a simulated outlet: one whose poles are chosen, or one for each choice.

*Per phase* there are four: one connects all three phases, each of the others one phase to the
outlet's L1. Two that are closed at once join two phases: the fuses in front of them blow.
"""

from hal.api import Feed
from hal.mock.actuators import DelayedLine
from hal.mock.wire import CONTACTORS as FEEDS

CLOSE_NS = 25_000_000
OPEN_NS = 15_000_000
ALL_PHASES = Feed(3)


class Contactors:
    """What the coils of one outlet drive; the same `selected` phases until others are chosen.

    `stuck_open` and `welded` are defects: of the selected contactor, or of those of some phases.
    `per_phase`: each choice has a contactor of its own. `moved_under_load` counts how often poles
    were moved under a closed contactor.
    """

    __slots__ = (
        *("_all", "_lines", "fuses_blown", "moved_under_load", "per_phase", "selected"),
        *("stuck_open", "welded"),
    )

    def __init__(self, *, per_phase: bool) -> None:
        self._all = tuple(DelayedLine(CLOSE_NS, OPEN_NS) for _ in FEEDS[: None if per_phase else 1])
        self._lines = dict(zip(FEEDS, self._all * (1 if per_phase else len(FEEDS)), strict=True))
        self.per_phase = per_phase
        self.selected = ALL_PHASES
        self.moved_under_load = 0
        self.stuck_open = False
        self.welded: frozenset[Feed] = frozenset()
        self.fuses_blown = False

    def rebuilt(self, *, per_phase: bool) -> "Contactors":
        """Return other contactors in their place, open, with the same defects."""
        other = Contactors(per_phase=per_phase)
        other.stuck_open, other.welded = self.stuck_open, self.welded
        other.moved_under_load = self.moved_under_load
        return other

    @property
    def commanded(self) -> bool:
        """Whether a coil is driven."""
        return any(line.commanded for line in self._all)

    @property
    def closed(self) -> frozenset[Feed]:
        """The phases whose contactors are closed, which their mirror contacts tell."""
        if self.stuck_open:
            return self.welded
        own = FEEDS if self.per_phase else (self.selected,)
        return self.welded.union(feed for feed in own if self._lines[feed].is_on)

    @property
    def fed(self) -> frozenset[int]:
        """The phases of the grid that are at the outlet, 1 to 3."""
        nothing = frozenset[int]()
        return nothing if self.fuses_blown else nothing.union(*map(_phases, self.closed))

    @property
    def due_ns(self) -> int | None:
        """When a contactor will next move."""
        times_ns = (line.due_ns for line in self._all)
        return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)

    def advance(self, now_ns: int) -> None:
        """Let those contactors arrive whose time it is."""
        for line in self._all:
            line.advance(now_ns)
        self.look()

    def command(self, now_ns: int, *, on: bool) -> None:
        """Drive the coil of the selected phases, or none."""
        driven = self._lines[self.selected] if on else None
        for line in self._all:
            line.command(now_ns, on=line is driven)

    def select(self, feed: Feed) -> None:
        """Choose other phases; whoever does so under a closed contactor is counted."""
        if feed != self.selected:
            self.moved_under_load += bool(self.closed)
            self.selected = feed

    def weld(self, feed: Feed | None = None) -> None:
        """Let a contactor stay closed: that of the selected phases, or another."""
        self.welded = frozenset({self.selected if feed is None else feed})
        self.look()

    def repair(self) -> None:
        """Undo a weld, and what came of it."""
        self.welded = frozenset()
        self.fuses_blown = False

    def look(self) -> None:
        """Let the fuses blow if two contactors are closed at once."""
        self.fuses_blown = self.fuses_blown or (self.per_phase and len(self.closed) > 1)


def _phases(feed: Feed) -> frozenset[int]:
    return frozenset({1, 2, 3}) if feed == ALL_PHASES else frozenset({feed.phase})
