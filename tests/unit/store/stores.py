"""Small stores for the tests: quick to open, quick to fill."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.store.database import Database, Limits
from agent.store.files import StoreFiles
from agent.store.outbox import Entry, Outbox, OutboxLimits, Stamp
from agent.store.writer import Timing

SMALL = Limits(
    max_bytes=4 * 1024 * 1024, reserve_bytes=64 * 1024, timing=Timing(delay_s=0.02, writes=10)
)
STAMP = Stamp(boot_id="boot", monotonic_s=1.5, utc_ms=1_700_000_000_000)


def entry(number: int, *, must_keep: bool = True, kind: str = "TransactionEvent") -> Entry:
    body = f'{{"seqNo":{number}}}'.encode()
    return Entry(kind, body, f"tx-{number // 10}", number, must_keep)


@asynccontextmanager
async def opened(path: Path, limits: Limits = SMALL) -> AsyncIterator[Database]:
    database = await Database.open(path, limits)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def queue(database: Database, limits: OutboxLimits | None = None) -> AsyncIterator[Outbox]:
    outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=3, limits=limits)
    try:
        yield outbox
    finally:
        await outbox.close()


def snapshot(path: Path, target: Path) -> Path:
    """What a kill -9 at this moment would leave behind, under another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source, copy = StoreFiles(path), StoreFiles(target)
    for old, new in (
        (source.database, copy.database),
        (source.log, copy.log),
        (source.cursor, copy.cursor),
    ):
        if old.exists():
            shutil.copyfile(old, new)
    return target


def content(path: Path) -> bytes:
    return path.read_bytes()


def place(path: Path, stored: bytes) -> None:
    """Put a file where the store expects its database."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(stored)


def truncate(path: Path, share: float, more: int = 0) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share) + more)
