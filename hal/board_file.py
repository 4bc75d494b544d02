"""Board files: which line, converter and bus stands behind each port of each EVSE.

A board file gives names to lines and tables to ports. The configuration names a board file and
overrides it table by table; a line without a chip is a name from the board file's `[lines]`.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hal import data_files
from hal.line_place import read_line
from hal.tables import Options, Table, meant

SCHEMA = 1
PORTS = (
    "pilot",
    "contactor",
    "proximity",
    "rcm",
    "lock",
    "emergency_stop",
    "fault_inputs",
    "shut_off",
    "tamper",
    "meter",
    "reader",
    "temperature",
    "indicator",
)
# What only a socket outlet has: an EVSE with an attached cable does not take it from the board.
SOCKET_PORTS = frozenset({"proximity", "lock"})
# `lock = { backend = "none" }` in the configuration: this station lacks what the board has.
NONE = "none"
HIGHEST_EVSE = 100


class BoardFileError(Exception):
    """A board file cannot be used; the message names file, key and remedy, a line for each."""


@dataclass(frozen=True, slots=True)
class BoardFile:
    """A board: named lines, and each EVSE's tables by port with all names replaced."""

    file: Path
    title: str
    lines: Mapping[str, Table] = field(default_factory=dict)
    evses: Mapping[int, Mapping[str, Table]] = field(default_factory=dict)


def equip(document: Table, config: Path, board: str | None = None) -> dict[str, object]:
    """Return a configuration whose EVSEs have the tables of the board that it names.

    `board` takes the place of `[hardware] board`. What is no table or names no board is left as it
    is, for the reader of the configuration to judge. Raises `BoardFileError`.
    """
    hardware = document.get("hardware")
    named = hardware.get("board") if isinstance(hardware, Mapping) else None
    chosen = board or named
    if not isinstance(chosen, str) or not chosen:
        return dict(document)
    file = load(path_of(chosen, config.parent))
    listed = document.get("evse")
    if not isinstance(listed, list):
        return dict(document)
    return {**document, "evse": [_equipped(entry, file, config) for entry in listed]}


def path_of(board: str, folder: Path) -> Path:
    """Return the file of a board: a name among the boards that ship, or a path from `folder`."""
    if "/" in board or board.endswith(".toml"):
        return folder / board
    return data_files.folder("boards") / f"{board}.toml"


def known_boards() -> tuple[str, ...]:
    """Return the names of the boards that ship."""
    return tuple(sorted(file.stem for file in data_files.folder("boards").glob("*.toml")))


def load(file: Path) -> BoardFile:
    """Read and check a board file; raises `BoardFileError` with everything that is wrong."""
    problems: list[str] = []
    board = _read(file, Options("", _document(file), problems), problems)
    if problems:
        raise BoardFileError("\n".join(f"{file}: {problem}" for problem in problems))
    return board


def _document(file: Path) -> Table:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        ours = file.parent == data_files.folder("boards")
        hint = f"; there is {', '.join(known_boards())}" if ours else ""
        raise BoardFileError(f"{file}: there is no such board file{hint}") from error
    except OSError as error:
        raise BoardFileError(f"{file}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BoardFileError(f"{file}: is not TOML: {error}") from error


def _read(file: Path, options: Options, problems: list[str]) -> BoardFile:
    schema = options.integer("schema", None, 0, 1_000_000)
    if schema != SCHEMA and "schema" in options:
        options.note("schema", f"is {schema}; this version reads schema {SCHEMA}")
    title = options.text("title")
    lines = _named_lines(options.optional_table("lines"))
    evses = {
        number: {port: _resolved(table, lines, path, problems) for port, path, table in ports}
        for number, ports in _evses(options)
    }
    options.finish()
    return BoardFile(file, title, lines, evses)


def _named_lines(options: Options | None) -> dict[str, Table]:
    """Read `[lines]`: a table for each name."""
    if options is None:
        return {}
    lines = {}
    for name, table in options.items():
        line = options.table(name)
        read_line(line)
        line.finish()
        if isinstance(table, Mapping):
            lines[name] = table
    return lines


_Ports = list[tuple[str, str, Table]]


def _evses(options: Options) -> Iterable[tuple[int, _Ports]]:
    seen: set[int] = set()
    for evse in options.tables("evse"):
        number = evse.integer("id", None, 1, HIGHEST_EVSE)
        if number in seen:
            evse.note("id", f"is {number} a second time")
        seen.add(number)
        yield number, _ports(evse)
        evse.finish()


def _ports(evse: Options) -> _Ports:
    evse.expect(*PORTS)
    found = []
    for port, table in evse.items():
        if port not in PORTS:
            continue
        evse.table(port).text("backend")
        if isinstance(table, Mapping):
            found.append((port, f"{evse.path}.{port}", table))
    return found


def _equipped(entry: object, board: BoardFile, config: Path) -> object:
    """Return one `[[evse]]` with the board's tables where it has none of its own."""
    if not isinstance(entry, Mapping):
        return entry
    number = entry.get("id")
    tables = board.evses.get(number, {}) if isinstance(number, int) else {}
    skipped = frozenset() if has_socket(entry) else SOCKET_PORTS
    problems: list[str] = []
    own = {
        key: _resolved(value, board.lines, f"evse[{number}].{key}", problems)
        if isinstance(value, Mapping)
        else value
        for key, value in entry.items()
    }
    if problems:
        raise BoardFileError("\n".join(f"{config}: {problem}" for problem in problems))
    merged = {port: table for port, table in tables.items() if port not in skipped} | own
    return {key: value for key, value in merged.items() if not _is_none(key, value)}


def has_socket(entry: Table) -> bool:
    """Tell whether an `[[evse]]` is a socket outlet: `cable`, else the connector type, says so."""
    is_socket = str(entry.get("connector_type", "")).startswith("s")
    return entry.get("cable", "socket" if is_socket else "attached") == "socket"


def _is_none(port: str, table: object) -> bool:
    return port in PORTS and isinstance(table, Mapping) and table.get("backend") == NONE


def _resolved(
    table: Table, lines: Mapping[str, Table], path: str, problems: list[str]
) -> dict[str, object]:
    """Replace every line that is a name by what the board says of it; own keys win."""
    found = {
        key: _resolved_value(value, lines, f"{path}.{key}", problems)
        for key, value in table.items()
    }
    name = found.get("line")
    if not isinstance(name, str) or "chip" in found:
        return found
    if name not in lines:
        known = ", ".join(lines) or "none"
        problems.append(
            f"{path}.line is {name!r}, which is no line of the board{meant(name, lines)}; its"
            f" lines are {known}; a line that the kernel names needs its chip, too"
        )
    own = {key: value for key, value in found.items() if key != "line"}
    return {**lines.get(name, {}), **own}


def _resolved_value(
    value: object, lines: Mapping[str, Table], path: str, problems: list[str]
) -> object:
    if isinstance(value, Mapping):
        return _resolved(value, lines, path, problems)
    if isinstance(value, list):
        return [_resolved_value(member, lines, path, problems) for member in value]
    return value
