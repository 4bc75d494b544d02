"""Enrolling cards at the station: the next card before a reader is not judged but learnt.

Whoever enrols asks again and again, and permission lasts little longer than a question: a command
that was broken off leaves no reader that enrols whoever comes next.
"""

import asyncio
from collections.abc import Callable

from agent.core.learnt_cards import Enrolment, EnrolmentOutcome
from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.core.vocabulary import IdToken
from agent.ports import StorageRefused
from agent.services.learnt_cards import LearntCardsService
from hal.api import Presentation

LEASE_S = 3.0
LONGEST_WAIT_S = 5.0
MOST_WAITING = 8


class EnrolmentRefused(Exception):
    """Cards cannot be enrolled or removed now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class EnrolmentOrder:
    """Wait for a card for up to `wait_s`; `session` is who asks, `evse` None is any reader."""

    session: str
    wait_s: float
    evse: int | None = None
    removes: bool = False


@dataclass(frozen=True, slots=True)
class EnrolledCard:
    """A card that was held before a reader, and what came of it."""

    token: IdToken
    evses: tuple[int, ...]
    outcome: EnrolmentOutcome


class EnrolmentService:
    """Lets one session at a time enrol or remove cards.

    `served` are the EVSEs that have a reader.
    """

    def __init__(
        self,
        cards: LearntCardsService,
        served: frozenset[int],
        tell: Callable[[SecurityEventKind, str], None],
        now_s: Callable[[], float],
    ) -> None:
        self._cards = cards
        self._served = served
        self._tell = tell
        self._now_s = now_s
        self._order: EnrolmentOrder | None = None
        self._until_s = 0.0
        self._held: asyncio.Queue[Presentation] = asyncio.Queue(MOST_WAITING)

    def takes(self, presentation: Presentation) -> bool:
        """Take a card that would be judged otherwise, if somebody is enrolling at its reader."""
        order = self._order
        if order is None or self._now_s() >= self._until_s:
            return False
        if presentation.contract_chain is not None:
            return False
        if order.evse is not None and order.evse not in presentation.evses:
            return False
        if not self._held.full():
            self._held.put_nowait(presentation)
        return True

    async def next_card(self, order: EnrolmentOrder) -> EnrolledCard | None:
        """Deal with the next card, None if none came in time; raises `EnrolmentRefused`."""
        self._begin(order)
        try:
            async with asyncio.timeout(order.wait_s):
                presentation = await self._held.get()
        except TimeoutError:
            return None
        finally:
            self._until_s = self._now_s() + LEASE_S
        token = IdToken(presentation.token, presentation.token_type)
        outcome = await self._carry_out(order, token, is_random=presentation.is_random)
        return EnrolledCard(token, presentation.evses, outcome)

    def end(self, session: str) -> None:
        """Judge cards again from now on."""
        if self._order is not None and self._order.session == session:
            self._order = None

    async def forget(self, value: str) -> int:
        """Remove the enrolled cards with this value, however it is written; return how many.

        For cards that are lost. Raises `EnrolmentRefused`.
        """
        found = [
            card.token
            for card in self._cards.cards()
            if card.token.value.casefold() == value.casefold()
        ]
        order = EnrolmentOrder("", 0.0, removes=True)
        for token in found:
            await self._carry_out(order, token, is_random=False)
        return len(found)

    def _begin(self, order: EnrolmentOrder) -> None:
        if not order.removes and not self._cards.enabled:
            raise EnrolmentRefused(
                "the local authorization list is switched off, so no enrolled card would be let in:"
                " set LocalAuthListCtrlr.Enabled (LocalAuthListEnabled in 1.6) to true at the CSMS,"
                " or under [variables] if the CSMS has never set it"
            )
        if not self._served:
            raise EnrolmentRefused("no EVSE has a token reader: configure one under [[evse]]")
        if order.evse is not None and order.evse not in self._served:
            known = ", ".join(map(str, sorted(self._served)))
            raise EnrolmentRefused(f"EVSE {order.evse} has no token reader; EVSE {known} has one")
        other = self._order is not None and self._order.session != order.session
        if other and self._now_s() < self._until_s:
            raise EnrolmentRefused("somebody else is enrolling cards: wait until that has ended")
        if self._order is None or other:
            self._held = asyncio.Queue(MOST_WAITING)
        self._order = order
        self._until_s = self._now_s() + order.wait_s + LEASE_S

    async def _carry_out(
        self, order: EnrolmentOrder, token: IdToken, *, is_random: bool
    ) -> EnrolmentOutcome:
        try:
            if order.removes:
                outcome = await self._cards.forget(token)
            else:
                outcome = await self._cards.learn(token, is_random=is_random)
        except StorageRefused as error:
            raise EnrolmentRefused(
                f"the storage refuses to keep it ({error}): look at the log, make room or mend it"
            ) from error
        if outcome.enrolment in (Enrolment.LEARNT, Enrolment.REMOVED):
            what = "enrolled" if outcome.enrolment is Enrolment.LEARNT else "removed"
            info = f"a card was {what} at the station; {len(self._cards)} are enrolled"
            self._tell(SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS, info)
        return outcome
