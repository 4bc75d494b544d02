"""Group commit: many writes, each undone alone when it fails, made durable by one commit."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeGuard

from agent.store.errors import Reason, StoreUnavailable, from_sqlite_error
from agent.store.reserve import Reserve


class Durability(StrEnum):
    """When a write must be on the disk."""

    BEFORE_EFFECT = "before effect"
    """Class A: before its awaiter goes on. Transaction starts and ends, security events."""
    WITHIN_SECONDS = "within seconds"
    """Class B: with the next class A write, or after 10 writes or 5 s. Periodic meter values."""


Notice = Callable[[], None]
"""Something to call in the event loop's thread."""


@dataclass(slots=True, eq=False)
class Job:
    """One write.

    `run` may be called again when a commit fails, so it keeps no state outside the database.
    Both notices are called in the loop's thread, each at most once.
    """

    run: Callable[[sqlite3.Connection], object]
    durability: Durability
    finish: Callable[[object, Exception | None], None]
    """Answers the awaiter: class A after the commit, class B after `run`."""
    settle: Callable[[Exception | None], None]
    """Told when the write is committed, or will never be."""
    value: object = field(default=None, init=False)
    is_finished: bool = field(default=False, init=False)
    is_settled: bool = field(default=False, init=False)

    def finished(self, error: Exception | None = None) -> list[Notice]:
        """Return the notice for the awaiter, once."""
        if self.is_finished:
            return []
        self.is_finished = True
        return [partial(self.finish, self.value, error)]

    def settled(self, error: Exception | None = None) -> list[Notice]:
        """Return both notices, once: the fact is known before its awaiter goes on."""
        if self.is_settled:
            return []
        self.is_settled = True
        return [partial(self.settle, error), *self.finished(error)]


class GroupCommit:
    """The open transaction of the writer's connection. Lives in the writer thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: Reserve) -> None:
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._uncommitted: list[Job] = []

    @property
    def uncommitted(self) -> int:
        """Writes that wait for a commit."""
        return len(self._uncommitted)

    @property
    def must_commit(self) -> bool:
        """Whether somebody waits for the commit."""
        return any(job.durability is Durability.BEFORE_EFFECT for job in self._uncommitted)

    def add(self, jobs: Sequence[Job]) -> list[Notice]:
        """Run `jobs` in the open transaction, in order; return the notices that are due."""
        notices: list[Notice] = []
        for position, job in enumerate(jobs):
            try:
                failure = self._attempt(job)
            except (sqlite3.Error, StoreUnavailable):
                # The storage failed, not the job, and may have undone everything.
                return notices + self._one_by_one([*self._take(), *jobs[position:]])
            if failure is not None:
                notices += job.settled(failure)
                continue
            self._uncommitted.append(job)
            if job.durability is Durability.WITHIN_SECONDS:
                notices += job.finished()
        return notices

    def commit(self) -> list[Notice]:
        """Make everything added so far durable; return the notices that are due."""
        if not self._uncommitted:
            return []
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            return self._one_by_one(self._take())
        self._reserve.take_back()
        return [notice for job in self._take() for notice in job.settled()]

    def close(self) -> None:
        """Undo what is not committed and close the connection."""
        self._roll_back()
        self._connection.close()

    def _attempt(self, job: Job) -> Exception | None:
        """Run in a savepoint; return the job's own error, raise the storage's."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("SAVEPOINT job")
        try:
            job.value = job.run(self._connection)
        except Exception as error:
            failure = from_sqlite_error(error, self._path)
            if failure is not None or not self._connection.in_transaction:
                raise failure or _ended_transaction(self._path) from error
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return error
        if not self._connection.in_transaction:
            raise _ended_transaction(self._path)
        self._connection.execute("RELEASE job")
        return None

    def _one_by_one(self, jobs: list[Job]) -> list[Notice]:
        """Give each its own transaction: after a failure of the group, who can succeed does."""
        self._roll_back()
        notices: list[Notice] = []
        locked_out: StoreUnavailable | None = None
        for job in jobs:
            failure = locked_out or self._alone(job)
            if _is(failure, Reason.BUSY):
                # Each try waits for seconds; all of them would wait for the same program.
                locked_out = failure
            if _may_use_reserve(job, failure) and self._reserve.give_up():
                failure = self._alone(job)
            notices += job.settled(failure)
        return notices

    def _alone(self, job: Job) -> Exception | None:
        try:
            failure = self._attempt(job)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, StoreUnavailable) as error:
            self._roll_back()
            return from_sqlite_error(error, self._path) or error
        return failure

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _take(self) -> list[Job]:
        jobs, self._uncommitted = self._uncommitted, []
        return jobs


def _is(failure: Exception | None, reason: Reason) -> TypeGuard[StoreUnavailable]:
    return isinstance(failure, StoreUnavailable) and failure.reason is reason


def _may_use_reserve(job: Job, failure: Exception | None) -> bool:
    """Tell who may have the reserve: what must not be lost, not what may wait."""
    return _is(failure, Reason.FULL) and job.durability is Durability.BEFORE_EFFECT


def _ended_transaction(path: Path) -> StoreUnavailable:
    return StoreUnavailable(
        Reason.INPUT_OUTPUT, f"{path}: a write ended the transaction it ran in: it must not"
    )
