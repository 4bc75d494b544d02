import gzip
import io
import json
import tarfile
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

from agent.core.log_upload import GetLog, LogType
from agent.diagnostics.bundle import BundleSources, LogBundler
from agent.diagnostics.leftovers import remove_leftovers
from agent.ports import SecurityLogEntry

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
ROOM = 64 * 1024


class Lines:
    """A log that never ends; `read` counts what was asked for."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = False

    async def newest_first(self, window: GetLog) -> AsyncGenerator[str, None]:
        try:
            while True:
                self.read += 1
                yield f"line {self.read} of a session with hunter2-hunter2 " + "x" * 50
        finally:
            self.closed = True


class ManyEntries:
    """A security log with more entries than fit."""

    loss = None

    async def append(self, *_: object, **__: object) -> None:
        raise AssertionError("nobody writes here")

    async def entries(self) -> tuple[SecurityLogEntry, ...]:
        return tuple(
            SecurityLogEntry(number, NOW.isoformat(), "InvalidMessages", False, "x" * 200, "d" * 64)
            for number in range(1, 1001)
        )


def bundler(folder: Path, lines: Lines, identity: str = "CS001") -> LogBundler:
    sources = BundleSources(
        identity=identity,
        lines=lines,
        security_log=ManyEntries(),
        facts=lambda: {"note": "hunter2-hunter2"},
        secrets=lambda: ["hunter2-hunter2"],
        utc_now=lambda: NOW,
    )
    return LogBundler(folder, sources, ROOM)


def order(kind: LogType) -> GetLog:
    return GetLog(type=kind, location="https://logs.example/../../etc/", request_id=9)


async def test_a_log_keeps_its_newest_lines_and_is_closed_to_others(tmp_path: Path) -> None:
    lines = Lines()
    file = await bundler(tmp_path, lines).collect(order(LogType.DIAGNOSTICS))
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as archive:
        texts = {m.name: (archive.extractfile(m) or io.BytesIO()).read() for m in archive}
    assert len(texts["stationd.log"]) <= ROOM
    assert texts["stationd.log"].splitlines()[-1].startswith(b"line 1 ")
    assert lines.read < ROOM
    assert lines.closed, "whoever reads the journal is ended"
    assert b"hunter2" not in b"".join(texts.values())


async def test_a_security_log_that_is_too_long_loses_its_oldest_entries(tmp_path: Path) -> None:
    file = await bundler(tmp_path, Lines()).collect(order(LogType.SECURITY))
    assert file is not None
    text = gzip.decompress(file.read_bytes())
    numbers = [json.loads(line)["number"] for line in text.splitlines()]
    assert len(text) <= ROOM
    assert numbers == list(range(1001 - len(numbers), 1001))


async def test_the_name_of_the_file_is_the_stations_own(tmp_path: Path) -> None:
    file = await bundler(tmp_path, Lines(), "../A|B*").collect(order(LogType.SECURITY))
    assert file is not None
    assert file.name == ".._A_B__20260302T070000Z_9_security.jsonl.gz"
    assert file.parent == tmp_path / "logs"


async def test_there_is_no_log_of_a_data_collector(tmp_path: Path) -> None:
    assert await bundler(tmp_path, Lines()).collect(order(LogType.DATA_COLLECTOR)) is None


async def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    made = bundler(tmp_path, Lines())
    remove_leftovers(tmp_path)
    file = await made.collect(order(LogType.SECURITY))
    assert file is not None
    remove_leftovers(tmp_path)
    assert not file.exists()
