"""Reads one TOML table of a profile into typed values; the first thing that is wrong ends it."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hal.api import HardwareError

_Enum = TypeVar("_Enum", bound=StrEnum)
_Kind = TypeVar("_Kind")
_KIND_NAMES = {
    bool: "true or false",
    int: "a whole number",
    str: "a text in quotes",
    list: "a list",
    dict: "a table",
    Decimal: "a number",
}


class ProfileError(HardwareError):
    """A meter profile cannot be used; the message names file, key, reason and remedy."""


class ProfileTable:
    """One table of a profile. Reading a key marks it as known; `finish` refuses all others."""

    def __init__(self, file: Path, raw: Mapping[str, Any], path: str = "") -> None:
        """Take the raw table and its key path, empty for the file itself."""
        self._file = file
        self._raw = raw
        self._path = path
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Tell whether the file gives the key."""
        return key in self._raw

    def text(self, key: str, default: str | None = None) -> str:
        """Read a text that is not empty."""
        value = self._value(key, str, default)
        if not value:
            self.refuse(key, "is empty; give a text")
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Read a whole number within bounds."""
        value = self._value(key, int, default)
        if not low <= value <= high:
            self.refuse(key, f"is {value}; it must lie within {low} and {high}")
        return value

    def number(self, key: str, default: Decimal | None = None) -> Decimal:
        """Read a number that is finite, exactly as the file writes it."""
        raw = self._raw.get(key)
        if isinstance(raw, int) and not isinstance(raw, bool):
            self._known.add(key)
            return Decimal(raw)
        value = self._value(key, Decimal, default)
        if not value.is_finite():
            self.refuse(key, f"is {value}; give a finite number")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        return self._value(key, bool, default)

    def choice(self, key: str, options: type[_Enum], default: _Enum | None = None) -> _Enum:
        """Read one of the names of an enumeration."""
        value = self._value(key, str, default)
        names = [option.value for option in options]
        if value not in names:
            self.refuse(key, f'is "{value}"; it must be one of {", ".join(names)}')
        return options(value)

    def choices(self, key: str, options: type[_Enum]) -> tuple[_Enum, ...]:
        """Read a list of names of an enumeration."""
        values = self._value(key, list, None)
        names = [option.value for option in options]
        for value in values:
            if value not in names:
                self.refuse(key, f"has {value!r}; its members must be from {', '.join(names)}")
        return tuple(options(value) for value in values)

    def integers(self, key: str) -> tuple[int, ...]:
        """Read a list of whole numbers, at least one."""
        values = self._value(key, list, None)
        if not values or not all(isinstance(value, int) for value in values):
            self.refuse(key, "must be a list of at least one whole number")
        return tuple(values)

    def names(self) -> tuple[str, ...]:
        """Return the keys of the table as the file gives them."""
        return tuple(self._raw)

    def table(self, key: str) -> "ProfileTable":
        """Read a table; one that the file does not give is empty."""
        return ProfileTable(self._file, self._value(key, dict, {}), self._full(key))

    def tables(self, key: str) -> tuple["ProfileTable", ...]:
        """Read an array of tables; one that the file does not give is empty."""
        members = self._value(key, list, [])
        if not all(isinstance(member, dict) for member in members):
            self.refuse(key, f"must be written as tables: [[{self._full(key)}]]")
        return tuple(
            ProfileTable(self._file, member, f"{self._full(key)}[{number}]")
            for number, member in enumerate(members, start=1)
        )

    def finish(self) -> None:
        """Refuse a key that was never read: it is unknown."""
        for key in self._raw:
            if key not in self._known:
                known = ", ".join(sorted(self._known))
                self.refuse(key, f"is unknown; remove it, or did you mean one of {known}?")

    def refuse(self, key: str, reason: str) -> NoReturn:
        """Raise `ProfileError` about a key of this table."""
        raise ProfileError(f"{self._file}: {self._full(key)} {reason}")

    def _full(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path and key else self._path or key

    def _value(self, key: str, kind: type[_Kind], default: _Kind | None) -> _Kind:
        self._known.add(key)
        if key not in self._raw:
            if default is None:
                self.refuse(key, f"is missing; it must be {_KIND_NAMES[kind]}")
            return default
        value = self._raw[key]
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            self.refuse(key, f"is {value!r}; it must be {_KIND_NAMES[kind]}")
        return value
