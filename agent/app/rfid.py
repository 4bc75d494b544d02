"""Token readers and enrolled cards over the local socket: what is told, and what may be ordered."""

from collections.abc import Mapping
from typing import Any

from agent.core.learnt_cards import masked
from agent.core.vocabulary import IdToken, TokenType
from agent.services.enrolment import (
    LONGEST_WAIT_S,
    EnrolledCard,
    EnrolmentOrder,
    EnrolmentRefused,
    EnrolmentService,
)
from agent.services.history import utc_text
from agent.services.json_lines import failure
from agent.services.learnt_cards import LearntCardsService
from agent.services.reader_watch import News, ReaderState, ReaderWatch
from hal.api import Presentation

LEARN, FORGET, CARDS, WATCH = "rfid_learn", "rfid_forget", "rfid_cards", "rfid_watch"
ORDERS = frozenset({LEARN, FORGET})
"""What changes who may charge."""
OPERATIONS = ORDERS | {CARDS, WATCH}


class RfidDesk:
    """Answers requests about readers and enrolled cards; tokens are masked unless wanted."""

    def __init__(
        self, enrolment: EnrolmentService, cards: LearntCardsService, watch: ReaderWatch
    ) -> None:
        self._enrolment = enrolment
        self._cards = cards
        self._watch = watch

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one request; raises ValueError and TypeError for one that makes no sense."""
        try:
            return await self._answer(request)
        except EnrolmentRefused as refusal:
            return failure(str(refusal))

    async def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        op = request["op"]
        if op == LEARN:
            return await self._learn(request)
        if op == FORGET:
            removed = await self._enrolment.forget(_text(request, "token"))
            return {"ok": True, "removed": removed, "enrolled": len(self._cards)}
        if op == CARDS:
            return self._list(show=request.get("show") is True)
        return await self._news(request)

    async def _learn(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        session = _text(request, "session")
        if request.get("end") is True:
            self._enrolment.end(session)
            return {"ok": True, "card": None}
        order = EnrolmentOrder(
            session=session,
            wait_s=_wait_s(request),
            evse=_optional_number(request, "evse"),
            removes=request.get("remove") is True,
        )
        card = await self._enrolment.next_card(order)
        losses = [state.loss for state in self._watch.states if state.loss]
        told = None if card is None else _card_told(card)
        return {"ok": True, "card": told, "enrolled": len(self._cards), "lost_readers": losses}

    def _list(self, *, show: bool) -> Mapping[str, Any]:
        cards = [
            {
                "token": _shown(card.token, show=show),
                "type": card.token.type,
                "learnt_at": utc_text(card.learnt_at),
            }
            for card in self._cards.cards()
        ]
        return {"ok": True, "used": self._cards.enabled, "cards": cards}

    async def _news(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        show = request.get("show") is True
        after = _optional_number(request, "after")
        number, news = await self._watch.news(after, _wait_s(request))
        return {
            "ok": True,
            "number": number,
            "readers": [_reader_told(state) for state in self._watch.states],
            "news": [_news_told(one, show=show) for one in news],
        }


def _card_told(card: EnrolledCard) -> dict[str, Any]:
    return {
        "token": masked(card.token),
        "type": card.token.type,
        "evses": list(card.evses),
        "outcome": card.outcome.enrolment.value,
        "reason": card.outcome.reason,
    }


def _reader_told(state: ReaderState) -> dict[str, Any]:
    works = None if state.loss is None else not state.loss
    return {
        "kind": "reader",
        "evses": list(state.evses),
        "works": works,
        "reason": state.loss or "",
    }


def _news_told(news: News, *, show: bool) -> dict[str, Any]:
    match news.told:
        case ReaderState() as state:
            return _reader_told(state)
        case Presentation() as presented:
            token = IdToken(presented.token, presented.token_type)
            return {
                "kind": "token",
                "token": _shown(token, show=show),
                "type": token.type,
                "evses": list(presented.evses),
                "random": presented.is_random,
            }


def _shown(token: IdToken, *, show: bool) -> str:
    """Return a token as it may be shown: codes are told to nobody (C04.FR.04)."""
    return token.value if show and token.type != TokenType.KEY_CODE else masked(token)


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f'"{key}" must be a text')
    return value


def _optional_number(request: Mapping[str, Any], key: str) -> int | None:
    value = request.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f'"{key}" must be a whole number')
    return value


def _wait_s(request: Mapping[str, Any]) -> float:
    value = request.get("wait_s", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError('"wait_s" must be a number of seconds')
    return min(float(value), LONGEST_WAIT_S)
