"""The local authorization list: which update applies, and what it changes (D01, D02).

An update is judged as a whole before anything is changed: it applies entirely or not at all.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo

_HIGHEST_VERSION: Final = 2**31 - 1


class ListUpdate(StrEnum):
    """UpdateEnumType."""

    FULL = "Full"
    DIFFERENTIAL = "Differential"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """AuthorizationData; without `info` the token is to be removed from the list."""

    token: IdToken
    info: IdTokenInfo | None = None


@dataclass(frozen=True, slots=True)
class SendLocalList:
    """SendLocalList (D01); `size_bytes` is that of the whole message."""

    version: int
    update: ListUpdate
    entries: tuple[ListEntry, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class GetLocalListVersion:
    """GetLocalListVersion (D02)."""


@dataclass(frozen=True, slots=True)
class LocalListVersion:
    """The answer: 0 is no list, or one that is switched off (D02.FR.02, D02.FR.03)."""

    number: int


@dataclass(frozen=True, slots=True)
class ListLimits:
    """What the LocalAuthListCtrlr's variables allow."""

    entries: int
    items_per_message: int
    bytes_per_message: int


class ListObjection(StrEnum):
    """Why an update does not apply: the two statuses that say so."""

    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True)
class ListRefusal:
    """An objection with a reason code of the standard and words."""

    objection: ListObjection
    reason_code: str
    info: str


@dataclass(frozen=True, slots=True)
class ListChange:
    """What an accepted update does; `replaces` empties the list first."""

    version: int
    replaces: bool
    put: tuple[ListEntry, ...]
    removed: tuple[IdToken, ...]


def list_key(token: IdToken) -> str:
    """Name a token as the standard compares it: type, and value whatever its case (C01.FR.25)."""
    return f"{token.type}:{token.value.casefold()}"


def judge_update(
    update: SendLocalList, version: int, present: Collection[str], limits: ListLimits
) -> ListChange | ListRefusal:
    """Judge an update of a list that has a version and keys; sizes first, they cost nothing."""
    refusal = _oversize(update, limits) or _wrong_version(update, version) or _bad_entries(update)
    if refusal is not None:
        return refusal
    change = ListChange(
        version=update.version,
        replaces=update.update is ListUpdate.FULL,
        put=tuple(entry for entry in update.entries if entry.info is not None),
        removed=tuple(entry.token for entry in update.entries if entry.info is None),
    )
    if _entries_after(change, present) > limits.entries:
        return _failed("OutOfStorage", f"the list holds {limits.entries} entries at most")
    return change


def info_at(info: IdTokenInfo, at: datetime) -> IdTokenInfo:
    """Return what an entry says at an instant: past its end it is Expired (C13.FR.05, C14.FR.05).

    It is still known, so the rule for unknown tokens does not let it in (C13.FR.06).
    """
    if info.expires is not None and at >= info.expires:
        return replace(info, status=AuthorizationStatus.EXPIRED)
    return info


def _oversize(update: SendLocalList, limits: ListLimits) -> ListRefusal | None:
    if len(update.entries) > limits.items_per_message:
        words = f"one message holds {limits.items_per_message} entries at most"
        return _failed("TooManyElements", words)
    if update.size_bytes > limits.bytes_per_message:
        return _failed("TooLargeElement", f"a message has {limits.bytes_per_message} bytes at most")
    return None


def _wrong_version(update: SendLocalList, version: int) -> ListRefusal | None:
    if update.version <= 0:
        return _failed("ValuePositiveOnly", "0 and below are no versions of a list")
    if update.version > _HIGHEST_VERSION:
        return _failed("ValueTooHigh", f"{_HIGHEST_VERSION} is the highest version of a list")
    if update.update is ListUpdate.DIFFERENTIAL and update.version <= version:
        words = f"the list has version {version} already"
        return ListRefusal(ListObjection.VERSION_MISMATCH, "InvalidValue", words)
    return None


def _bad_entries(update: SendLocalList) -> ListRefusal | None:
    keys = {list_key(entry.token) for entry in update.entries}
    if len(keys) != len(update.entries):
        return _failed("InvalidValue", "a token occurs twice in this message")
    if update.update is ListUpdate.FULL and any(entry.info is None for entry in update.entries):
        return _failed("MissingParam", "every entry of a full list needs its idTokenInfo")
    return None


def _entries_after(change: ListChange, present: Collection[str]) -> int:
    if change.replaces:
        return len(change.put)
    known = frozenset(present)
    added = sum(list_key(entry.token) not in known for entry in change.put)
    return len(known) + added - sum(list_key(token) in known for token in change.removed)


def _failed(reason_code: str, info: str) -> ListRefusal:
    return ListRefusal(ListObjection.FAILED, reason_code, info)
