"""Chooses the slot before the agent is started, and lets the link `current` point to it.

This runs as root before every start of the agent, from outside the slots, with the standard library
alone. It has to end with a slot that can be started, whatever it finds.
"""

import logging

from agent.core.records import dataclass
from agent.update.durable import replace_link
from agent.update.layout import Layout
from agent.update.slot_link import linked_slot, station_state
from agent.update.slot_state import (
    SLOTS,
    SlotState,
    SlotStateError,
    rolled_back,
    started,
    store,
)
from agent.update.slot_tree import read_mark

_log = logging.getLogger(__name__)


class NoSlot(Exception):
    """Neither slot is complete: install the package again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be started. `moved` says that the link pointed elsewhere before."""

    slot: str
    on_trial: bool
    moved: bool


def select(layout: Layout) -> Selection:
    """Count a try, choose the slot, and move the link; raises `NoSlot`."""
    state = _readable_state(layout)
    if state is None:
        slot, on_trial = _without_state(layout), False
    else:
        slot, on_trial = _counted(layout, state)
    if not is_complete(layout, slot):
        slot, on_trial = _other_complete(layout, slot), False
    moved = linked_slot(layout) != slot
    if moved:
        _move(layout, slot)
    return Selection(slot, on_trial, moved)


def is_complete(layout: Layout, slot: str) -> bool:
    """Tell whether a slot has everything that starts."""
    return read_mark(layout.slots / slot) is not None


def ensure_link(layout: Layout) -> str:
    """Return the slot of the link; only where there is none, make it point to the active slot.

    For the guard, whose start counts nothing. Raises `NoSlot`.
    """
    linked = linked_slot(layout)
    if linked is not None and is_complete(layout, linked):
        return linked
    state = _readable_state(layout)
    slot = _without_state(layout) if state is None else state.active
    if not is_complete(layout, slot):
        slot = _other_complete(layout, slot)
    _move(layout, slot)
    return slot


def _readable_state(layout: Layout) -> SlotState | None:
    try:
        return station_state(layout)
    except SlotStateError as error:
        _log.error("the state of the slots is lost, the slot of the last start goes on: %s", error)
        return None


def _counted(layout: Layout, state: SlotState) -> tuple[str, bool]:
    """Return the slot by the rule; a trial that cannot be counted, or is torn, is not begun."""
    slot, after = started(state)
    if after.trial is not None and not is_complete(layout, slot):
        slot, after = state.active, rolled_back(state, "the new version's slot is not complete")
    if after == state:
        return slot, after.trial is not None
    try:
        store(layout.state, after)
    except OSError as error:
        _log.error(
            "%s cannot be written, the confirmed version is started: %s", layout.state, error
        )
        return state.active, False
    if after.failed is not None:
        _log.error("fell back to slot %s: %s", state.active, after.failure)
    return slot, after.trial is not None


def _without_state(layout: Layout) -> str:
    return linked_slot(layout) or SLOTS[0]


def _other_complete(layout: Layout, slot: str) -> str:
    other = SLOTS[1 - SLOTS.index(slot)]
    if not is_complete(layout, other):
        raise NoSlot(f"neither slot in {layout.slots} is complete; install the package again")
    _log.error("slot %s is not complete, slot %s is started", slot, other)
    return other


def _move(layout: Layout, slot: str) -> None:
    try:
        replace_link(layout.current, f"{layout.slots.name}/{slot}")
    except OSError as error:
        linked = linked_slot(layout)
        if linked is None:
            raise NoSlot(f"{layout.current} cannot be made: {error}") from error
        _log.error("%s stays on slot %s: %s", layout.current, linked, error)
