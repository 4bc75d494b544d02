"""Each story runs once in every version, in virtual time, and is judged when it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from pathlib import Path

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.in_process_bench import InProcessBench
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.words import VERSIONS
from tests.stories.world import World
from tests.virtual_time import loop_factories

_PASSED = pytest.StashKey[bool]()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return loop_factories()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def world(
    version: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    machine = InProcessMachine(tmp_path, monkeypatch)
    story = World(version, machine, InProcessBench(machine))
    yield story
    if request.node.stash.get(_PASSED, False):
        await story.end()
    else:
        await story.abandon()


@pytest.fixture
def bench(world: World) -> Bench:
    return world.bench


@pytest.fixture
def csms(world: World) -> Desk:
    return world.csms
