"""What keeps the guard from its lines, in one sentence, for whoever explains the station to people.

The frames of the link have no room for words. So the guard leaves its last complaint in a file
beside its socket, open to those who may connect, and takes it away when the lines are in reach. It
is written when the lines are lost and every output has been made safe, never while they are held.
"""

import logging
import os
from pathlib import Path

SUFFIX = ".trouble"
LONGEST_BYTES = 1000

_log = logging.getLogger(__name__)


class TroubleNote:
    """The file beside one socket; `group` are the users besides our own who may read it."""

    def __init__(self, socket: Path, group: int | None = None) -> None:
        self._file = _beside(socket)
        self._group = group
        self._told = ""

    def tell(self, sentence: str) -> None:
        """Leave a sentence; failing is logged, since nothing depends on it."""
        if sentence == self._told:
            return
        fresh = self._file.with_name(self._file.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(sentence.encode()[:LONGEST_BYTES])
                if self._group is not None:
                    os.fchown(descriptor, -1, self._group)
                    os.fchmod(descriptor, 0o640)
            fresh.replace(self._file)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._file, error.strerror)
            return
        self._told = sentence

    def forget(self) -> None:
        """Take the sentence away, also one that a guard before this one has left."""
        self._told = ""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be removed: %s", self._file, error.strerror)


def read(socket: Path) -> str:
    """Return what the guard of a socket complains of, empty if nothing; on one line."""
    try:
        with _beside(socket).open("rb") as file:
            text = file.read(LONGEST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _beside(socket: Path) -> Path:
    return socket.with_name(socket.name + SUFFIX)
