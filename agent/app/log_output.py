"""How log lines look: one record, one line, whatever text of a peer is in it."""

import logging
import re

from agent.config.model import LogLevel

LONGEST_MESSAGE = 2000
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Controls of ASCII and Latin-1, separators of lines, and marks that reverse the reading direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_TRACEBACK = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


class LineFormatter(logging.Formatter):
    """Escapes what is no printable text and cuts what is too long."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # type: ignore[explicit-override] # noqa: N802 - its name
        """Return the line without its traceback."""
        record.message = _escaped(_UNSAFE, record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # type: ignore[explicit-override] # noqa: N802 - its name
        """Return the traceback, whose own lines are wanted."""
        return _escaped(_UNSAFE_IN_TRACEBACK, super().formatException(ei))  # type: ignore[arg-type]


def log_to_standard_error(level: LogLevel) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(_FORMAT))
    logging.basicConfig(level=level.value.upper(), handlers=[handler])


def _escaped(unsafe: re.Pattern[str], text: str) -> str:
    if len(text) > LONGEST_MESSAGE and unsafe is _UNSAFE:
        text = f"{text[:LONGEST_MESSAGE]}… ({len(text)} characters)"
    return unsafe.sub(lambda found: found[0].encode("unicode_escape", "replace").decode(), text)
