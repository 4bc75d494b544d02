"""The database as the rest of the program sees it: asynchronous writes, reads, proof of life."""

import asyncio
import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from agent.core.records import dataclass
from agent.store.connection import connect_reader, connect_writer, find_damage
from agent.store.errors import StoreUnavailable, closed, from_os_error, from_sqlite_error
from agent.store.files import InstanceLock, StoreFiles, create_private, prepare_directory
from agent.store.group import Durability, GroupCommit, Job, Notice
from agent.store.migrate import migrate
from agent.store.reserve import Reserve
from agent.store.writer import Timing, Writer

if TYPE_CHECKING:
    from agent.store.recovery import RecoveryReport

_LOGGER = logging.getLogger(__name__)
_MIB = 1024 * 1024
_SALVAGE_S = 30.0
_COPIED_BYTES = 256 * 1024
_INSTANCE_ID = re.compile(r"[0-9a-f]{32}")

T = TypeVar("T")
Settled = Callable[[Exception | None], None]
"""Told in the loop's thread that a write is committed (None) or lost (why)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times of one store. The disk needs `max_bytes + reserve_bytes` and some log."""

    max_bytes: int = 128 * _MIB
    reserve_bytes: int = 8 * _MIB
    check_s: float = 2.0
    """How long the start may spend on looking for damage."""
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class _Opened:
    instance_id: bytes
    recovery: "RecoveryReport | None"


class Database:
    """One open store; made by `Database.open`, ended by `close`.

    Functions given to `write` and `read` run in a thread, on a connection, inside a
    transaction that is not theirs to end. A written function may run again when a shared
    commit fails, so it touches nothing but the connection.
    """

    def __init__(self, files: StoreFiles, limits: Limits) -> None:
        """Not for callers: use `open`."""
        self.files = files
        self.recovery: RecoveryReport | None = None
        """What was found damaged and what came of it, when the start had to recover."""
        self.instance_id = b""
        """Random name of this database; a rebuilt one keeps it only if it was readable."""
        self.last_failure: StoreUnavailable | None = None
        """Why the latest write failed; None while writes succeed."""
        self.lost_writes = 0
        """Writes that will never be on the disk because the storage refused them."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[object] = self._loop.create_future()
        self._readers: ThreadPoolExecutor | None = None
        self._reader: sqlite3.Connection | None = None
        self._lock: InstanceLock | None = None
        self._is_closed = False
        self._writer = Writer(
            self._start, self._deliver, lambda: closed(files.database), limits.timing
        )

    @classmethod
    async def open(cls, path: Path, limits: Limits | None = None) -> "Database":
        """Open or create the store at `path`, recovering what is damaged (see `recovery`).

        StoreInUse: another daemon has it. SchemaTooNew: newer software wrote it.
        StoreUnavailable: the storage cannot hold it now; see `open_copy`.
        """
        database = cls(StoreFiles(path), limits or Limits())
        database._writer.start()
        try:
            opened = cast("_Opened", await database._opened)
        except BaseException:
            await asyncio.shield(database.close())
            raise
        database.instance_id, database.recovery = opened.instance_id, opened.recovery
        return database

    @classmethod
    async def open_copy(
        cls, path: Path, directory: Path, limits: Limits | None = None
    ) -> "Database":
        """Open a copy of the store in `directory`, a RAM disk: for a storage that refuses writes.

        It starts empty where nothing can be read. What it stores ends with the power. A copy
        that is there already is continued.
        """
        copy = directory / path.name
        await asyncio.get_running_loop().run_in_executor(None, _copy_readable, path, copy)
        return await cls.open(copy, limits)

    async def write(
        self,
        fn: Callable[[sqlite3.Connection], T],
        durability: Durability = Durability.BEFORE_EFFECT,
        settled: Settled | None = None,
    ) -> T:
        """Run `fn` in the writer thread; writes take effect in the order of these calls.

        BEFORE_EFFECT returns after the commit reached the disk. WITHIN_SECONDS returns once
        `fn` ran; `settled` hears of the commit. What `fn` raises undoes only `fn` and is
        raised here; StoreUnavailable says that the storage failed. Cancelling the awaiter
        does not cancel the write.
        """
        answer: asyncio.Future[object] = self._loop.create_future()
        self._submit(fn, durability, answer, settled)
        return cast("T", await answer)

    def post(self, fn: Callable[[sqlite3.Connection], object], settled: Settled) -> None:
        """Queue a class B write that nobody awaits; `settled` hears how it went."""
        self._submit(fn, Durability.WITHIN_SECONDS, None, settled)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run `fn` on what is committed, on a connection that cannot write, beside the writer."""
        if self._is_closed:
            raise closed(self.files.database)
        if self._readers is None:
            self._readers = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        return await self._loop.run_in_executor(self._readers, self._read, fn)

    async def ping(self) -> None:
        """Return when the writer thread has proved its life; give it a timeout."""
        answer: asyncio.Future[object] = self._loop.create_future()
        self._writer.probe(lambda: _answer(answer, None, None))
        await answer

    async def close(self) -> None:
        """Commit everything that was submitted, then release the files. May be called twice."""
        self._is_closed = True
        if self._readers is not None:
            readers, self._readers = self._readers, None
            await self._loop.run_in_executor(readers, self._close_reader)
            readers.shutdown(wait=True)
        ended: asyncio.Future[object] = self._loop.create_future()
        self._writer.close(lambda: _answer(ended, None, None))
        await ended
        self._writer.join()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _submit(
        self,
        fn: Callable[[sqlite3.Connection], object],
        durability: Durability,
        answer: asyncio.Future[object] | None,
        settled: Settled | None,
    ) -> None:
        def finish(value: object, error: Exception | None) -> None:
            if answer is not None:
                _answer(answer, value, error)

        def settle(error: Exception | None) -> None:
            self._note(error)
            if settled is not None:
                settled(error)

        self._writer.submit(Job(fn, durability, finish, settle))

    def _note(self, error: Exception | None) -> None:
        if error is None:
            self.last_failure = None
        elif isinstance(error, StoreUnavailable):
            if self.last_failure is None:
                _LOGGER.error("writes fail: %s", error)
            self.last_failure = error
            self.lost_writes += 1

    def _deliver(self, notices: Sequence[Notice]) -> None:
        try:
            self._loop.call_soon_threadsafe(_call_all, notices)
        except RuntimeError:
            # The loop is closed, so nobody is left to hear it; the writes are done all the same.
            _LOGGER.debug("%s: %d notices came too late", self.files.database, len(notices))

    def _start(self) -> GroupCommit | None:
        """Open everything, in the writer thread."""
        try:
            prepare_directory(self.files.database.parent)
            self._lock = InstanceLock(self.files.lock)
            group, opened = _open(self.files, self._limits)
        except Exception as error:  # noqa: BLE001 - raised where `open` is awaited
            failure = _translated(error, self.files.database)
            self._deliver([lambda: _answer(self._opened, None, failure)])
            return None
        self._deliver([lambda: _answer(self._opened, opened, None)])
        return group

    def _read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        path = self.files.database
        try:
            if self._reader is None:
                self._reader = connect_reader(path)
            self._reader.execute("BEGIN")
            try:
                return fn(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise from_sqlite_error(error, path) or error from error

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _repaired(files: StoreFiles, limits: Limits) -> "RecoveryReport | None":
    """Complete an interrupted recovery and repair damage; the means are loaded only for that."""
    report = None
    if any(files.of_recovery()):
        from agent.store.recovery import finish_interrupted  # noqa: PLC0415 - see above

        report = finish_interrupted(files)
    finding = find_damage(files, limit_s=limits.check_s)
    if finding is not None:
        from agent.store.recovery import recover  # noqa: PLC0415 - see above

        report = recover(files, finding, limit_s=_SALVAGE_S)
    return report


def _open(files: StoreFiles, limits: Limits) -> tuple[GroupCommit, _Opened]:
    report = _repaired(files, limits)
    connection = connect_writer(files)
    try:
        migrate(connection, files)
        reserve = Reserve(
            connection,
            files.reserve,
            max_bytes=limits.max_bytes,
            reserve_bytes=limits.reserve_bytes,
            clock=time.monotonic,
        )
        opened = _Opened(_instance_id(connection), report)
        return GroupCommit(connection, files.database, reserve), opened
    except BaseException:
        connection.close()
        raise


def _instance_id(connection: sqlite3.Connection) -> bytes:
    found = connection.execute("SELECT value FROM meta WHERE key = 'instance_id'").fetchone()
    if found is not None and _INSTANCE_ID.fullmatch(found[0]):
        return bytes.fromhex(found[0])
    fresh = os.urandom(16)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('instance_id', ?)", (fresh.hex(),))
    return fresh


def _copy_readable(path: Path, copy: Path) -> None:
    """Copy database, log and cursor. A copy that is there already is newer than its origin."""
    prepare_directory(copy.parent)
    if copy.exists():
        return
    origin, files = StoreFiles(path), StoreFiles(copy)
    pairs = ((origin.cursor, files.cursor), (origin.log, files.log), (path, copy))
    for source, target in pairs:
        try:
            if source.exists():
                create_private(target)
                _copy(source, target)
        except OSError as error:
            _LOGGER.warning("%s cannot be read, going on without it: %s", source, error)
            target.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Copy the content; `shutil` would load compressors for that."""
    with source.open("rb") as original, target.open("wb") as copy:
        while piece := original.read(_COPIED_BYTES):
            copy.write(piece)


def _translated(error: Exception, path: Path) -> Exception:
    if isinstance(error, OSError):
        return from_os_error(error, path)
    return from_sqlite_error(error, path) or error


def _answer(future: asyncio.Future[object], value: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _call_all(notices: Sequence[Notice]) -> None:
    for notice in notices:
        notice()
