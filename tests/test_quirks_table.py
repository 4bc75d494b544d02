"""Each quirk that real CSMSs have shown to a station has tests: tests/data/quirks.tsv."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "data" / "quirks.tsv"
QUIRKS = 26
ROWS = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_number_is_listed_once() -> None:
    assert [row[0] for row in ROWS] == [f"Q{number}" for number in range(1, QUIRKS + 1)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_its_tests_exist(row: list[str]) -> None:
    _, what, tests = row
    assert what
    for test in tests.split():
        file, _, name = test.partition("::")
        assert name in named_in(file), test
