"""The demo's processes: started in a folder of their own, and gone with it."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.sim import demo_station
from agent.sim.demo_station import DemoStation, StationNotStarted


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files whose path leaves room for the names of sockets."""
    with TemporaryDirectory(prefix="d-") as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        yield Path(short)


def configuration(folder: Path) -> str:
    return next(folder.glob("*/station.toml")).read_text()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def python_that(program: str, folder: Path) -> str:
    """Return an interpreter that runs a program of ours instead of the daemon."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{program}\n")
    path.chmod(0o700)
    return str(path)


async def test_the_folder_goes_even_if_nothing_was_started(folder: Path) -> None:
    async with DemoStation("ws://127.0.0.1:1/ocpp", "ocpp2.1") as station:
        assert 'versions = ["ocpp2.1"]' in configuration(folder)
        assert station.trouble() is None
    assert names(folder) == []


async def test_an_interpreter_that_does_not_start_is_named(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
    async with DemoStation("ws://127.0.0.1:1/ocpp", "ocpp2.1") as station:
        with pytest.raises(StationNotStarted, match="no-python does not start"):
            await station.start()
    assert names(folder) == []


async def test_a_daemon_that_ends_at_once_is_told_with_its_exit_code_and_log(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    program = "import sys; print('the disk is full'); sys.exit(3)"
    monkeypatch.setattr(sys, "executable", python_that(program, folder))
    async with DemoStation("ws://127.0.0.1:1/ocpp", "ocpp2.1") as station:
        await station.start()
        with pytest.raises(StationNotStarted, match="exit code 3"):
            await station.connect(station.bench_socket, 10)
        assert station.log_tail() == ["daemon.log: the disk is full"]


async def test_a_daemon_that_opens_no_bench_is_told_and_stopped(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(sys, "executable", python_that("import time; time.sleep(60)", folder))
    async with DemoStation("ws://127.0.0.1:1/ocpp", "ocpp2.1") as station:
        await station.start()
        with pytest.raises(StationNotStarted, match=r"did not open bench\.sock within 0\.05 s"):
            await station.connect(station.bench_socket, 0.05)
    assert station.trouble() == f"the station's daemon has ended with exit code {-signal.SIGTERM}"


async def test_a_daemon_that_ignores_sigterm_is_killed(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    program = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[5]).with_name('api.sock').touch(); time.sleep(60)"
    )
    monkeypatch.setattr(sys, "executable", python_that(program, folder))
    monkeypatch.setattr(demo_station, "STOP_LIMIT_S", 0.05)
    async with DemoStation("ws://127.0.0.1:1/ocpp", "ocpp2.1") as station:
        await station.start()
        while not station.api_socket.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)
    assert station.trouble() == f"the station's daemon has ended with exit code {-signal.SIGKILL}"
    assert names(folder) == ["python"]


async def test_a_process_that_will_not_go_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_station, "STOP_LIMIT_S", 0.05)
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"{program}; time.sleep(60)",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    descriptor = os.pidfd_open(process.pid)
    try:
        await demo_station._end(descriptor)
    finally:
        os.close(descriptor)
    assert await process.wait() == -signal.SIGKILL
