"""Readers that print one line for each card, as a template says.

A template is text with one placeholder for the token, for example `UID: {hex}`. `{hex}` is hex
digits, with blanks, `:` or `-` between them or not; `{text}` is any printable characters without
blanks; `{skip}` is anything up to the text that follows it. A line must match as a whole. Each
part is looked for once, from left to right, so a line costs no more than its length.
"""

import re
from dataclasses import dataclass

from hal.serial.events import Junk, Sighting

LONGEST_LINE = 128
LONGEST_TEXT = 36
"""OCPP 2.x's longest idToken."""
DEFAULT_TEMPLATE = "{hex}"

_SEPARATORS = re.compile(r"[ :-]")
_PART = re.compile(r"\{([a-z]*)\}")
_HEX, _TEXT, _SKIP = "hex", "text", "skip"
_TOKEN_PARTS = frozenset({_HEX, _TEXT})
_PLACEHOLDERS = "there is {hex}, {text} and {skip}"


class BadTemplate(ValueError):
    """A template cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """Literal texts with placeholders between them; there is one literal more than placeholders."""

    literals: tuple[str, ...]
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template; raises `BadTemplate`."""
        pieces = _PART.split(text)
        literals, parts = tuple(pieces[::2]), tuple(pieces[1::2])
        unknown = [part for part in parts if part not in {*_TOKEN_PARTS, _SKIP}]
        if unknown:
            raise BadTemplate(f"{{{unknown[0]}}} is no placeholder; {_PLACEHOLDERS}")
        if sum(part in _TOKEN_PARTS for part in parts) != 1:
            raise BadTemplate("it needs the token once: {hex} or {text}")
        if any(not literal for literal in literals[1:-1]):
            raise BadTemplate("two placeholders need some text between them")
        if not (text.isascii() and text.isprintable()) or len(text) > LONGEST_LINE:
            raise BadTemplate(f"it must be printable ASCII, {LONGEST_LINE} characters at most")
        return cls(literals, parts)

    def token_in(self, line: str) -> Sighting | None:
        """Return the token of a line, None if the line does not match."""
        found = self._fields(line)
        if found is None:
            return None
        for part, field in zip(self.parts, found, strict=True):
            if part == _HEX:
                return _hex_token(field)
            if part == _TEXT:
                return _text_token(field)
        return None

    def _fields(self, line: str) -> list[str] | None:
        """Return what stands at each placeholder."""
        first, last = self.literals[0], self.literals[-1]
        if len(line) < len(first) + len(last):
            return None
        if not line.startswith(first) or not line.endswith(last):
            return None
        rest = line[len(first) : len(line) - len(last)]
        fields = []
        for literal in self.literals[1:-1]:
            field, divider, rest = rest.partition(literal)
            if not divider:
                return None
            fields.append(field)
        return [*fields, rest]


class LineFraming:
    """Bytes in, lines and junk out; keeps at most one line."""

    def __init__(self) -> None:
        self._buffer = b""
        self._overlong = False

    def feed(self, data: bytes) -> list[str | Junk]:
        """Return what these bytes complete; empty lines are nothing."""
        found: list[str | Junk] = []
        self._buffer += data
        while self._buffer:
            end = _first_end(self._buffer)
            if end < 0 and len(self._buffer) <= LONGEST_LINE:
                break
            whole = 0 <= end <= LONGEST_LINE
            taken = self._buffer[: end if whole else LONGEST_LINE]
            self._buffer = self._buffer[len(taken) + whole :]
            if taken:
                usable = whole and not self._overlong
                found.append(_line(taken) if usable else Junk(taken))
            self._overlong = not whole
        return found

    def flush(self) -> bytes:
        """Give up what is half received and return it."""
        rest, self._buffer, self._overlong = self._buffer, b"", False
        return rest


def _first_end(buffer: bytes) -> int:
    ends = [end for end in map(buffer.find, (b"\r", b"\n")) if end >= 0]
    return min(ends, default=-1)


def _line(data: bytes) -> str | Junk:
    text = data.decode("ascii", "replace")
    return text if text.isascii() and text.replace("\t", " ").isprintable() else Junk(data)


def _hex_token(field: str) -> Sighting | None:
    digits = _SEPARATORS.sub("", field)
    if not digits or len(digits) % 2 or len(digits) > LONGEST_TEXT:
        return None
    try:
        return Sighting(bytes.fromhex(digits))
    except ValueError:
        return None


def _text_token(field: str) -> Sighting | None:
    text = field.strip()
    if not text or " " in text or "\t" in text or len(text) > LONGEST_TEXT:
        return None
    return Sighting(text.encode("ascii"), text=text)
