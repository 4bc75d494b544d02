"""What can go wrong with the store, named for what the caller can do about it."""

import errno
import sqlite3
from enum import StrEnum
from pathlib import Path


class StoreError(Exception):
    """Base of everything the store raises on its own account."""


class Reason(StrEnum):
    """Why the store cannot serve; the caller's remedy differs."""

    FULL = "full"
    READ_ONLY = "read-only"
    INPUT_OUTPUT = "input/output error"
    DAMAGED = "damaged"
    BUSY = "busy"
    CLOSED = "closed"


class StoreUnavailable(StoreError):
    """The store cannot do this now: keep the fact in RAM, report it, go on charging."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StoreInUse(StoreError):
    """Another process owns this state directory: stop it, or use another directory."""


class SchemaTooNew(StoreError):
    """A newer stationd wrote this database: install that version again or move the file away."""


class NotTheHead(StoreError):
    """Only the head of the queue can be acknowledged or dropped."""


_REMEDIES = {
    Reason.FULL: "free space on that file system or raise the store's size limit",
    Reason.READ_ONLY: "make the directory and its files writable for this user",
    Reason.INPUT_OUTPUT: "check the storage device (kernel log) and replace it",
    Reason.DAMAGED: "restart stationd: it sets the file aside and recovers what can be read",
    Reason.BUSY: "close the other program that holds the database open",
}

_REASONS_BY_CODE = {
    sqlite3.SQLITE_FULL: Reason.FULL,
    sqlite3.SQLITE_READONLY: Reason.READ_ONLY,
    sqlite3.SQLITE_PERM: Reason.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Reason.INPUT_OUTPUT,
    sqlite3.SQLITE_IOERR: Reason.INPUT_OUTPUT,
    sqlite3.SQLITE_NOMEM: Reason.INPUT_OUTPUT,
    sqlite3.SQLITE_CORRUPT: Reason.DAMAGED,
    sqlite3.SQLITE_NOTADB: Reason.DAMAGED,
    sqlite3.SQLITE_BUSY: Reason.BUSY,
    sqlite3.SQLITE_LOCKED: Reason.BUSY,
}

_REASONS_BY_ERRNO = {
    errno.ENOSPC: Reason.FULL,
    errno.EDQUOT: Reason.FULL,
    errno.EROFS: Reason.READ_ONLY,
    errno.EACCES: Reason.READ_ONLY,
    errno.EPERM: Reason.READ_ONLY,
}


def from_sqlite_error(error: BaseException, path: Path) -> StoreUnavailable | None:
    """Translate an error of the storage; None when the fault is in the statement or its caller."""
    if not isinstance(error, sqlite3.Error):
        return None
    # The low byte is the primary code, the rest says where it happened.
    code = getattr(error, "sqlite_errorcode", None)
    reason = None if code is None else _REASONS_BY_CODE.get(code & 0xFF)
    return None if reason is None else _because(reason, error, path)


def from_os_error(error: OSError, path: Path) -> StoreUnavailable:
    """Translate an error of the file system."""
    return _because(_REASONS_BY_ERRNO.get(error.errno or 0, Reason.INPUT_OUTPUT), error, path)


def closed(path: Path) -> StoreUnavailable:
    """Return the error of every use after closing."""
    return StoreUnavailable(Reason.CLOSED, f"{path}: the store is closed: open it again")


def _because(reason: Reason, error: Exception, path: Path) -> StoreUnavailable:
    return StoreUnavailable(reason, f"{path}: {reason} ({error}): {_REMEDIES[reason]}")
