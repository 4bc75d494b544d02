"""Where the daemon's log lines come from: the system's journal, or else the lines kept in memory.

A source yields the newest lines first and is closed as soon as enough was read.
"""

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from agent.core.log_upload import GetLog
from agent.core.records import dataclass

UNITS: Final = ("stationd", "stationd-guard")
MOST_LINES: Final = 50_000
KEPT_LINES: Final = 400
LONGEST_LINE: Final = 4000


@dataclass(frozen=True, slots=True)
class _Line:
    """A line and when it was logged, by the machine's clock."""

    created_s: float
    text: str


class LogLines(Protocol):
    """A source of log lines."""

    def newest_first(self, window: GetLog) -> AsyncGenerator[str, None]:
        """Yield the lines within the window; ends early without error if they cannot be read."""


class RecentLines(logging.Handler):
    """Keeps the newest lines of this process, for a machine without a system journal."""

    def __init__(self, utc_now: Callable[[], datetime]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._utc_now = utc_now
        self._lines: deque[_Line] = deque(maxlen=KEPT_LINES)

    # typing.override is younger than Python 3.11.
    def emit(self, record: logging.LogRecord) -> None:  # type: ignore[explicit-override]
        """Keep a line."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler does: a bad record is reported there
            self.handleError(record)
        else:
            self._lines.append(_Line(record.created, text[:LONGEST_LINE]))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep the lines that are logged meanwhile."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)

    async def newest_first(self, window: GetLog) -> AsyncGenerator[str, None]:
        """Yield what is kept, dated by the station's clock as far as that knows better."""
        shift = self._utc_now() - datetime.now(UTC)
        for line in reversed(tuple(self._lines)):
            at = datetime.fromtimestamp(line.created_s, UTC) + shift
            if window.covers(at):
                yield f"{at.isoformat(timespec='milliseconds')} {line.text}"


class JournalLines:
    """Reads the system's journal with `journalctl`, whose arguments are all this module's own."""

    def __init__(self, program: str) -> None:
        self._program = program

    async def newest_first(self, window: GetLog) -> AsyncGenerator[str, None]:
        """Yield what the journal has of this software."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *_arguments(window),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2 * LONGEST_LINE,
        )
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            while line := await _line_of(process.stdout):
                yield line.decode("utf-8", "replace").rstrip("\n")[:LONGEST_LINE]
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def log_lines(utc_now: Callable[[], datetime]) -> LogLines:
    """Return the journal where systemd writes this process's output into it, else the memory."""
    program = _journalctl()
    if program is not None and "JOURNAL_STREAM" in os.environ:
        return JournalLines(program)
    return RecentLines(utc_now)


def _journalctl() -> str | None:
    """Return where the program lies; `shutil.which` would load compressors for that."""
    found = (Path(folder, "journalctl") for folder in os.get_exec_path())
    return next((str(file) for file in found if os.access(file, os.X_OK) and file.is_file()), None)


def _arguments(window: GetLog) -> list[str]:
    arguments = ["--reverse", "--no-pager", "--quiet", "--utc", "--output=short-iso-precise"]
    arguments += [f"--lines={MOST_LINES}", *(f"--unit={unit}" for unit in UNITS)]
    if window.oldest is not None:
        arguments.append(f"--since={_stamp(window.oldest)}")
    if window.latest is not None:
        arguments.append(f"--until={_stamp(window.latest)}")
    return arguments


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, a note instead of one that is too long, b"" at the end."""
    try:
        return await stream.readline()
    except ValueError:
        return b"[a line that is too long]\n"
