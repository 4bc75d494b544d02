"""The authorization cache: what the CSMS said last of each token, and what has to make room.

Entries are named by opaque keys, so that whoever keeps them need not keep tokens (C10.FR.12).
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType

_NEVER_CACHED: Final = frozenset({TokenType.NO_AUTHORIZATION.value, TokenType.CENTRAL.value})
_ENTRY_BYTES: Final = 160
"""What an entry takes besides its texts: key, status, instants, count."""


class EvictionPolicy(StrEnum):
    """AuthCacheCtrlr.Policy: which entry makes room for a new one."""

    LRU = "LRU"
    LFU = "LFU"
    FIFO = "FIFO"


@dataclass(frozen=True, slots=True)
class ClearCache:
    """ClearCache (C11)."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """The device-model variables that steer the cache."""

    enabled: bool = True
    life_time_s: int = 2_592_000
    eviction: EvictionPolicy = EvictionPolicy.LRU
    capacity_bytes: int = 131_072


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The latest word of the CSMS on a token; `touched_at` is its last update or use."""

    info: IdTokenInfo
    added_at: datetime
    touched_at: datetime
    uses: int = 0

    @property
    def size_bytes(self) -> int:
        """Return what the entry counts for in AuthCacheCtrlr.Storage."""
        info = self.info
        group = "" if info.group is None else info.group.value + info.group.type
        texts = (group, info.language1, info.language2, info.personal_message)
        return _ENTRY_BYTES + sum(len((text or "").encode()) for text in texts)


@dataclass(frozen=True, slots=True)
class CacheChange:
    """What must be made durable: entries by key that are new or changed, and keys that are gone."""

    put: Mapping[str, CacheEntry] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


def may_be_cached(token: IdToken) -> bool:
    """Tell whether a token may enter the cache (C02.FR.03, C03.FR.02, C05.FR.02)."""
    return bool(token.value) and token.type not in _NEVER_CACHED


class AuthorizationCache:
    """The entries, and what becomes of them."""

    def __init__(self, entries: Mapping[str, CacheEntry] | None = None) -> None:
        self._entries = dict(entries or {})
        self._size_bytes = sum(entry.size_bytes for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Return AuthCacheCtrlr.Storage."""
        return self._size_bytes

    def look_up(self, key: str, policy: CachePolicy, at: datetime) -> IdTokenInfo | None:
        """Return what is known, an outdated entry as Expired (C10.FR.10, C10.FR.13)."""
        entry = self._entries.get(key)
        if entry is None or not policy.enabled:
            return None
        if _is_outdated(entry, policy, at):
            return replace(entry.info, status=AuthorizationStatus.EXPIRED)
        return entry.info

    def has_word(self, key: str, policy: CachePolicy, at: datetime) -> bool:
        """Tell whether the CSMS's last word still counts; only a yes without end grows old."""
        entry = self._entries.get(key)
        if entry is None or not policy.enabled:
            return False
        lasts = not entry.info.accepted or entry.info.expires is not None
        return lasts or not _is_outdated(entry, policy, at)

    def use(self, key: str, at: datetime) -> CacheChange:
        """Count a use: it renews the life of an entry without an end of its own (C10.FR.08)."""
        entry = self._entries.get(key)
        if entry is None:
            return CacheChange()
        return self._keep(key, replace(entry, touched_at=at, uses=entry.uses + 1))

    def note(self, key: str, info: IdTokenInfo, policy: CachePolicy, at: datetime) -> CacheChange:
        """Take over the newest word of the CSMS, whatever it says (C10.FR.01, FR.04, FR.05)."""
        if not policy.enabled:
            return CacheChange()
        known = self._entries.get(key)
        fresh = CacheEntry(info, at, at)
        if known is not None:
            fresh = replace(known, info=info, touched_at=at)
        change = self._keep(key, fresh)
        return replace(change, removed=self._make_room(key, policy, at))

    def drop(self, key: str) -> CacheChange:
        """Forget one token."""
        if key not in self._entries:
            return CacheChange()
        self._forget(key)
        return CacheChange(removed=frozenset({key}))

    def clear(self) -> None:
        """Forget everything (C11.FR.01)."""
        self._entries.clear()
        self._size_bytes = 0

    def _keep(self, key: str, entry: CacheEntry) -> CacheChange:
        self._forget(key)
        self._entries[key] = entry
        self._size_bytes += entry.size_bytes
        return CacheChange({key: entry})

    def _forget(self, key: str) -> None:
        gone = self._entries.pop(key, None)
        self._size_bytes -= 0 if gone is None else gone.size_bytes

    def _make_room(self, newest: str, policy: CachePolicy, at: datetime) -> frozenset[str]:
        """Remove what is worth least until the rest fits (C10.FR.07)."""
        removed = set()
        while self._size_bytes > policy.capacity_bytes and len(self._entries) > 1:
            others = (key for key in self._entries if key != newest)
            victim = min(others, key=lambda key: _worth(self._entries[key], policy, at))
            self._forget(victim)
            removed.add(victim)
        return frozenset(removed)


def _is_outdated(entry: CacheEntry, policy: CachePolicy, at: datetime) -> bool:
    """Tell by the end that the CSMS gave, else by the life time (errata of C10.FR.10)."""
    if entry.info.expires is not None:
        return at >= entry.info.expires
    return at - entry.touched_at > timedelta(seconds=policy.life_time_s)


def _worth(entry: CacheEntry, policy: CachePolicy, at: datetime) -> tuple[bool, int, datetime]:
    """Rank an entry: those that let nobody in go first, then as the policy says."""
    valid = entry.info.accepted and not _is_outdated(entry, policy, at)
    match policy.eviction:
        case EvictionPolicy.FIFO:
            return valid, 0, entry.added_at
        case EvictionPolicy.LFU:
            return valid, entry.uses, entry.touched_at
        case EvictionPolicy.LRU:
            return valid, 0, entry.touched_at
