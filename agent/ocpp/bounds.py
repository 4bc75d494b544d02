"""How much one CALL of the CSMS may hold, as the device model advertises it.

A station tells `ItemsPerMessage` and `BytesPerMessage` for the requests that carry lists. More than
that is refused as a whole, before anything is done (B06.FR.16, B06.FR.17, B08.FR.17, B08.FR.18).
"""

import json
from collections.abc import Callable

from agent.core.records import dataclass
from agent.ocpp.codec import CallRejected, Payload
from agent.ocpp.dialect import RpcErrorCode


@dataclass(frozen=True, slots=True)
class Bound:
    """The most elements that a list of the request may have, and bytes that its payload may."""

    items: int
    bytes: int


Bounds = Callable[[str], Bound | None]
"""Returns what holds for an action now, None if nothing does."""


def unbounded(_action: str) -> None:
    """Bound nothing."""


def check_bound(bound: Bound, action: str, payload: Payload) -> None:
    """Raise CallRejected if the request holds more than the station takes at once."""
    items = max((len(v) for v in payload.values() if isinstance(v, list)), default=0)
    if items > bound.items:
        raise CallRejected(
            RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
            f"{action} has {items} elements, this station takes {bound.items} in one message",
        )
    size = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
    if size > bound.bytes:
        raise CallRejected(
            RpcErrorCode.FORMAT_VIOLATION,
            f"{action} has {size} bytes, this station takes {bound.bytes} in one message",
        )
