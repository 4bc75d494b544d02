"""Which requirements of OCPP the tests prove: the inventory, the proofs, and the page about them.

The inventory is `data/requirements.tsv`: one row for each requirement, use case and public
conformance test of a charging station, with the versions it applies to. A test names what it
proves by `@pytest.mark.requirement(...)`. A test that is parametrized by `version`, or lies in the
folder of a codec that is nobody's base, proves it for that version only, any other test for every
version that has the requirement. `data/not_applicable/` holds, by block, what this station need not
or cannot do, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

VERSIONS = ("1.6", "2.0.1", "2.1")
VERSION_PREFIX = "ocpp"
FOLDERS = {"v16": "1.6", "v21": "2.1"}
"""Folders of tests about one version alone; the tables of 2.0.1 are the base of 2.1 as well."""
ROOT = Path(__file__).parents[1]
INVENTORY = Path(__file__).parent / "data" / "requirements.tsv"
NOT_APPLICABLE = Path(__file__).parent / "data" / "not_applicable"
PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
COLUMNS = "id\tkind\tblock\tversions\tlevel\tstatement"
EVERY_BLOCK = "*"
COMPLETE = MappingProxyType(
    {
        "1.6": frozenset({EVERY_BLOCK}),
        "2.0.1": frozenset("0ABCDEFGHJKLM"),
        "2.1": frozenset("KM"),
    }
)
"""Blocks by version in which every requirement must be proven or listed as not applicable.

Those of 2.x are named by their letters, those of 1.6, which has none, would be by their names.
"""


class Kind(StrEnum):
    """What an id stands for."""

    REQUIREMENT = "requirement"
    USE_CASE = "use case"
    TEST_CASE = "test case"


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the inventory; `level` is the standard's verb, "info" where it only explains."""

    id: str
    kind: Kind
    block: str
    versions: tuple[str, ...]
    level: str
    statement: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A test that has passed, what it proves, and the version it is about (None: every version)."""

    test: str
    ids: tuple[str, ...]
    version: str | None = None


Inventory = Mapping[str, Item]
Proven = Mapping[tuple[str, str], frozenset[str]]
"""The tests by id and version."""

Exempt = Mapping[tuple[str, str], str]
"""The reasons why a requirement does not apply to this station, by id and version."""


@cache
def load_inventory(file: Path = INVENTORY) -> Inventory:
    """Read the inventory in the order of its rows."""
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    if header != COLUMNS:
        raise ValueError(f"{file}: the columns are {header!r}, not {COLUMNS!r}")
    inventory: dict[str, Item] = {}
    for row in rows:
        identifier, kind, block, versions, level, statement = row.split("\t")
        if identifier in inventory:
            raise ValueError(f"{file}: {identifier} is there twice")
        shown = tuple(versions.split("+"))
        if not set(shown) <= set(VERSIONS):
            raise ValueError(f"{file}: {identifier} has the versions {versions!r}")
        inventory[identifier] = Item(identifier, Kind(kind), block, shown, level, statement)
    return MappingProxyType(inventory)


def load_exemptions(folder: Path, inventory: Inventory) -> Exempt:
    """Read what does not apply; raises `ValueError` for a row that no requirement answers to."""
    exempt: dict[tuple[str, str], str] = {}
    for file in sorted(folder.glob("*.tsv")):
        for row in file.read_text(encoding="utf-8").splitlines():
            for key, reason in _exemption(row, file, inventory):
                if key in exempt:
                    raise ValueError(f"{file}: {' in '.join(key)} is there twice")
                exempt[key] = reason
    return MappingProxyType(exempt)


def _exemption(row: str, file: Path, inventory: Inventory) -> Iterator[tuple[tuple[str, str], str]]:
    cells = row.split("\t")
    if len(cells) != 3 or not cells[2].strip():
        raise ValueError(f"{file}: {row!r} is not id, versions and reason")
    identifier, versions, reason = cells
    item = inventory.get(identifier)
    for version in versions.split("+"):
        if item is None or version not in item.versions:
            raise ValueError(f"{file}: {identifier} is no requirement of {version}")
        yield (identifier, version), reason.strip()


def version_named(value: object) -> str | None:
    """Return the version that a test's parameter means: "2.1" and "ocpp2.1" alike."""
    text = str(value).removeprefix(VERSION_PREFIX)
    return text if text in VERSIONS else None


def version_of_folder(file: Path) -> str | None:
    """Return the version that all tests in this file are about, None if there is no such one."""
    inside = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    return next((FOLDERS[part] for part in inside.parts if part in FOLDERS), None)


def unknown_ids(ids: Iterable[object], inventory: Inventory) -> list[str]:
    """Return the ids that the inventory does not have."""
    return [str(identifier) for identifier in ids if identifier not in inventory]


def proven_by(proofs: Iterable[Proof], inventory: Inventory) -> Proven:
    """Collect the tests for each id and version."""
    tests: dict[tuple[str, str], set[str]] = {}
    for proof in proofs:
        for identifier in proof.ids:
            for version in inventory[identifier].versions:
                if proof.version in (None, version):
                    tests.setdefault((identifier, version), set()).add(proof.test)
    return {key: frozenset(names) for key, names in tests.items()}


def contradictions(proven: Proven, exempt: Exempt) -> list[str]:
    """Return what is said not to apply although a test proves it."""
    return sorted({f"{identifier} ({version})" for identifier, version in proven.keys() & exempt})


def unclaimed(inventory: Inventory, proven: Proven, exempt: Exempt) -> list[str]:
    """Return the requirements of the complete blocks that are neither proven nor exempt."""
    return [
        f"{item.id} ({version})"
        for item in inventory.values()
        if item.kind is Kind.REQUIREMENT
        for version in item.versions
        if _is_complete(item.block, version)
        and (item.id, version) not in proven
        and (item.id, version) not in exempt
    ]


def _is_complete(block: str, version: str) -> bool:
    names = COMPLETE.get(version, frozenset())
    return any(name in names for name in (EVERY_BLOCK, block, block.split(" ", maxsplit=1)[0]))


def page(inventory: Inventory, proven: Proven, exempt: Exempt) -> str:
    """Return the whole page; the same proofs always give the same text."""
    items = list(inventory.values())
    requirements = [item for item in items if item.kind is Kind.REQUIREMENT]
    v16 = [item for item in requirements if item.versions == ("1.6",)]
    v2 = [item for item in requirements if item.versions != ("1.6",)]
    use_cases = [item for item in items if item.kind is Kind.USE_CASE]
    test_cases = [item for item in items if item.kind is Kind.TEST_CASE]
    found = Findings(proven, exempt)
    parts = [
        _INTRODUCTION,
        *_chapter("OCPP 2.0.1 and 2.1", v2, ("2.0.1", "2.1"), found),
        *_chapter("OCPP 1.6", v16, ("1.6",), found),
        *_chapter("Use cases of OCPP 2.x", use_cases, ("2.0.1", "2.1"), found),
        *_chapter("Public conformance test cases", test_cases, VERSIONS, found),
    ]
    return "\n".join(parts) + "\n"


_INTRODUCTION = """\
# Conformance

Generated by `./dev conformance` from the tests; do not edit.

Each requirement of OCPP that concerns a charging station is listed by the standard's id, with its
statement in our own words and the tests that prove it. The ids beginning with `S16-` are ours,
because OCPP 1.6 numbers no requirements. Ids ending in `(1.6)` are those of the security whitepaper
for 1.6. A requirement counts as proven in a version if at least one test that is marked with it has
passed for that version. Tests of the core, which is the same for all versions, count for each
version that has the requirement, and so do tests of 2.0.1's tables, which 2.1 shares.
"Not applicable" is what this station need not or cannot do, each with the reason: a task of the
CSMS or the operator, hardware that no backend has, an option that is not taken. "All" counts every
row whatever its level, also in blocks that are optional. No other claim is made here.
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of each requirement and version."""

    proven: Proven
    exempt: Exempt

    def cell(self, items: list[Item], version: str) -> str:
        keys = [(item.id, version) for item in items if version in item.versions]
        proven = sum(key in self.proven for key in keys)
        exempt = sum(key in self.exempt for key in keys)
        return f"{proven} / {exempt} / {len(keys)}" if keys else ""


def _chapter(
    title: str, items: list[Item], versions: tuple[str, ...], found: Findings
) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| block | {' | '.join(f'{v} proven / not applicable / all' for v in versions)} |"
    yield f"|---|{'--:|' * len(versions)}"
    for block, members in [*_by_block(items), ("**together**", items)]:
        yield f"| {block} | {' | '.join(found.cell(members, v) for v in versions)} |"
    yield ""
    for block, members in _by_block(items):
        yield f"### {block}\n"
        yield from _block(members, found)


def _block(items: list[Item], found: Findings) -> Iterator[str]:
    entries = [line for item in items for line in _entry(item, found)]
    yield from entries
    if entries:
        yield ""
    open_ids = [
        item.id
        for item in items
        if not any((item.id, v) in found.proven or (item.id, v) in found.exempt for v in VERSIONS)
    ]
    if open_ids:
        yield f"Not proven: {', '.join(open_ids)}\n"


def _entry(item: Item, found: Findings) -> Iterator[str]:
    proven = [version for version in item.versions if (item.id, version) in found.proven]
    exempt = [version for version in item.versions if (item.id, version) in found.exempt]
    if not proven and not exempt:
        return
    statement = item.statement.replace("<", "&lt;").replace("*", "\\*")
    shown = f" ({', '.join(proven)})" if proven else ""
    yield f"- **{item.id}**{shown} {statement}".rstrip()
    for test in sorted(set().union(*(found.proven[item.id, version] for version in proven))):
        yield f"  - `{test}`"
    for reason in dict.fromkeys(found.exempt[item.id, version] for version in exempt):
        told = [version for version in exempt if found.exempt[item.id, version] == reason]
        yield f"  - not applicable ({', '.join(told)}): {reason}"


def _by_block(items: list[Item]) -> Iterator[tuple[str, list[Item]]]:
    for block, members in groupby(items, lambda item: item.block):
        yield block, list(members)
