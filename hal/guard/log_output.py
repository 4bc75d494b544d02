"""Log lines to standard error that can never make the guard wait."""

import logging
import os
import select
import sys
from contextlib import suppress

_LONGEST_BYTES = 4096


class PatientStream:
    """Standard error that takes a line only if it can be taken at once, else drops it."""

    def __init__(self) -> None:
        self._descriptor = sys.stderr.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, text: str) -> int:
        """Write at most as much as a pipe takes in one piece."""
        line = text.encode(errors="replace")[:_LONGEST_BYTES]
        if any(events & select.POLLOUT for _, events in self._poll.poll(0)):
            with suppress(OSError):
                os.write(self._descriptor, line)
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""


def log_to_standard_error() -> None:
    """Send everything from INFO on to standard error."""
    handler = logging.StreamHandler(PatientStream())
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
