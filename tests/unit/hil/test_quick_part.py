"""What a bench names as its quick part is there: a case that is renamed must not fall out of it."""

import re
from pathlib import Path

import pytest

from hil.bench_file import BENCHES, load

ROOT = BENCHES.parents[1]
CASES = (*ROOT.glob("hil/**/test_*.py"), *ROOT.glob("tests/stories/test_*.py"))
QUICK = [(file.stem, word) for file in BENCHES.glob("*.toml") for word in load(file).quick]


def _names(files: tuple[Path, ...]) -> set[str]:
    pattern = re.compile(r"^async def (test_\w+)", re.MULTILINE)
    return {name for file in files for name in pattern.findall(file.read_text("utf-8"))}


@pytest.mark.parametrize(("bench", "word"), QUICK)
def test_each_word_of_a_quick_part_is_in_the_name_of_a_case(bench: str, word: str) -> None:
    name = word.partition("[")[0]
    assert any(name in known for known in _names(CASES)), f"{bench}: {word}"


def test_the_virtual_bench_has_a_quick_part() -> None:
    assert {bench for bench, _ in QUICK} == {"virtual"}
