"""The mains contactors of one EVSE: coils, mirror contacts and the choice of phases.

Four ways to wire them. *Single*: one contactor for all poles. *Series*: a main contactor, and one
in series with it that adds L2 and L3. *Exclusive*: one contactor for one phase and one for three,
of which never both are driven (and which a mechanical or electrical interlock keeps apart). *Per
phase*: one contactor for three phases, and one for each single phase, which connects that phase to
the outlet's L1; of these four never two are driven, as two together would join two phases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hal.api import PER_PHASE, Feed, HardwareError
from hal.gpio.lines import Input, Output

# A contactor has this long to follow its command before it counts as failed.
FOLLOW_S = 0.250


class Strategy(StrEnum):
    """How the contactors of an EVSE are wired."""

    SINGLE = "single"
    SERIES = "series"
    EXCLUSIVE = "exclusive"
    PER_PHASE = PER_PHASE


_L1, _L2, _L3, _ALL = Feed(1, 1), Feed(1, 2), Feed(1, 3), Feed(3)
# The contactors of each strategy, and which of them are driven for which phases.
CONTACTORS: Mapping[Strategy, tuple[str, ...]] = {
    Strategy.SINGLE: ("coil",),
    Strategy.SERIES: ("coil", "coil_l2_l3"),
    Strategy.EXCLUSIVE: ("coil_1ph", "coil_3ph"),
    Strategy.PER_PHASE: ("coil_l1", "coil_l2", "coil_l3", "coil_3ph"),
}
DRIVEN: Mapping[Strategy, Mapping[Feed, frozenset[str]]] = {
    Strategy.SINGLE: {_L1: frozenset({"coil"}), _ALL: frozenset({"coil"})},
    Strategy.SERIES: {_L1: frozenset({"coil"}), _ALL: frozenset({"coil", "coil_l2_l3"})},
    Strategy.EXCLUSIVE: {_L1: frozenset({"coil_1ph"}), _ALL: frozenset({"coil_3ph"})},
    Strategy.PER_PHASE: {
        _L1: frozenset({"coil_l1"}),
        _L2: frozenset({"coil_l2"}),
        _L3: frozenset({"coil_l3"}),
        _ALL: frozenset({"coil_3ph"}),
    },
}


@dataclass(frozen=True, slots=True)
class MirrorContact:
    """An auxiliary contact that tells the position of the main contacts.

    A mirror contact by IEC 60947-4-1 is normally closed: its line is on while the main contacts
    are open, so that a broken wire reads as closed.
    """

    line: Input
    normally_closed: bool = True

    def says_closed(self) -> bool:
        """Tell whether the main contacts are closed."""
        return self.line.is_on is not self.normally_closed


@dataclass(frozen=True, slots=True)
class Coil:
    """One contactor: its coil driver and its mirror contacts."""

    output: Output
    mirrors: tuple[MirrorContact, ...]

    def is_closed(self) -> bool:
        """Tell whether any mirror contact says closed."""
        return any(mirror.says_closed() for mirror in self.mirrors)


class GpioContactor:
    """All contactors of an EVSE behind the guard's one contactor; `phases` are those at first."""

    def __init__(
        self,
        strategy: Strategy,
        coils: Mapping[str, Coil],
        clock: Callable[[], float],
        phases: int = 3,
    ) -> None:
        self._strategy = strategy
        self._coils = coils
        self._clock = clock
        self._feed = Feed(phases)
        self._commanded = False
        self._commanded_s = clock()

    def command(self, *, closed: bool) -> None:
        """Drive the coils of the selected phases from the next flush on."""
        if closed is not self._commanded:
            self._commanded = closed
            self._commanded_s = self._clock()
        driven = self._selected if closed else frozenset[str]()
        for name, coil in self._coils.items():
            coil.output.set(on=name in driven)

    def is_closed(self) -> bool:
        """Tell whether any contactor was closed at the last refresh."""
        return any(coil.is_closed() for coil in self._coils.values())

    def closed_contactors(self) -> tuple[str, ...]:
        """Return the coils whose mirror contacts said closed at the last refresh."""
        return tuple(name for name, coil in self._coils.items() if coil.is_closed())

    def select_phases(self, feed: Feed) -> None:
        """Choose the phases of the next closing; raises `HardwareError` unless all is open."""
        if feed == self._feed:
            return
        if feed not in DRIVEN[self._strategy]:
            raise HardwareError(self._cannot(feed))
        if self._strategy is Strategy.SINGLE:
            raise HardwareError(
                f"one contactor for all poles cannot supply {feed.phases} instead of"
                f" {self._feed.phases}"
                " phases; wire two (strategy series or exclusive), or set phase_switching = false"
            )
        if self._commanded or self.is_closed():
            raise HardwareError(
                "the phases were to be switched under a contactor that is not open; wait until"
                " its mirror contact says open"
            )
        self._feed = feed

    def is_partly_open(self) -> bool:
        """Tell whether a contactor that is driven has not closed in time, though another has."""
        if not self._commanded or not self._has_followed():
            return False
        return any(not self._coils[name].is_closed() for name in self._selected)

    def is_partly_welded(self) -> bool:
        """Tell whether a contactor that is not driven is closed beside one that is."""
        if not self._commanded or not self._has_followed():
            return False
        others = self._coils.keys() - self._selected
        return any(self._coils[name].is_closed() for name in others)

    @property
    def _selected(self) -> frozenset[str]:
        return DRIVEN[self._strategy][self._feed]

    def _cannot(self, feed: Feed) -> str:
        if feed.phases == 1 and feed.phase in (2, 3):
            return (
                f"the contactors cannot supply L{feed.phase} alone; that needs strategy per_phase"
            )
        return f"the contactors supply 1 or 3 phases, not {feed.phases}"

    def _has_followed(self) -> bool:
        return self._clock() - self._commanded_s >= FOLLOW_S


@dataclass(frozen=True, slots=True)
class ContactorFault:
    """What the one read-back of several contactors cannot say, as a fault input of the guard."""

    judge: Callable[[], bool]

    def is_on(self) -> bool:
        """Tell whether the fault is there now."""
        return self.judge()
