"""Cards that were enrolled at the station: kept beside the list, and a source of verdicts."""

import json
import logging
from collections.abc import Callable
from datetime import datetime

from agent.core.authorization import Knowledge
from agent.core.documents import UnreadableDocument, read, written
from agent.core.learnt_cards import (
    LEARNT_INFO,
    Enrolment,
    EnrolmentOutcome,
    Known,
    LearntCard,
    judge_learning,
    judge_removal,
)
from agent.core.local_authorization_list import list_key
from agent.core.vocabulary import AuthorizedBy, IdToken
from agent.ports import LocalListStore
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.local_authorization_list import LocalAuthorizationListService

log = logging.getLogger(__name__)


class LearntCardsService:
    """Keeps the enrolled cards.

    What the CSMS says of a card later, in its list or when it is asked, overrules that.
    """

    def __init__(
        self,
        store: LocalListStore,
        local_list: LocalAuthorizationListService,
        cache: AuthorizationCacheService,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._list = local_list
        self._cache = cache
        self._now = now

    @property
    def enabled(self) -> bool:
        """Tell whether they are used at all: as long as the list is."""
        return self._list.enabled

    def __len__(self) -> int:
        return len(self._store.learnt())

    def look_up(self, token: IdToken) -> Knowledge | None:
        """Vouch for an enrolled card, unless the CSMS has had its say."""
        is_learnt = self.enabled and list_key(token) in self._store.learnt()
        if not is_learnt or self._cache.has_word(token):
            return None
        return Knowledge(LEARNT_INFO, AuthorizedBy.LOCAL_LIST)

    def cards(self) -> tuple[LearntCard, ...]:
        """Return the enrolled cards, the oldest first."""
        found = map(_card, self._store.learnt().values())
        return tuple(sorted(filter(None, found), key=lambda card: card.learnt_at))

    async def learn(self, token: IdToken, *, is_random: bool) -> EnrolmentOutcome:
        """Enrol a card; it is on the disk at return. Raises `StorageRefused`."""
        async with self._list.changing:
            outcome = judge_learning(token, self._known(token), is_random=is_random)
            if outcome.enrolment is Enrolment.LEARNT:
                text = json.dumps(written(LearntCard(token, self._now())), separators=(",", ":"))
                await self._store.learn({list_key(token): text}, ())
                self._cache.drop(token)
            return outcome

    async def forget(self, token: IdToken) -> EnrolmentOutcome:
        """Remove an enrolled card; it is gone from the disk at return. Raises `StorageRefused`."""
        async with self._list.changing:
            outcome = judge_removal(self._known(token))
            if outcome.enrolment is Enrolment.REMOVED:
                await self._store.learn({}, [list_key(token)])
            return outcome

    def _known(self, token: IdToken) -> Known:
        learnt = self._store.learnt()
        return Known(list_key(token) in learnt, self._list.entry(token), len(learnt))


def _card(text: str) -> LearntCard | None:
    try:
        return read(LearntCard, json.loads(text))
    except (UnreadableDocument, ValueError) as error:
        log.error("an enrolled card is unreadable and not shown: %s", error)
        return None
