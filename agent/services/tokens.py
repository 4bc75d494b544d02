"""Tokens from the readers: which EVSE a presentation is meant for."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum

from agent.core.cable import may_take
from agent.core.reservation import FREE_FOR_ALL, Hold, claim_of, may_admit
from agent.core.session_state import SessionState, TokenPresented
from agent.core.vocabulary import IdToken
from agent.services.enrolment import EnrolmentService
from agent.services.evse import EvseService
from agent.services.lobby import Lobby
from agent.services.reader_watch import ReaderWatch
from hal.api import Fault, HardwareError, Presentation, TokenReader

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 4.0

log = logging.getLogger(__name__)


class TokenService:
    """Listens to every reader and hands each token to one EVSE, or to whoever enrols cards."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        lobby: Lobby,
        readers: Iterable[TokenReader],
        enrolment: EnrolmentService,
        watch: ReaderWatch,
    ) -> None:
        self._evses = evses
        self._lobby = lobby
        self._readers = tuple(readers)
        self._enrolment = enrolment
        self._watch = watch

    async def run(self) -> None:
        """Listen for ever; a reader that is lost is tried again, ever more rarely."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers:
                tasks.create_task(self._listen(reader))

    async def _listen(self, reader: TokenReader) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await reader.reach()
                self._found(reader)
                retry_s = FIRST_RETRY_S
                async for presentation in reader.presentations():
                    self.present(presentation)
            except HardwareError as error:
                self._lost(reader, str(error))
            except Exception as error:  # noqa: BLE001 - a bug in a driver is a lost reader as well
                self._lost(reader, f"its driver failed with {type(error).__name__}", error)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def present(self, presentation: Presentation) -> None:
        """Hand a token to the EVSE that it most likely is meant for, once that can be told."""
        token = IdToken(presentation.token, presentation.token_type)
        served = [self._evses[n] for n in presentation.evses if n in self._evses]
        if not served:
            log.warning("a token was presented for EVSEs that do not exist")
            return
        self._watch.presented(presentation)
        ranks = [_rank(evse, token) for evse in served]
        best = min(ranks)
        # Whoever charges here wants to stop, also while somebody enrols cards.
        charges = best[0] is _Rank.HOLDS_IT or self._lobby.holds(token)
        if not charges and self._enrolment.takes(presentation):
            return
        several = best in _UNDECIDED and ranks.count(best) > 1
        chain = presentation.contract_chain
        if chain is None and (self._lobby.holds(token) or several):
            self._lobby.receive(token, presentation.evses)
        else:
            served[ranks.index(best)].post(TokenPresented(token, chain))

    def _found(self, reader: TokenReader) -> None:
        if any(state.loss for state in self._watch.states if state.evses == reader.evses):
            log.info("the token reader is back")
        if self._watch.found(reader):
            self._note(reader, "")

    def _lost(self, reader: TokenReader, reason: str, bug: Exception | None = None) -> None:
        if self._watch.lost(reader, reason):
            log.warning("a token reader is lost: %s", reason, exc_info=bug)
        self._note(reader, reason)

    def _note(self, reader: TokenReader, loss: str) -> None:
        for number in reader.evses:
            if number in self._evses:
                fault = self._evses[number].instrument_fault
                fault(Fault.READER_LOST, on=bool(loss), sentence=loss)


class _Rank(IntEnum):
    """How likely an EVSE is the one that a token is presented for.

    Where no token is judged comes last: where somebody else charges, a token of the same group or
    a master pass may stop.
    """

    HOLDS_IT = 0
    RESERVED_FOR_IT = 1
    EV_WAITS = 2
    EV_WAITS_AT_RESERVED = 3
    FREE = 4
    PERHAPS_RESERVED_FOR_IT = 5
    OTHER = 6
    JUDGES_NOBODY = 7


_UNDECIDED = ((_Rank.RESERVED_FOR_IT, True), (_Rank.FREE, True))
"""Ranks that say nothing as long as no EV is plugged in, where several EVSEs have them."""


def _rank(evse: EvseService, token: IdToken) -> tuple[_Rank, bool]:
    """Rank an EVSE; of equals the one where an EV waits is meant."""
    unplugged = not evse.state.snapshot.plugged_in
    return _rank_of(evse.state, token, unplugged=unplugged), unplugged


def _rank_of(state: SessionState, token: IdToken, *, unplugged: bool) -> _Rank:
    if state.authorization is not None:
        return _Rank.HOLDS_IT if state.authorization.token.same_as(token) else _Rank.OTHER
    if state.cable_keeper is not None:
        return _Rank.HOLDS_IT if may_take(state.cable_keeper, token) else _Rank.OTHER
    concluded = state.transaction is not None and state.transaction.holder is not None
    if concluded or not state.snapshot.operative or state.snapshot.faulted:
        return _Rank.JUDGES_NOBODY
    return _rank_of_usable(state.hold or FREE_FOR_ALL, token, unplugged=unplugged)


def _rank_of_usable(hold: Hold, token: IdToken, *, unplugged: bool) -> _Rank:
    """Rank by reservations; one for a group may be meant, as the token's is not known yet."""
    if not hold.held:
        return _Rank.FREE if unplugged else _Rank.EV_WAITS
    if claim_of(hold.claims, token, None) is not None:
        return _Rank.RESERVED_FOR_IT
    if not may_admit(hold, token):
        return _Rank.JUDGES_NOBODY
    return _Rank.PERHAPS_RESERVED_FOR_IT if unplugged else _Rank.EV_WAITS_AT_RESERVED
