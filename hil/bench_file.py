"""The bench file: which resources a bench has, read from TOML into typed values.

A resource is a table `[resources.NAME]` whose `kind` is `PACKAGE.KIND`: the package below `hil`
that knows it, and its name there (`hil/PACKAGE/resources.py`, `KINDS`); a `kind` without a package
is known to every bench. Every other key is a field of that resource.
"""

import importlib
import tomllib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from hil import resources
from hil.resources import Resource

BENCHES = Path(__file__).parent / "benches"
_NUMBER_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_TOP_KEYS = frozenset(
    {
        "summary",
        "parallel",
        "patience",
        "reaction_ms",
        "restarts_guard",
        "min_closing_interval_s",
        "evses",
        "cables",
        "only",
        "quick",
        "resources",
    }
)


class BenchFileError(Exception):
    """A bench file is wrong; the message names file, key and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchFile:
    """One bench.

    `parallel` copies of it may run at the same time. Every wait may last `patience` times longer
    than on a fast machine, by the station's own clock where the bench has one. A coil has to fall
    within `reaction_ms` of its cause, where the bench can measure that. `restarts_guard` says that
    a service manager starts a guard that has ended.
    `cables` are the kinds of outlet that its EVSEs can be configured with. Of all stories the bench
    runs those whose names contain a word of `only`; hardware cases are not concerned. A bench
    with `quick` runs only stories and cases whose names, but for the version, contain a word of it,
    unless `--full`.
    """

    path: Path
    summary: str
    parallel: int = 1
    patience: float = 1.0
    evses: int = 1
    cables: tuple[str, ...] = ("socket", "attached")
    reaction_ms: float = 100.0
    restarts_guard: bool = False
    min_closing_interval_s: float = 10.0
    only: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    resources: Mapping[str, Resource] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The bench's name: that of its file."""
        return self.path.stem


def find(given: str) -> Path:
    """Return the file of a bench that is given by name or by path; raises `BenchFileError`."""
    known = sorted(file.stem for file in BENCHES.glob("*.toml"))
    if given in known:
        return BENCHES / f"{given}.toml"
    path = Path(given)
    if path.is_file():
        return path
    raise BenchFileError(
        f"--bench {given}: there is no such file, and no bench of that name;"
        f" the benches are {', '.join(known)}"
    )


def load(path: Path) -> BenchFile:
    """Read a bench file; raises `BenchFileError`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchFileError(f"{path}: is no TOML: {error}") from error
    return _Reader(path).bench(document)


class _Reader:
    """Reads the tables of one file; every complaint names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def bench(self, document: Mapping[str, Any]) -> BenchFile:
        self._know(document, _TOP_KEYS, "")
        tables = document.get("resources")
        if not isinstance(tables, dict) or not tables:
            self._refuse("resources", "is missing: a bench has at least one [resources.NAME]")
        given = {key: value for key, value in document.items() if key != "resources"}
        read = self._fields(BenchFile, given, "", leave_out={"path", "resources"})
        bench = BenchFile(
            path=self._path, resources={k: self._resource(k, v) for k, v in tables.items()}, **read
        )
        if bench.parallel < 1 or bench.evses < 1 or bench.patience < 1:
            self._refuse("parallel, evses and patience", "are 1 or more")
        return bench

    def _resource(self, name: str, table: Any) -> Resource:
        where = f"resources.{name}"
        if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
            self._refuse(f"{where}.kind", "is missing: it says what the resource is")
        kind = self._kind(table["kind"], f"{where}.kind")
        given = {key: value for key, value in table.items() if key != "kind"}
        return kind(name=name, **self._fields(kind, given, where, leave_out={"name"}))

    def _kind(self, kind: str, where: str) -> type[Resource]:
        package, _, name = kind.rpartition(".")
        known = self._kinds_of(package, where)
        if name not in known:
            there_is = ", ".join(f"{package}.{one}".lstrip(".") for one in sorted(known))
            self._refuse(where, f"is {kind!r}, which nobody knows; there is {there_is}")
        return known[name]

    def _kinds_of(self, package: str, where: str) -> Mapping[str, type[Resource]]:
        if not package:
            return resources.KINDS
        packages = sorted(file.parent.name for file in BENCHES.parent.glob("*/resources.py"))
        if package not in packages:
            self._refuse(where, f"names no package of hil; there is {', '.join(packages)}")
        kinds: Mapping[str, type[Resource]] = importlib.import_module(
            f"hil.{package}.resources"
        ).KINDS
        return kinds

    def _fields(
        self, kind: type, given: Mapping[str, Any], where: str, leave_out: set[str]
    ) -> dict[str, Any]:
        hints = get_type_hints(kind)
        wanted = [one for one in fields(kind) if one.name not in leave_out]
        self._know(given, {one.name for one in wanted}, where)
        read = {}
        for one in wanted:
            key = f"{where}.{one.name}".lstrip(".")
            if one.name in given:
                read[one.name] = self._value(given[one.name], hints[one.name], key)
            elif one.default is MISSING and one.default_factory is MISSING:
                self._refuse(key, "is missing")
        return read

    def _value(self, value: Any, wanted: Any, key: str) -> Any:
        if get_origin(wanted) in {Union, UnionType}:
            wanted = next(one for one in get_args(wanted) if one is not type(None))
        if get_origin(wanted) is tuple:
            if not isinstance(value, list):
                self._refuse(key, "must be an array")
            return tuple(self._value(one, get_args(wanted)[0], key) for one in value)
        if wanted is Path:
            return self._path.parent / self._value(value, str, key)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is not wanted:
            self._refuse(key, f"must be {_NUMBER_NAMES[wanted]}, not {value!r}")
        return value

    def _know(self, given: Mapping[str, Any], known: AbstractSet[str], where: str) -> None:
        for key in given.keys() - known:
            there_is = ", ".join(sorted(known))
            self._refuse(f"{where}.{key}".lstrip("."), f"is unknown; there is {there_is}")

    def _refuse(self, key: str, reason: str) -> NoReturn:
        raise BenchFileError(f"{self._path}: {key} {reason}")
