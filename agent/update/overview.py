"""What the slots hold, for people and programs that ask."""

from agent.update.layout import Layout
from agent.update.slot_link import linked_slot, station_state
from agent.update.slot_state import SLOTS
from agent.update.slot_tree import read_mark


def overview(layout: Layout) -> dict[str, object]:
    """Return facts about the slots; raises `SlotStateError`."""
    state = station_state(layout)
    marks = {slot: read_mark(layout.slots / slot) for slot in SLOTS}
    versions = {f"slot_{slot}": mark.version if mark else None for slot, mark in marks.items()}
    return {
        **versions,
        "runs": linked_slot(layout),
        "confirmed": state.active,
        "on_trial": state.trial,
        "starts_left": state.tries if state.trial else None,
        "failed": state.failed,
        "failure": state.failure,
        "rollback_index": state.rollback_index,
    }
