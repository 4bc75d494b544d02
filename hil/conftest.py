"""`pytest hil --bench FILE|NAME`: the fixtures of the bench, and what is skipped on it and why."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

pytest.register_assert_rewrite("tests.stories")

from hil.bench import DriverBench  # noqa: E402 - after the assertions are to be rewritten
from hil.bench_file import BenchFile, BenchFileError, find, load  # noqa: E402
from hil.cases import REACTION  # noqa: E402
from hil.drivers import CardDriver, MeterDriver, SlowWire, Wire  # noqa: E402
from hil.strategy import Strategy  # noqa: E402
from hil.target import NotOnBench, Target  # noqa: E402
from hil.world import BenchWorld  # noqa: E402
from tests.stories.desk import Desk  # noqa: E402
from tests.stories.words import VERSIONS  # noqa: E402

TIMEOUT_S = 90.0
LOG_CHARS = 6000
_VERSION = re.compile(r"\[ocpp[\d.]+-?")
_BENCH = pytest.StashKey[BenchFile]()
_PASSED = pytest.StashKey[bool]()
_LEFT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench")
    group.addoption("--bench", default="sim", metavar="FILE|NAME", help="which bench to run on")
    group.addoption(
        "--patience",
        type=float,
        default=1.0,
        metavar="N",
        help="wait N times longer (busy computer)",
    )
    group.addoption(
        "--all-versions", action="store_true", help="run each story in every version, not in one"
    )
    group.addoption(
        "--full", action="store_true", help="run all that the bench can, not only its quick part"
    )


def _bench(config: pytest.Config) -> BenchFile:
    """Return the bench that was asked for, which is read once."""
    if _BENCH not in config.stash:
        try:
            bench = load(find(config.getoption("--bench")))
        except BenchFileError as error:
            raise pytest.UsageError(str(error)) from error
        patience = bench.patience * config.getoption("--patience")
        config.stash[_BENCH] = replace(bench, patience=patience)
    return config.stash[_BENCH]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Let `-n auto` be as many as the bench can be at the same time."""
    parallel = _bench(config).parallel
    return parallel if parallel > 1 else 0


def pytest_report_header(config: pytest.Config) -> str:
    bench = _bench(config)
    return f"bench {bench.name}: {bench.summary} ({', '.join(bench.resources)})"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose one version for each story, in turn, so that all are equally often on the bench."""
    limit = pytest.mark.timeout(TIMEOUT_S * _bench(config).patience)
    for item in items:
        item.add_marker(limit, append=False)
    wanted = [item for item in items if _is_for(_bench(config), item)]
    chosen, left = wanted, [item for item in items if item not in wanted]
    if not config.getoption("--all-versions"):
        chosen, other_versions = _one_version_each(wanted)
        left += other_versions
    if not config.getoption("--full"):
        chosen, later = _quick_part(_bench(config), chosen)
        left += later
        config.stash[_LEFT] = len(later)
    items[:] = chosen
    config.hook.pytest_deselected(items=left)


def _is_for(bench: BenchFile, item: pytest.Item) -> bool:
    """Tell whether the bench runs this; what is no story always runs."""
    names = bench.only
    return item.path.stem != "test_stories" or not names or any(n in item.name for n in names)


def _quick_part(
    bench: BenchFile, items: list[pytest.Item]
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return what a run without `--full` consists of, and the rest."""
    quick = [item for item in items if not bench.quick or _is_quick(bench, item)]
    return quick, [item for item in items if item not in quick]


def _is_quick(bench: BenchFile, item: pytest.Item) -> bool:
    name = _VERSION.sub("[", item.name)
    return any(word in name for word in bench.quick)


def _one_version_each(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    families: dict[str, list[pytest.Item]] = {}
    for item in items:
        families.setdefault(_without_version(item), []).append(item)
    chosen = {id(family[number % len(family)]) for number, family in enumerate(families.values())}
    taken = [item for item in items if id(item) in chosen]
    return taken, [item for item in items if id(item) not in chosen]


def _without_version(item: pytest.Item) -> str:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    others = {key: value for key, value in parameters.items() if key != "version"}
    return f"{item.nodeid.partition('[')[0]}{sorted(others.items())}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Skip a test that finds out on its way that the bench lacks something."""
    try:
        yield
    except NotOnBench as lack:
        pytest.skip(str(lack))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what this bench could not show."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    ran = len(terminalreporter.stats.get("passed", [])) + len(
        terminalreporter.stats.get("failed", [])
    )
    terminalreporter.section(f"bench {_bench(config).name}")
    terminalreporter.line(f"{ran} cases ran, {len(skipped)} were skipped")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"  {count} x {reason}")
    if left := config.stash.get(_LEFT, 0):
        terminalreporter.line(f"  {left} x left to a run with --full")
    for what, measured_ms in _reactions(terminalreporter.stats.get("passed", [])):
        terminalreporter.line(f"  {what}: the coil fell after {measured_ms:.1f} ms")


def _reactions(reports: list[pytest.TestReport]) -> Iterator[tuple[str, float]]:
    for report in reports:
        for name, value in report.user_properties:
            if name == REACTION:
                what, measured_ms = cast("tuple[str, float]", value)
                yield what, measured_ms


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The bench under test."""
    bench = Target(_bench(request.config))
    yield bench
    bench.close()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The OCPP version of a story."""
    return str(request.param)


@pytest.fixture
async def world(
    version: str, target: Target, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[BenchWorld]:
    """The world of a test; what must hold of every story is judged at its end."""
    try:
        await target.begin(tmp_path)
        story = BenchWorld(version, target)
        yield story
        if request.node.stash.get(_PASSED, False):
            await story.end()
        else:
            await story.abandon()
            print((await story.machine.station.log())[-LOG_CHARS:])
    finally:
        await target.finish()


@pytest.fixture
def bench(world: BenchWorld) -> DriverBench:
    """What people and accidents do."""
    return world.bench


@pytest.fixture
def csms(world: BenchWorld) -> Desk:
    """The CSMS's desk."""
    return world.csms


@pytest.fixture
def strategy(world: BenchWorld) -> Strategy:
    """Leads the bench into a state."""
    return Strategy(world)


@pytest.fixture
def meter_wire(world: BenchWorld) -> SlowWire:
    """The wire of the meter of EVSE 1."""
    for meter in world.target.drivers(MeterDriver):
        if meter.evse == 1 and isinstance(meter, SlowWire):
            return meter
    raise NotOnBench(f"bench '{world.target.bench.name}' cannot disturb a meter's wire")


@pytest.fixture
def reader_wire(world: BenchWorld) -> Wire:
    """The wire of the reader of EVSE 1."""
    for reader in world.target.drivers(CardDriver):
        if 1 in reader.evses and isinstance(reader, Wire):
            return reader
    raise NotOnBench(f"bench '{world.target.bench.name}' cannot disturb a reader's wire")
