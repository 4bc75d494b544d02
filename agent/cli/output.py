"""What the commands print: facts to standard output, complaints to standard error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_ENDLESS = 10_000
"""Columns of an output that is no terminal: what reads it wants each row on one line."""


class OutputClosed(Exception):
    """Whoever read the output has gone; there is nobody left to tell anything."""


def say(line: str = "") -> None:
    """Print a line; characters that the terminal cannot show are replaced."""
    _write(sys.stdout, line)


def complain(message: str) -> None:
    """Print what went wrong, with the remedy, to standard error."""
    _write(sys.stderr, f"stationd: {message}")


def say_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    say(json.dumps(facts, ensure_ascii=False))


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their headings, in columns."""
    from rich.table import Table  # noqa: PLC0415 - slow to import

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console = _console()
    if not console.is_terminal:
        console.width = _ENDLESS
    console.print(table, markup=False)


def plain(text: str) -> str:
    """Make a text from outside safe for a terminal: nothing but printable characters."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - slow to import

    return Console(highlight=False)


def _write(stream: Any, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    text = f"{line}\n".encode(encoding, "replace").decode(encoding)
    try:
        stream.write(text)
    except BrokenPipeError:
        raise OutputClosed from None
