"""Tokens from the readers: which EVSE a presentation is meant for."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum

from agent.core.cable import may_take
from agent.core.reservation import FREE_FOR_ALL, Hold, claim_of, may_admit
from agent.core.session_state import SessionState, TokenPresented
from agent.core.vocabulary import IdToken
from agent.services.evse import EvseService
from agent.services.lobby import Lobby
from hal.api import Fault, HardwareError, Presentation, TokenReader

RETRY_S = 1.0
STEADY_S = 3.0
"""A reader that was lost is back once it has listened so long, or has read a token."""

log = logging.getLogger(__name__)


class TokenService:
    """Listens to every reader and hands each token to one EVSE.

    `readers` come with the EVSEs that they serve.
    """

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        lobby: Lobby,
        readers: Iterable[tuple[TokenReader, Iterable[int]]],
    ) -> None:
        self._evses = evses
        self._lobby = lobby
        self._readers = tuple(readers)

    async def run(self) -> None:
        """Listen for ever; a reader that is lost is tried again."""
        async with asyncio.TaskGroup() as tasks:
            for reader, served in self._readers:
                evses = [self._evses[number] for number in served if number in self._evses]
                tasks.create_task(self._listen(reader, _ReaderTrouble(evses)))

    async def _listen(self, reader: TokenReader, trouble: "_ReaderTrouble") -> None:
        loop = asyncio.get_running_loop()
        while True:
            steady = loop.call_later(STEADY_S, trouble.over)
            try:
                async for presentation in reader.presentations():
                    trouble.over()
                    self.present(presentation)
            except Exception as error:  # noqa: BLE001 - a bug in a driver is a lost reader as well
                trouble.begins(error)
            finally:
                steady.cancel()
            await asyncio.sleep(RETRY_S)

    def present(self, presentation: Presentation) -> None:
        """Hand a token to the EVSE that it most likely is meant for, once that can be told."""
        token = IdToken(presentation.token, presentation.token_type)
        served = [self._evses[n] for n in presentation.evses if n in self._evses]
        if not served:
            log.warning("a token was presented for EVSEs that do not exist")
            return
        ranks = [_rank(evse, token) for evse in served]
        best = min(ranks)
        several = best in _UNDECIDED and ranks.count(best) > 1
        chain = presentation.contract_chain
        if chain is None and (self._lobby.holds(token) or several):
            self._lobby.receive(token, presentation.evses)
        else:
            served[ranks.index(best)].post(TokenPresented(token, chain))


class _ReaderTrouble:
    """Whether one reader is lost, told to the EVSEs that it serves, and once to the log."""

    def __init__(self, evses: Iterable[EvseService]) -> None:
        self._evses = tuple(evses)
        self._sentence = ""

    def begins(self, error: Exception) -> None:
        """Take note that the reader does not work, in its driver's words."""
        known = isinstance(error, HardwareError)
        sentence = str(error) if known else f"its driver failed with {type(error).__name__}"
        if sentence != self._sentence:
            log.warning("a token reader is lost: %s", sentence, exc_info=None if known else error)
        self._sentence = sentence
        for evse in self._evses:
            evse.instrument_fault(Fault.READER_LOST, on=True, sentence=sentence)

    def over(self) -> None:
        """Take note that the reader works."""
        if self._sentence:
            log.info("the token reader is back")
        self._sentence = ""
        for evse in self._evses:
            evse.instrument_fault(Fault.READER_LOST, on=False)


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
