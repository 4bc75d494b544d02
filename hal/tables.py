"""Reads the tables of board files and backends into typed values and collects what is wrong.

A reader never stops at a problem: it notes a sentence and returns a stand-in, so that one look
names everything. What was read may be used only if nothing was noted.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import cast

Table = Mapping[str, object]


class Options:
    """One table. Reading a key marks it as known; `finish` reports all others.

    `path` is how the table is called in complaints, for instance `pilot.pwm`.
    """

    def __init__(self, path: str, table: Table, problems: list[str]) -> None:
        self.path = path
        self._table = table
        self._problems = problems
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def items(self) -> Iterable[tuple[str, object]]:
        """Return keys and raw values, for tables whose keys are names."""
        return self._table.items()

    def note(self, key: str, reason: str) -> None:
        """Note what is wrong with a key of this table."""
        name = f"{self.path}.{key}" if self.path and key else self.path or key
        self._problems.append(f"{name} {reason}")

    def text(self, key: str, default: str | None = None, choices: Sequence[str] = ()) -> str:
        """Read a text, one of `choices` if there are any; required without a default."""
        value = self._value(key, default, "a text")
        if not isinstance(value, str) or (not value and default != ""):
            self._refuse(key, value, "a text")
            return default or ""
        if choices and value not in choices:
            self.note(key, f"is {value!r}, not one of {', '.join(choices)}{meant(value, choices)}")
        return value

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """Read a number within `low` and `high`; required if `default` is None."""
        value = self._value(key, default, f"a number from {low:g} to {high:g}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(key, value, f"a number from {low:g} to {high:g}")
            return low
        if not low <= value <= high:
            self.note(key, f"is {value:g}, not within {low:g} to {high:g}")
            return low
        return float(value)

    def integer(self, key: str, default: int | None, low: int, high: int) -> int:
        """Read a whole number within `low` and `high`; required if `default` is None."""
        number = self.number(key, default, low, high)
        if number != int(number):
            self.note(key, f"is {number:g}, not a whole number")
        return int(number)

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._value(key, default, "true or false")
        if not isinstance(value, bool):
            self._refuse(key, value, "true or false")
            return default
        return value

    def text_or_number(self, key: str, highest: int) -> str | int:
        """Read a name or a number from 0; required."""
        value = self._value(key, None, "a name or a number")
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest:
            return value
        self._refuse(key, value, f"a name or a number from 0 to {highest}")
        return ""

    def pair(self, key: str, value: object) -> tuple[float, float]:
        """Take two numbers, an array that was read already."""
        if isinstance(value, list | tuple) and len(value) == 2:
            first, second = value
            if _is_number(first) and _is_number(second):
                return float(first), float(second)
        self.note(key, f"must hold two numbers, not {value!r}")
        return 0.0, 0.0

    def members(self, key: str) -> tuple[object, ...]:
        """Read an array, empty if it is left out."""
        value = self._value(key, (), "an array")
        if isinstance(value, list | tuple):
            return tuple(value)
        self._refuse(key, value, "an array")
        return ()

    def table(self, key: str) -> "Options":
        """Read a table; required."""
        value = self._value(key, None, "a table")
        if not isinstance(value, Mapping):
            self._refuse(key, value, "a table")
            return Options(f"{self.path}.{key}", {}, [])
        return self._inner(key, value)

    def optional_table(self, key: str) -> "Options | None":
        """Read a table that may be left out."""
        self._known.add(key)
        return self.table(key) if key in self._table else None

    def tables(self, key: str) -> tuple["Options", ...]:
        """Read one table or an array of tables; required."""
        value = self._value(key, None, "a table or an array of tables")
        if isinstance(value, Mapping):
            return (self._inner(key, value),)
        if isinstance(value, list | tuple) and value:
            if all(isinstance(member, Mapping) for member in value):
                return tuple(
                    self._inner(f"{key}[{number}]", member)
                    for number, member in enumerate(value, start=1)
                )
            self.note(key, "must be tables")
            return ()
        self._refuse(key, value, "a table or an array of tables")
        return ()

    def expect(self, *keys: str) -> None:
        """Mark keys as known that somebody else reads."""
        self._known.update(keys)

    def finish(self) -> None:
        """Note every key that was never read: it is unknown."""
        for key in self._table:
            if key not in self._known:
                known = ", ".join(sorted(self._known - {"backend"}))
                self.note(key, f"is unknown{meant(key, self._known)}; known are {known}")

    def _inner(self, key: str, table: Table) -> "Options":
        return Options(f"{self.path}.{key}" if self.path else key, table, self._problems)

    def _value(self, key: str, default: object, wanted: str) -> object:
        self._known.add(key)
        value = self._table.get(key, default)
        if value is None:
            self.note(key, f"is missing; give {wanted}")
        return value

    def _refuse(self, key: str, value: object, wanted: str) -> None:
        if value is not None:
            self.note(key, f"must be {wanted}, not {value!r}")


def meant(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "..."?` for a near miss, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only needed when something is wrong

    by_folded = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_folded, n=1)
    return f', did you mean "{by_folded[close[0]]}"?' if close else ""


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and isfinite(cast("float", value))
