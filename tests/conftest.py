"""Collects which requirements are proven by the tests that ran and passed; see `conformance`.

`--conformance=write` writes docs/conformance.md; `--conformance=check` fails when it is out of date
or when a requirement of a complete block is claimed by no test. Both make sense after a run of all
tests only, so a plain run of pytest does neither.
"""

import gc
import tomllib
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from agent.config import components
from tests.conformance import (
    NOT_APPLICABLE,
    PAGE,
    Exempt,
    Proof,
    contradictions,
    load_exemptions,
    load_inventory,
    page,
    proven_by,
    unclaimed,
    unknown_ids,
    version_named,
    version_of_folder,
)
from tests.examples import USUAL

_PROPERTY = "proves"
_MARK = "requirement"

# A busy machine is no failure: nothing here is a measurement of time.
SLOW_IS_ALLOWED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("stationd", max_examples=USUAL, **SLOW_IS_ALLOWED)
settings.register_profile("thorough", max_examples=10 * USUAL, **SLOW_IS_ALLOWED)
settings.load_profile("stationd")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance",
        choices=("write", "check"),
        help="after a run of all tests: write docs/conformance.md, or check that it is up to date",
    )
    parser.addoption(
        "--many-kills", action="store_true", help="kill the daemon at 80 random moments, not at 16"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Conformance(config), "conformance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attach to each test what it proves; with several processes this travels with its report."""
    for item in items:
        ids = _marked(item)
        if ids:
            version = _version_of(item)
            item.user_properties.append((_PROPERTY, [version or "", *map(str, ids)]))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the collector of garbage the thousands of tests, which stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that claims to prove what does not exist."""
    ids = _marked(item)
    if ids:
        unknown = unknown_ids(ids, load_inventory())
        if unknown:
            pytest.fail(f"no such id in tests/data/requirements.tsv: {', '.join(unknown)}")


@pytest.fixture(scope="session", autouse=True)
def component_files_are_parsed_once() -> Iterator[None]:
    """A daemon parses them once; thousands of tests start one in the same process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "tomllib", SimpleNamespace(loads=cache(tomllib.loads)))
        yield


def _marked(item: pytest.Item) -> list[object]:
    return [identifier for mark in item.iter_markers(_MARK) for identifier in mark.args]


def _version_of(item: pytest.Item) -> str | None:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return version_named(parameters.get("version")) or version_of_folder(item.path)


class _Conformance:
    """Listens to the reports of all tests and deals with the page at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._mode: str | None = config.getoption("--conformance")
        self._passed: set[Proof] = set()
        self._skipped: set[Proof] = set()
        self._failed = False
        self._verdict = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed
        proofs = set(_proofs(report))
        if report.passed and report.when == "call":
            self._passed |= proofs
        elif report.skipped:
            self._skipped |= proofs

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._mode is None:
            return
        if self._failed or session.exitstatus != pytest.ExitCode.OK:
            self._verdict = "docs/conformance.md was not looked at, because tests failed"
        elif self._mode == "write":
            self._write()
        elif complaint := self._complaint():
            self._verdict = complaint
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._verdict:
            terminalreporter.section("conformance")
            terminalreporter.line(self._verdict)

    def _complaint(self) -> str:
        """Return why the run fails although every test passed, "" if it does not."""
        claimed = self._passed | self._skipped
        if wrong := _contradictions(claimed):
            return f"proven and yet listed in tests/data/not_applicable: {', '.join(wrong)}"
        if left := _unclaimed(claimed):
            return f"claimed by no test and not listed as not applicable: {', '.join(left)}"
        if not self._is_up_to_date():
            return "docs/conformance.md is out of date: run ./dev conformance"
        return ""

    def _write(self) -> None:
        PAGE.write_text(_page_of(self._passed), encoding="utf-8")
        self._verdict = "docs/conformance.md is written"
        if self._skipped:
            names = ", ".join(sorted(proof.test for proof in self._skipped))
            self._verdict += f", without tests that were skipped on this machine: {names}"

    def _is_up_to_date(self) -> bool:
        """Compare; what this machine must skip may have been proven on another one."""
        found = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        return found in (_page_of(self._passed), _page_of(self._passed | self._skipped))


def _proofs(report: pytest.TestReport) -> Iterator[Proof]:
    for name, value in report.user_properties:
        if name == _PROPERTY and isinstance(value, list):
            version, *ids = value
            test = report.nodeid.partition("[")[0]
            yield Proof(test, tuple(ids), version or None)


def _page_of(proofs: set[Proof]) -> str:
    inventory = load_inventory()
    return page(inventory, proven_by(proofs, inventory), _exempt())


def _contradictions(proofs: set[Proof]) -> list[str]:
    return contradictions(proven_by(proofs, load_inventory()), _exempt())


def _unclaimed(proofs: set[Proof]) -> list[str]:
    inventory = load_inventory()
    return unclaimed(inventory, proven_by(proofs, inventory), _exempt())


def _exempt() -> Exempt:
    return load_exemptions(NOT_APPLICABLE, load_inventory())
