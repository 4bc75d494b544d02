"""Tokens from the readers: which EVSE a presentation is meant for."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum

from agent.core.cable import may_take
from agent.core.session_state import TokenPresented
from agent.core.vocabulary import IdToken
from agent.services.evse import EvseService
from agent.services.lobby import Lobby
from hal.api import Fault, HardwareError, Presentation, TokenReader

RETRY_S = 1.0

log = logging.getLogger(__name__)


class TokenService:
    """Listens to every reader and hands each token to one EVSE."""

    def __init__(
        self, evses: Mapping[int, EvseService], lobby: Lobby, readers: Iterable[TokenReader]
    ) -> None:
        self._evses = evses
        self._lobby = lobby
        self._readers = tuple(readers)

    async def run(self) -> None:
        """Listen for ever; a reader that is lost is tried again."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers:
                tasks.create_task(self._listen(reader))

    async def _listen(self, reader: TokenReader) -> None:
        while True:
            try:
                async for presentation in reader.presentations():
                    self._note_reader(lost=False)
                    self.present(presentation)
            except HardwareError as error:
                log.warning("a token reader is lost: %s", error)
                self._note_reader(lost=True)
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
        several = best is _Rank.FREE and ranks.count(best) > 1
        chain = presentation.contract_chain
        if chain is None and (self._lobby.holds(token) or several):
            self._lobby.receive(token, presentation.evses)
        else:
            served[ranks.index(best)].post(TokenPresented(token, chain))

    def _note_reader(self, *, lost: bool) -> None:
        for evse in self._evses.values():
            evse.instrument_fault(Fault.READER_LOST, on=lost)


class _Rank(IntEnum):
    """How likely an EVSE is the one that a token is presented for.

    Where no token is judged comes last: where somebody else charges, a token of the same group or
    a master pass may stop.
    """

    HOLDS_IT = 0
    EV_WAITS = 1
    FREE = 2
    OTHER = 3
    JUDGES_NOBODY = 4


def _rank(evse: EvseService, token: IdToken) -> _Rank:
    state = evse.state
    if state.authorization is not None:
        return _Rank.HOLDS_IT if state.authorization.token.same_as(token) else _Rank.OTHER
    if state.cable_keeper is not None:
        return _Rank.HOLDS_IT if may_take(state.cable_keeper, token) else _Rank.OTHER
    concluded = state.transaction is not None and state.transaction.holder is not None
    if concluded or not state.snapshot.operative or state.snapshot.faulted:
        return _Rank.JUDGES_NOBODY
    return _Rank.EV_WAITS if state.snapshot.plugged_in else _Rank.FREE
