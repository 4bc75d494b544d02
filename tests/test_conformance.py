"""The conformance plugin: only tests that ran and passed prove anything, and only what exists."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance import (
    COLUMNS,
    NOT_APPLICABLE,
    Item,
    Kind,
    Proof,
    contradictions,
    load_exemptions,
    load_inventory,
    page,
    proven_by,
    unclaimed,
    version_named,
    version_of_folder,
)

ROOT = Path(__file__).parents[1]
PLUG_IN = Item("E01.FR.01", Kind.REQUIREMENT, "E", ("2.0.1", "2.1"), "SHALL", "Tell the plug-in.")
LIMITS = Item("E16.FR.01", Kind.REQUIREMENT, "E", ("2.1",), "SHALL", "Obey < limits.")
HINT = Item("E16.FR.02", Kind.REQUIREMENT, "E", ("2.1",), "info", "A hint.")
START = Item("S16-TXN-01", Kind.REQUIREMENT, "Start", ("1.6",), "SHALL", "Start.")
SMALL = {item.id: item for item in (PLUG_IN, LIMITS, HINT, START)}

MARKED = """
import pytest
@pytest.mark.requirement("B01.FR.01")
def test_that_passes():
    pass
@pytest.mark.requirement("B01.FR.03")
@pytest.mark.skip(reason="not here")
def test_that_is_skipped():
    pass
@pytest.mark.requirement("E01.FR.01", "S16-TXN-01")
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.1"])
def test_of_two_versions(version):
    pass
"""


def test_each_row_of_the_inventory_says_what_is_asked() -> None:
    inventory = load_inventory()
    assert all(item.statement for item in inventory.values() if item.kind is not Kind.TEST_CASE)
    assert sum(item.kind is Kind.REQUIREMENT for item in inventory.values()) == 1894


def test_an_id_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.tsv"
    row = "A\trequirement\tA\t2.1\tSHALL\tDo."
    file.write_text(f"{COLUMNS}\n{row}\n{row}", encoding="utf-8")
    with pytest.raises(ValueError, match="A is there twice"):
        load_inventory(file)


@pytest.mark.parametrize(
    ("value", "version"),
    [("ocpp1.6", "1.6"), ("2.0.1", "2.0.1"), ("1.3", None), (None, None)],
)
def test_a_parameter_names_a_version_or_not(value: object, version: str | None) -> None:
    assert version_named(value) == version


@pytest.mark.parametrize(
    ("file", "version"),
    [("unit/ocpp/v16/test_keys.py", "1.6"), ("unit/ocpp/v201/test_it.py", None), ("a.py", None)],
)
def test_a_folder_names_a_version_or_not(file: str, version: str | None) -> None:
    assert version_of_folder(Path(file)) == version


def test_a_test_of_one_version_proves_nothing_for_another() -> None:
    proven = proven_by([Proof("a", ("E01.FR.01", "S16-TXN-01"), "2.1")], SMALL)
    assert proven == {("E01.FR.01", "2.1"): {"a"}}


def test_a_test_without_a_version_proves_all_that_have_the_requirement() -> None:
    proven = proven_by([Proof("a", ("E01.FR.01",)), Proof("b", ("E01.FR.01",), "2.1")], SMALL)
    assert proven == {("E01.FR.01", "2.0.1"): {"a"}, ("E01.FR.01", "2.1"): {"a", "b"}}


def test_the_page_counts_and_lists_what_is_proven_and_what_is_not() -> None:
    text = page(SMALL, proven_by([Proof("x.py::a", ("E16.FR.01",))], SMALL), {})
    assert "| E | 0 / 0 / 1 | 1 / 0 / 3 |" in text
    shown = (
        "- **E16.FR.01** (2.1) Obey &lt; limits.\n  - `x.py::a`\n\nNot proven: E01.FR.01, E16.FR.02"
    )
    assert shown in text
    assert "Not proven: S16-TXN-01" in text


def test_the_page_says_why_a_requirement_does_not_apply() -> None:
    exempt = {("E01.FR.01", "2.0.1"): "No socket.", ("E01.FR.01", "2.1"): "No socket."}
    text = page(SMALL, {}, exempt)
    assert "| E | 0 / 1 / 1 | 0 / 1 / 3 |" in text
    entry = "- **E01.FR.01** Tell the plug-in.\n  - not applicable (2.0.1, 2.1): No socket."
    assert entry in text


def test_a_reason_may_differ_by_version_and_a_proof_may_stand_beside_it() -> None:
    proven = {("E01.FR.01", "2.0.1"): frozenset({"x.py::a"})}
    text = page(SMALL, proven, {("E01.FR.01", "2.1"): "Gone."})
    assert "- **E01.FR.01** (2.0.1) Tell" in text
    assert "  - not applicable (2.1): Gone." in text


def test_what_is_proven_may_not_be_called_inapplicable() -> None:
    proven = {("E01.FR.01", "2.1"): frozenset({"x.py::a"})}
    assert contradictions(proven, {("E01.FR.01", "2.1"): "No."}) == ["E01.FR.01 (2.1)"]
    assert contradictions(proven, {("E01.FR.01", "2.0.1"): "No."}) == []


def test_a_complete_block_names_what_nobody_claims() -> None:
    open_ones = ["E01.FR.01 (2.0.1)", "S16-TXN-01 (1.6)"]
    assert unclaimed(SMALL, {}, {}) == open_ones
    assert unclaimed(SMALL, {("E01.FR.01", "2.0.1"): frozenset({"a"})}, {}) == open_ones[1:]
    assert unclaimed(SMALL, {}, {("S16-TXN-01", "1.6"): "No socket."}) == open_ones[:1]


def test_what_does_not_apply_is_read_and_fits_the_inventory() -> None:
    assert isinstance(load_exemptions(NOT_APPLICABLE, load_inventory()), Mapping)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("E01.FR.01\t2.1", "is not id, versions and reason"),
        ("E01.FR.01\t2.1\t ", "is not id, versions and reason"),
        ("E01.FR.01\t1.6\tNo.", "is no requirement of 1.6"),
        ("E99.FR.01\t2.1\tNo.", "is no requirement of 2.1"),
        ("E01.FR.01\t2.1\tNo.\nE01.FR.01\t2.1\tNo.", "is there twice"),
    ],
)
def test_a_wrong_row_about_what_does_not_apply_is_refused(
    tmp_path: Path, row: str, complaint: str
) -> None:
    (tmp_path / "E.tsv").write_text(row, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        load_exemptions(tmp_path, SMALL)


def test_the_order_of_the_proofs_does_not_change_the_page() -> None:
    proofs = [Proof("b", ("E01.FR.01",)), Proof("a", ("E01.FR.01",)), Proof("c", ("E16.FR.01",))]
    backwards = proven_by(proofs[::-1], SMALL)
    assert page(SMALL, proven_by(proofs, SMALL), {}) == page(SMALL, backwards, {})


def _run(
    folder: Path, source: str, *arguments: str, complete: str = "{}"
) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file with the plugin, whose page is a file in `folder`."""
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    (folder / "conftest.py").write_text(
        "from pathlib import Path\n"
        "import tests.conformance as conformance\n"
        "import tests.conftest as plugin\n"
        f"conformance.COMPLETE = {complete}\n"
        "plugin.NOT_APPLICABLE = Path(__file__).parent\n"
        f"plugin.PAGE = Path({str(folder)!r}) / 'page.md'\n"
        "pytest_plugins = ['tests.conftest']\n",
        encoding="utf-8",
    )
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    requirement(*ids): ids\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_what_passed_is_written_and_then_up_to_date(tmp_path: Path, processes: list[str]) -> None:
    written = _run(tmp_path, MARKED, "--conformance=write", *processes)
    assert written.returncode == 0, written.stdout
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "- **B01.FR.01** (2.0.1, 2.1)" in text
    assert "- **E01.FR.01** (2.1)" in text
    assert "- **S16-TXN-01** (1.6)" in text
    assert "**B01.FR.03**" not in text
    assert _run(tmp_path, MARKED, "--conformance=check", *processes).returncode == 0


def test_a_page_that_is_out_of_date_fails_the_run_and_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("old", encoding="utf-8")
    checked = _run(tmp_path, MARKED, "--conformance=check")
    assert checked.returncode == 1
    assert "run ./dev conformance" in checked.stdout


def test_a_block_with_an_unclaimed_requirement_fails_the_run_and_names_it(tmp_path: Path) -> None:
    assert _run(tmp_path, MARKED, "--conformance=write").returncode == 0
    checked = _run(tmp_path, MARKED, "--conformance=check", complete="{'2.0.1': 'B'}")
    assert checked.returncode == 1
    assert "claimed by no test and not listed as not applicable: " in checked.stdout
    assert "B12.FR.10 (2.0.1)" in checked.stdout
    assert "B01.FR.01" not in checked.stdout


def test_a_run_without_the_option_never_complains(tmp_path: Path) -> None:
    ran = _run(tmp_path, MARKED)
    assert ran.returncode == 0, ran.stdout
    assert "conformance.md" not in ran.stdout


def test_nothing_is_written_when_a_test_fails(tmp_path: Path) -> None:
    failed = _run(tmp_path, "def test_it(): assert False", "--conformance=write")
    assert failed.returncode == 1
    assert not (tmp_path / "page.md").exists()


def test_a_mark_that_names_no_requirement_fails_even_a_skipped_test(tmp_path: Path) -> None:
    marks = "import pytest\n@pytest.mark.skip\n@pytest.mark.requirement('Z99.FR.01')\n"
    ran = _run(tmp_path, marks + "def test_it(): pass")
    assert ran.returncode == 1
    assert "no such id in tests/data/requirements.tsv: Z99.FR.01" in ran.stdout
