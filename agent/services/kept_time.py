"""Keeps the time that the CSMS told, so that a restart of the software does not forget it.

The seconds since the machine started go on over such a restart. After a start of the machine
itself nobody knows how long it was off: then the time is told anew.
"""

import math
from datetime import datetime
from typing import Final

from agent.ports import Settings
from agent.services.system_clock import SystemClock

KIND: Final = "clock"
TOLD: Final = "told"


class KeptTime:
    """What is known of the time since the machine started, under its `boot_id`."""

    def __init__(self, clock: SystemClock, documents: Settings, boot_id: str) -> None:
        self._clock = clock
        self._documents = documents
        self._boot_id = boot_id

    def resume(self) -> None:
        """Let the clock go on as before a restart of the software."""
        kept = _read(self._documents.get(KIND, TOLD) or "")
        if kept is not None and kept[0] == self._boot_id:
            self._clock.resume(known=kept[2], at_s=kept[1])

    async def keep(self) -> None:
        """Write down what the clock shows."""
        at_s, known = self._clock.monotonic_s(), self._clock.now()
        await self._documents.put(KIND, TOLD, f"{self._boot_id} {at_s:.3f} {known.isoformat()}")


def _read(text: str) -> tuple[str, float, datetime] | None:
    """Return the machine's start, seconds since then and the time; None if nothing is kept."""
    try:
        boot_id, seconds, instant = text.rsplit(" ", 2)
        at_s, known = float(seconds), datetime.fromisoformat(instant)
    except ValueError:
        return None
    return (boot_id, at_s, known) if math.isfinite(at_s) and known.tzinfo is not None else None
