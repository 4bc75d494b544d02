"""What is wrong with an EVSE beyond the guard's own faults, by name, each with a sentence."""

from collections.abc import Mapping


class Troubles:
    """Faults of instruments and software, each in the words of the device's driver."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    @property
    def sentences(self) -> Mapping[str, str]:
        """Every fault that is there, with its sentence, which may be empty."""
        return self._found

    def note(self, fault: str, *, on: bool, sentence: str = "") -> bool:
        """Take note that a fault is there or gone; return whether that is news."""
        was = fault in self._found
        if on:
            self._found[fault] = sentence or self._found.get(fault, "")
        else:
            self._found.pop(fault, None)
        return was != on

    def forget(self) -> None:
        """Start without any; what persists is found again."""
        self._found.clear()
