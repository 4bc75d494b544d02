"""The link to the slot that is started, and the state of the slots, which goes with it.

Only the standard library is used, and little of it.
"""

from agent.update.layout import Layout
from agent.update.slot_state import SLOTS, SlotState, load


def linked_slot(layout: Layout) -> str | None:
    """Return the slot that the link points to, None without a usable link."""
    try:
        target = layout.current.readlink()
    except OSError:
        return None
    is_ours = layout.current.parent / target.parent == layout.slots and target.name in SLOTS
    return target.name if is_ours else None


def station_state(layout: Layout) -> SlotState:
    """Return the state of the slots; raises `SlotStateError`.

    Where none was ever kept, or both files are gone, what the link points to is the slot to keep.
    """
    return load(layout.state, SlotState(linked_slot(layout) or SLOTS[0]))
