"""Frozen dataclasses as plain documents, and back: what is kept on the disk.

A document consists of dicts, lists, texts, numbers and booleans alone, so that any JSON writer
keeps it without loss: decimals are texts with all their digits, instants are ISO 8601 texts with
microseconds and zone, enumerations are their standard's words. An absent value is left out. The
converters are derived once from the dataclasses' fields.

A field that is not known is passed over: a newer version wrote it before this one was fallen back
to, and what it adds must not cost the session or the event that it was added to.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from agent.core.records import dataclass

_NONE: Final = type(None)

T = TypeVar("T")


class UnreadableDocument(ValueError):
    """A document is not what it should be: set it aside and go on. `field` names the place."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def within(self, outer: str) -> "UnreadableDocument":
        """Return the same damage as seen from the field around it."""
        joint = "." if self.field[:1].isalpha() else ""
        return UnreadableDocument(f"{outer}{joint}{self.field}", self.reason)


def written(record: Any) -> dict[str, Any]:
    """Return the document of a dataclass instance.

    Raises ValueError for an instant without time zone, which would mean another one elsewhere.
    """
    kind: Any = type(record)
    return cast(dict[str, Any], _converter(kind).write(record))


def read(kind: type[T], document: Any) -> T:
    """Return the instance of `kind` that a document describes; raises `UnreadableDocument`."""
    return cast(T, _converter(cast(Any, kind)).read(document))


@dataclass(frozen=True, slots=True)
class _Converter:
    """How values of one type are written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


@cache
def _converter(hint: Any) -> _Converter:
    """Return the converter for a type as the events' fields are annotated with."""
    if _NONE in get_args(hint):
        (present,) = (argument for argument in get_args(hint) if argument is not _NONE)
        return _converter(present)
    if get_origin(hint) in (tuple, frozenset):
        return _series(_converter(get_args(hint)[0]), cast(Any, get_origin(hint)))
    if is_dataclass(hint):
        return _record(hint)
    if issubclass(hint, StrEnum):
        return _Converter(str, _reader(str, hint))
    return _SCALARS[hint]


def _record(hint: Any) -> _Converter:
    """Convert a dataclass to a dict without the fields that are None."""
    hints = get_type_hints(hint)
    names = [field.name for field in fields(hint)]
    required = [name for name in names if _NONE not in get_args(hints[name])]
    writers = [(name, _converter(hints[name]).write) for name in names]
    readers = {name: _converter(hints[name]).read for name in names}

    def write(record: Any) -> dict[str, Any]:
        document = {}
        for name, write_field in writers:
            value = getattr(record, name)
            if value is not None:
                document[name] = write_field(value)
        return document

    def read(document: Any) -> Any:
        _check_fields(document, required)
        values = {}
        for name in filter(readers.__contains__, document):
            try:
                values[name] = readers[name](document[name])
            except UnreadableDocument as damage:
                raise damage.within(name) from None
        absent = dict.fromkeys(readers.keys() - values.keys())
        try:
            return hint(**values, **absent)
        except ValueError as error:
            raise UnreadableDocument("", str(error)) from error

    return _Converter(write, read)


def _check_fields(document: Any, required: list[str]) -> None:
    if not isinstance(document, dict):
        raise UnreadableDocument("", "not an object")
    for name in required:
        if name not in document:
            raise UnreadableDocument(name, "missing")


def _series(item: _Converter, kind: Callable[[Any], Any]) -> _Converter:
    """Convert a tuple, or a set of texts, to a list."""

    def write(values: Any) -> list[Any]:
        ordered = values if isinstance(values, tuple) else sorted(values)
        return [item.write(value) for value in ordered]

    def read(document: Any) -> Any:
        if not isinstance(document, list):
            raise UnreadableDocument("", "not a list")
        values = []
        for index, value in enumerate(document):
            try:
                values.append(item.read(value))
            except UnreadableDocument as damage:
                raise damage.within(f"[{index}]") from None
        return kind(values)

    return _Converter(write, read)


def _reader(written_as: type, parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a reader that accepts exactly the type that is written; a boolean is no integer."""

    def read(value: Any) -> Any:
        if type(value) is not written_as:
            raise UnreadableDocument("", f"not of type {written_as.__name__}")
        try:
            return parse(value)
        except (ValueError, InvalidOperation):
            raise UnreadableDocument("", f"{str(value)[:50]!r} cannot be read") from None

    return read


def _unchanged(value: Any) -> Any:
    return value


def _write_instant(instant: datetime) -> str:
    offset = instant.utcoffset()
    if offset is None:
        raise ValueError("an event's instant needs a time zone")
    # Offsets with a fraction of a second are read back wrongly by `fromisoformat`.
    exact = instant.astimezone(UTC) if offset.microseconds else instant
    return exact.isoformat(timespec="microseconds")


def _read_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no time zone")
    return instant


_SCALARS: Final = {
    str: _Converter(str, _reader(str, _unchanged)),
    int: _Converter(_unchanged, _reader(int, _unchanged)),
    float: _Converter(float, _reader(float, _unchanged)),
    bool: _Converter(_unchanged, _reader(bool, _unchanged)),
    Decimal: _Converter(str, _reader(str, Decimal)),
    datetime: _Converter(_write_instant, _reader(str, _read_instant)),
}
