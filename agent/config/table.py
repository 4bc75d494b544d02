"""Reads one TOML table into typed values and collects everything that is wrong with it.

A reader never stops at a problem: it notes it and returns a stand-in, so that one run names all
problems. The result may be used only if no problem was noted.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from agent.config.problems import ConfigProblem

_Enum = TypeVar("_Enum", bound=StrEnum)
_Value = TypeVar("_Value")
_TYPE_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}


class Problems:
    """Everything noted about one file."""

    def __init__(self, file: Path) -> None:
        """Start with nothing noted."""
        self._file = file
        self._noted: list[ConfigProblem] = []

    def note(self, key: str, reason: str) -> None:
        """Add a problem."""
        self._noted.append(ConfigProblem(self._file, key, reason))

    def note_first(self, key: str, reason: str) -> None:
        """Add a problem unless the key has one already, which it may be a consequence of."""
        if not self.concern(key):
            self.note(key, reason)

    def concern(self, key: str) -> bool:
        """Tell whether something is wrong with a key."""
        return any(problem.key == key for problem in self._noted)

    def all(self) -> tuple[ConfigProblem, ...]:
        """Return what was noted, in order."""
        return tuple(self._noted)


class Table:
    """One table of the file. Reading a key marks it as known; `finish` reports all others."""

    def __init__(self, raw: Mapping[str, Any], path: str, problems: Problems, folder: Path) -> None:
        """Take the raw table, its key path (empty for the file), and the folder of the file."""
        self._raw = raw
        self._path = path
        self._problems = problems
        self._folder = folder
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Tell whether the file gives the key."""
        return key in self._raw

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the file gives, for tables whose keys are names."""
        return tuple(self._raw)

    def key_path(self, key: str) -> str:
        """Return the full path of a key for messages."""
        return f"{self._path}.{key}" if self._path else key

    def note(self, key: str, reason: str) -> None:
        """Note a problem with a key of this table."""
        self._problems.note(self.key_path(key), reason)

    def note_first(self, key: str, reason: str) -> None:
        """Note a problem with a key unless it has one already."""
        self._problems.note_first(self.key_path(key), reason)

    def text(
        self,
        key: str,
        default: str | None = None,
        *,
        check: Callable[[str], str | None] | None = None,
    ) -> str:
        """Read a string; without a default the key is required.

        `check` returns a complaint or None.
        """
        value = self._value(key, str, default, "")
        complaint = check(value) if check is not None and key in self._raw and value else None
        if isinstance(self._raw.get(key), str) and not value:
            complaint = "must not be empty"
        if complaint is not None:
            self.note(key, complaint)
        return value

    def optional_text(self, key: str, *, check: Callable[[str], str | None]) -> str | None:
        """Read a string that may be left out."""
        return self.text(key, "", check=check) or None

    def integer(self, key: str, default: int | None = None, *, low: int, high: int) -> int:
        """Read an integer between `low` and `high`."""
        value = self._value(key, int, default, low)
        self._check_range(key, value, low, high)
        return value

    def optional_integer(self, key: str, *, low: int, high: int) -> int | None:
        """Read an integer that may be left out."""
        given = key in self._raw
        value = self.integer(key, low, low=low, high=high)
        return value if given else None

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """Read a number, with or without a fraction, between `low` and `high`."""
        raw = self._raw.get(key)
        if isinstance(raw, int) and not isinstance(raw, bool):
            self._known.add(key)
            value = float(raw)
        else:
            value = self._value(key, float, default, default)
        self._check_range(key, value, low, high)
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        return self._value(key, bool, default, default)

    def choice(self, key: str, options: type[_Enum], default: _Enum) -> _Enum:
        """Read one of the names of an enumeration."""
        value = self._value(key, str, default.value, default.value)
        allowed = [option.value for option in options]
        if value in allowed:
            return options(value)
        self.note(key, f"must be one of {', '.join(allowed)}{did_you_mean(value, allowed)}")
        return default

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Read an array of strings."""
        value = self._value(key, list, list(default), [])
        if all(isinstance(member, str) for member in value):
            return tuple(value)
        self.note(key, "must be an array of strings")
        return ()

    def integers(
        self, key: str, default: tuple[int, ...], *, low: int, high: int
    ) -> tuple[int, ...]:
        """Read an array of integers between `low` and `high`."""
        value = self._value(key, list, list(default), [])
        if all(type(member) is int and low <= member <= high for member in value):
            return tuple(value)
        self.note(key, f"must be an array of integers between {low} and {high}")
        return ()

    def path(self, key: str, default: str | None = None) -> Path:
        """Read a path; a relative one is taken from the folder of the file."""
        return self._folder / self.text(key, default)

    def optional_path(self, key: str) -> Path | None:
        """Read a path that may be left out."""
        if key not in self:
            self._known.add(key)
            return None
        return self.path(key)

    def table(self, key: str) -> "Table":
        """Read a table; an absent one is empty."""
        return self._sub_table(self._value(key, dict, {}, {}), self.key_path(key))

    def optional_table(self, key: str) -> "Table | None":
        """Read a table that may be left out."""
        if key not in self:
            self._known.add(key)
            return None
        return self.table(key)

    def tables(self, key: str) -> tuple["Table", ...]:
        """Read an array of tables."""
        members = self._value(key, list, [], [])
        if not all(isinstance(member, dict) for member in members):
            self.note(key, f"must be tables: [[{self.key_path(key)}]]")
            return ()
        numbered = enumerate(members, start=1)
        return tuple(self._sub_table(m, f"{self.key_path(key)}[{n}]") for n, m in numbered)

    def take_rest(self) -> Mapping[str, Any]:
        """Return all keys not read so far and mark them as known."""
        rest = {key: value for key, value in self._raw.items() if key not in self._known}
        self._known.update(rest)
        return rest

    def finish(self) -> None:
        """Note every key that was never read: it is unknown."""
        for key in self._raw:
            if key not in self._known:
                self.note(key, f"unknown key{did_you_mean(key, self._known)}")

    def _sub_table(self, raw: Mapping[str, Any], path: str) -> "Table":
        return Table(raw, path, self._problems, self._folder)

    def _value(
        self, key: str, kind: type[_Value], default: _Value | None, stand_in: _Value
    ) -> _Value:
        self._known.add(key)
        if key not in self._raw:
            if default is None:
                self.note(key, "is missing")
                return stand_in
            return default
        value = self._raw[key]
        if isinstance(value, kind) and isinstance(value, bool) is (kind is bool):
            return value
        found = _TYPE_NAMES.get(type(value), "a date or time")
        self.note(key, f"must be {_TYPE_NAMES[kind]}, not {found}")
        return stand_in

    def _check_range(self, key: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            self.note(key, f"must be between {low} and {high}, not {value}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "…"?` for a near miss, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed when something is wrong

    by_folded = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_folded, n=1)
    return f', did you mean "{by_folded[close[0]]}"?' if close else ""
