"""Changing between three phases and one, or one and another, also in the middle of a transaction.

Poles are chosen only while the contactor is proven open, and the vehicle gets a pause without PWM,
because a charger may be damaged by phases that come and go under it.

| step | what ends it | next |
|---|---|---|
| settled, resting | other phases are wanted | stopping: no PWM, and an orderly opening |
| stopping | the old phases are wanted again | settled |
| stopping | the contactor is proven open; the phases are selected | resting |
| resting | the pause without PWM is over | settled |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from hal.api import Feed


class PhaseStep(StrEnum):
    """How far a change of the phases has got."""

    SETTLED = "settled"
    STOPPING = "stopping"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """What the steps depend on; `rested` tells that the pause without PWM is over."""

    wanted: Feed
    proven_open: bool
    rested: bool


@dataclass(frozen=True, slots=True)
class PhaseTrack:
    """The phases that are connected or were last selected; None as long as nobody knows."""

    selected: Feed | None
    step: PhaseStep = PhaseStep.SETTLED

    @property
    def under_way(self) -> bool:
        """Tell whether there must be no offer because of a change."""
        return self.step is not PhaseStep.SETTLED


class Advance(NamedTuple):
    """The new track, and the phases to select now, if any."""

    track: PhaseTrack
    select: Feed | None


def unknown() -> PhaseTrack:
    """Return the track of poles that somebody else may have moved: they are selected anew."""
    return PhaseTrack(None, PhaseStep.STOPPING)


def advance(track: PhaseTrack, facts: PhaseFacts) -> Advance:
    """Go through every step that is over; idle poles change at once."""
    select = None
    if facts.wanted != track.selected:
        track = PhaseTrack(track.selected, PhaseStep.STOPPING)
    elif track.step is PhaseStep.STOPPING:
        track = PhaseTrack(track.selected, PhaseStep.SETTLED)
    if track.step is PhaseStep.STOPPING and facts.proven_open:
        select = facts.wanted
        track = PhaseTrack(select, PhaseStep.RESTING)
    if track.step is PhaseStep.RESTING and facts.rested:
        track = PhaseTrack(track.selected, PhaseStep.SETTLED)
    return Advance(track, select)
