"""Instants as OCPP messages write them.

Sent are UTC, milliseconds and `Z`, which every peer reads. Received may be any RFC 3339 instant;
a missing zone is taken for UTC, since some peers leave it out.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)
"""The end of the calendar; nothing can be added to it."""


class InvalidTimestamp(ValueError):
    """A text is no instant that OCPP could mean; the message it came in is to be refused."""


def parse_datetime(text: str) -> datetime:
    """Return the instant in UTC, to the microsecond; further digits are cut off.

    A leap second is the first instant of the next minute. The year 9999, which peers write for
    "never", ends with `LAST_INSTANT`, also where a zone would lead beyond it. Raises
    InvalidTimestamp, also for what lies before the year 1.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise InvalidTimestamp("not a date and time in ISO 8601 form")
    try:
        return _local(match).astimezone(UTC)
    except OverflowError:
        if match["year"] == _LAST_YEAR:
            return LAST_INSTANT
        raise InvalidTimestamp("before the beginning of the calendar") from None
    except ValueError:
        raise InvalidTimestamp("no such date, time or zone") from None


def format_datetime(instant: datetime) -> str:
    """Return `instant` as `YYYY-MM-DDTHH:MM:SS.mmmZ`; raise ValueError if it has no zone."""
    if instant.utcoffset() is None:
        raise ValueError("an instant without time zone cannot be sent")
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


_LAST_YEAR: Final = "9999"
_INSTANT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]++))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2}):?(?P<zone_minute>[0-5][0-9]))?"
)


def _local(match: re.Match[str]) -> datetime:
    second = int(match["second"])
    is_leap_second = second == 60
    written = datetime(
        int(match["year"]),
        int(match["month"]),
        int(match["day"]),
        int(match["hour"]),
        int(match["minute"]),
        59 if is_leap_second else second,
        0 if is_leap_second else int((match["fraction"] or "")[:6].ljust(6, "0")),
        tzinfo=_zone(match),
    )
    return written + timedelta(seconds=1) if is_leap_second else written


def _zone(match: re.Match[str]) -> timezone:
    if match["sign"] is None:
        return UTC
    offset = timedelta(hours=int(match["zone_hour"]), minutes=int(match["zone_minute"]))
    return timezone(offset if match["sign"] == "+" else -offset)
