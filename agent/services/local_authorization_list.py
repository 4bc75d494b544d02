"""The local authorization list: kept for the CSMS, and a source of verdicts (C13, C14, D)."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime

from agent.core.authorization import Knowledge
from agent.core.commands import ACCEPTED, Outcome, Refusal, Verdict
from agent.core.documents import UnreadableDocument, read, written
from agent.core.local_authorization_list import (
    GetLocalListVersion,
    ListChange,
    ListLimits,
    ListRefusal,
    LocalListVersion,
    SendLocalList,
    info_at,
    judge_update,
    list_key,
)
from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizedBy, IdToken, IdTokenInfo
from agent.ports import LocalListStore, StorageRefused

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListPolicy:
    """The device-model variables that steer the list."""

    enabled: bool
    limits: ListLimits
    storage_bytes: int


class LocalAuthorizationListService:
    """Keeps the list that the CSMS sends; nothing else changes it (D01.FR.09).

    `changing` is held by whoever changes what the store keeps, enrolled cards included.
    """

    def __init__(
        self,
        store: LocalListStore,
        policy: Callable[[], ListPolicy],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self.changing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._store.keys())

    @property
    def size_bytes(self) -> int:
        """Return LocalAuthListCtrlr.Storage."""
        return self._store.size_bytes

    @property
    def enabled(self) -> bool:
        """Tell whether the list is used at all (LocalAuthListCtrlr.Enabled)."""
        return self._policy().enabled

    def look_up(self, token: IdToken) -> Knowledge | None:
        """Return what the list says of a token now, None if it is not there or the list is off."""
        info = self.entry(token) if self.enabled else None
        return None if info is None else Knowledge(info, AuthorizedBy.LOCAL_LIST)

    def entry(self, token: IdToken) -> IdTokenInfo | None:
        """Return what the list says of a token now, also while the list is off."""
        text = self._store.get(list_key(token))
        if text is None:
            return None
        try:
            info = read(IdTokenInfo, json.loads(text))
        except (UnreadableDocument, ValueError) as error:
            log.error("an entry of the local list is unreadable and ignored: %s", error)
            return None
        return info_at(info, self._now())

    def version(self, _command: GetLocalListVersion) -> LocalListVersion:
        """Answer GetLocalListVersion (D02.FR.01 to FR.03)."""
        return LocalListVersion(self._store.version if self.enabled else 0)

    async def update(self, command: SendLocalList) -> Outcome:
        """Apply an update, or leave the list as it is and say why (D01.FR.02)."""
        async with self.changing:
            return await self._update(command)

    async def _update(self, command: SendLocalList) -> Outcome:
        policy, store = self._policy(), self._store
        if not policy.enabled:
            return _failed("NotEnabled", "the local authorization list is switched off")
        judged = judge_update(command, store.version, store.keys(), policy.limits)
        if isinstance(judged, ListRefusal):
            refusal = Refusal(judged.reason_code, judged.info)
            return Outcome(Verdict(judged.objection.value), refusal)
        texts = _texts(judged)
        kept_bytes = 0 if judged.replaces else store.size_bytes
        if kept_bytes + sum(map(len, texts.values())) > policy.storage_bytes:
            return _failed("OutOfStorage", f"the list has {policy.storage_bytes} bytes at most")
        removed = [list_key(token) for token in judged.removed]
        learnt = len(store.learnt())
        try:
            await store.change(judged.version, texts, removed, replaces=judged.replaces)
        except StorageRefused as error:
            log.error("the local authorization list cannot be stored: %s", error)
            return _failed("OutOfStorage", "the storage refuses the list")
        if overruled := learnt - len(store.learnt()):
            log.warning("enrolled cards that the CSMS's list overrules: %d", overruled)
        return ACCEPTED


def _texts(change: ListChange) -> dict[str, str]:
    return {
        list_key(entry.token): json.dumps(written(entry.info), separators=(",", ":"))
        for entry in change.put
        if entry.info is not None
    }


def _failed(reason_code: str, info: str) -> Outcome:
    return Outcome(Verdict.FAILED, Refusal(reason_code, info))
