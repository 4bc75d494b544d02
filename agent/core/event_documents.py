"""Stored domain events as plain documents, and back: what the outbox keeps of an event.

A change of the events' fields that an older document could not fulfil needs a new `SCHEMA` and a
reader for the old one.
"""

from typing import Any, Final

from agent.core.component_events import ComponentEvent
from agent.core.documents import UnreadableDocument, read, written
from agent.core.events import (
    ConnectorUnplugged,
    MeterValuesEvent,
    SecurityEvent,
    StoredEvent,
    TransactionEvent,
)
from agent.core.progress import FirmwareProgress
from agent.core.reservation import ReservationEnded

SCHEMA: Final = 1

_KIND: Final = "event"
_EVENTS: Final[dict[str, type[StoredEvent]]] = {
    event.__name__: event
    for event in (
        TransactionEvent,
        MeterValuesEvent,
        ConnectorUnplugged,
        SecurityEvent,
        ReservationEnded,
        ComponentEvent,
        FirmwareProgress,
    )
}

UnreadableEvent = UnreadableDocument


def to_document(event: StoredEvent) -> dict[str, Any]:
    """Return the document of an event, to be kept together with `SCHEMA`.

    Raises ValueError for an instant without time zone, which would mean another one elsewhere.
    """
    return {_KIND: type(event).__name__, **written(event)}


def from_document(document: Any, schema: int) -> StoredEvent:
    """Return the event of a document that was kept with `schema`; raises `UnreadableEvent`."""
    if schema != SCHEMA:
        raise UnreadableEvent("schema", f"{schema} is not known here, {SCHEMA} is")
    if not isinstance(document, dict):
        raise UnreadableEvent(_KIND, "the document is not an object")
    kind = document.get(_KIND)
    event: Any = _EVENTS.get(kind) if isinstance(kind, str) else None
    if event is None:
        raise UnreadableEvent(_KIND, f"{str(kind)[:50]!r} is no kind of stored event")
    found: StoredEvent = read(event, {n: v for n, v in document.items() if n != _KIND})
    return found
