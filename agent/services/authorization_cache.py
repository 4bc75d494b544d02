"""The authorization cache as a source of verdicts, kept under keyed hashes (C10-C12)."""

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.core.authorization import Knowledge
from agent.core.authorization_cache import (
    AuthorizationCache,
    CacheChange,
    CacheEntry,
    CachePolicy,
    ClearCache,
    may_be_cached,
)
from agent.core.commands import ACCEPTED, Outcome, rejected
from agent.core.documents import UnreadableDocument, read, written
from agent.core.vocabulary import AuthorizedBy, IdToken, IdTokenInfo
from agent.ports import CacheStore, StorageRefused

_KEY_CHARS = 32

log = logging.getLogger(__name__)


class AuthorizationCacheService:
    """Remembers what the CSMS said of tokens."""

    def __init__(
        self,
        store: CacheStore,
        hash_key: bytes,
        policy: Callable[[], CachePolicy],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._hash_key = hash_key
        self._policy = policy
        self._now = now
        self._cache = AuthorizationCache(_read_entries(store.load()))

    @property
    def size_bytes(self) -> int:
        """Return AuthCacheCtrlr.Storage."""
        return self._cache.size_bytes

    def look_up(self, token: IdToken) -> Knowledge | None:
        """Return what is cached of a token, None if nothing is or the cache is off (C10.FR.11)."""
        info = self._cache.look_up(self._key(token), self._policy(), self._now())
        return None if info is None else Knowledge(info, AuthorizedBy.CACHE)

    def has_word(self, token: IdToken) -> bool:
        """Tell whether the CSMS's last word on a token still counts."""
        return self._cache.has_word(self._key(token), self._policy(), self._now())

    def used(self, token: IdToken) -> None:
        """Take note that a verdict of the cache was acted upon."""
        self._save(self._cache.use(self._key(token), self._now()))

    def note(self, token: IdToken, info: IdTokenInfo) -> None:
        """Take over what the CSMS said of a token (C10.FR.04, C10.FR.05, C12.FR.06)."""
        if may_be_cached(token):
            self._save(self._cache.note(self._key(token), info, self._policy(), self._now()))

    def drop(self, token: IdToken) -> None:
        """Forget what the CSMS said of a token."""
        self._save(self._cache.drop(self._key(token)))

    async def clear(self, _command: ClearCache) -> Outcome:
        """Empty the cache, unless it is off or the storage refuses (C11.FR.03 to FR.05)."""
        if not self._policy().enabled:
            return rejected("NotEnabled", "the authorization cache is switched off")
        try:
            await self._store.clear()
        except StorageRefused as error:
            log.error("the authorization cache cannot be cleared: %s", error)
            return rejected("InternalError", "the storage refuses to forget the cache")
        self._cache.clear()
        return ACCEPTED

    def _save(self, change: CacheChange) -> None:
        texts = {
            key: json.dumps(written(entry), separators=(",", ":"))
            for key, entry in change.put.items()
        }
        self._store.save(texts, change.removed)

    def _key(self, token: IdToken) -> str:
        """Hash what makes a token equal to another: type, and value whatever its case."""
        name = f"{token.type}:{token.value.casefold()}".encode()
        return hmac.digest(self._hash_key, name, "sha256").hex()[:_KEY_CHARS]


def _read_entries(texts: Mapping[str, str]) -> dict[str, CacheEntry]:
    entries = {}
    for key, text in texts.items():
        try:
            entries[key] = read(CacheEntry, json.loads(text))
        except (UnreadableDocument, ValueError) as error:
            log.error("an entry of the authorization cache is unreadable and ignored: %s", error)
    return entries
