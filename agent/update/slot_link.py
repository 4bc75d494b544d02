"""The link to the slot that is started. Only the standard library is used, and little of it."""

from agent.update.layout import Layout
from agent.update.slot_state import SLOTS


def linked_slot(layout: Layout) -> str | None:
    """Return the slot that the link points to, None without a usable link."""
    try:
        name = layout.current.readlink().name
    except OSError:
        return None
    return name if name in SLOTS else None
