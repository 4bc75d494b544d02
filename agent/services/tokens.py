"""Tokens from the readers: which EVSE a presentation is meant for."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from agent.core.cable import may_take
from agent.core.session_state import TokenPresented
from agent.core.vocabulary import IdToken
from agent.services.evse import EvseService
from hal.api import Fault, HardwareError, Presentation, TokenReader

RETRY_S = 1.0

log = logging.getLogger(__name__)


class TokenService:
    """Listens to every reader and hands each token to one EVSE."""

    def __init__(self, evses: Mapping[int, EvseService], readers: Iterable[TokenReader]) -> None:
        self._evses = evses
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
        """Hand a token to the EVSE that it most likely is meant for."""
        token = IdToken(presentation.token, presentation.token_type)
        served = [self._evses[n] for n in presentation.evses if n in self._evses]
        if not served:
            log.warning("a token was presented for EVSEs that do not exist")
            return
        min(served, key=lambda evse: _rank(evse, token)).post(TokenPresented(token))

    def _note_reader(self, *, lost: bool) -> None:
        for evse in self._evses.values():
            evse.instrument_fault(Fault.READER_LOST, on=lost)


def _rank(evse: EvseService, token: IdToken) -> int:
    """Rank EVSEs: where the token charges, where an EV waits, where it is free, others."""
    state = evse.state
    if state.authorization is not None and state.authorization.token.same_as(token):
        return 0
    if state.cable_keeper is not None:
        return 0 if may_take(state.cable_keeper, token) else 3
    usable = state.snapshot.operative and not state.snapshot.faulted
    if state.authorization is not None or not usable:
        return 3
    return 1 if state.snapshot.plugged_in else 2
