"""Which EVSEs were cut off for good because their contactor welded: a mark for each, on disk.

The marks outlive the guard, so that no restart gives the mains back to a contactor that nobody has
looked at. A mark is an empty file: being there is all it says, and nothing in it can be damaged.
"""

import logging
from pathlib import Path

NOWHERE: frozenset[int] = frozenset()
_MARK = "shut-off-"

_log = logging.getLogger(__name__)


class ShutOffMemory:
    """The marks in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tripped(self) -> frozenset[int]:
        """Return the EVSEs whose second shut-off was tripped and not reset since."""
        numbers = [mark.name.removeprefix(_MARK) for mark in self._folder.glob(f"{_MARK}*")]
        return frozenset(int(number) for number in numbers if number.isdecimal())

    def keep(self, evse: int) -> None:
        """Remember an EVSE. Failing is logged: what is tripped stays so as long as the guard."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._mark(evse).touch(mode=0o600)
        except OSError as error:
            _log.error(
                "EVSE %d: the second shut-off is tripped, but %s cannot be written (%s): a "
                "restart of the guard would forget it",
                evse,
                self._mark(evse),
                error.strerror,
            )

    def forget(self, evse: int) -> None:
        """Forget an EVSE that a person has looked after; raises `OSError`."""
        self._mark(evse).unlink(missing_ok=True)

    def _mark(self, evse: int) -> Path:
        return self._folder / f"{_MARK}{evse}"
