"""News that goes out page by page: the next one leaves when the CSMS has the one before it."""

import asyncio

from agent.core.events import DomainEvent
from agent.ports import CsmsLink, CsmsUnavailable

PATIENCE_S = 300.0
"""A page that could not be told for so long ends its report; nobody waits for it any more."""
AGAIN_S = 2.0


async def deliver(csms: CsmsLink, page: DomainEvent) -> None:
    """Return when the CSMS has the page; raises CsmsRefused, TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await csms.wait_up()
            try:
                await csms.ask(page, asked_for=True)
            except CsmsUnavailable:
                await asyncio.sleep(AGAIN_S)
            else:
                return
