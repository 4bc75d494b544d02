"""Local time for people: which offset from UTC is in force at an instant.

The CSMS sets the offset of now and, before the clocks change, the next one with its instant.
Source: ClockCtrlr of OCPP 2.x part 2, appendix; OCA application note on the California pricing
requirements (1.6).
"""

import re
from datetime import datetime, timedelta, timezone

from agent.core.records import dataclass

UTC_OFFSET = timedelta(0)
_WORDS = re.compile(r"([+-])(\d\d):([0-5]\d)", re.ASCII)
_MOST = timedelta(hours=14)
"""No place on earth is further from UTC."""


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The offset of now, and the one that follows it from an instant on, if both are known."""

    offset: timedelta = UTC_OFFSET
    next_at: datetime | None = None
    next_offset: timedelta | None = None

    def offset_at(self, instant: datetime) -> timedelta:
        """Return the offset in force at an instant."""
        if self.next_at is None or self.next_offset is None or instant < self.next_at:
            return self.offset
        return self.next_offset

    def shown(self, instant: datetime) -> str:
        """Return the time of an instant as people there read it, with its offset."""
        local = instant.astimezone(timezone(self.offset_at(instant)))
        return local.isoformat(timespec="seconds")


def offset_of(text: str) -> timedelta | None:
    """Return the offset that `±hh:mm` or `Z` means, None if the text is none."""
    if text == "Z":
        return UTC_OFFSET
    found = _WORDS.fullmatch(text)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return None if offset > _MOST else offset if found[1] == "+" else -offset


def offset_text(offset: timedelta) -> str:
    """Return an offset as `±hh:mm`."""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < UTC_OFFSET else '+'}{minutes // 60:02}:{minutes % 60:02}"
