"""Answers GetTransactionStatus: whether it runs, and whether anything is still to be told (E14)."""

from collections.abc import Callable, Iterable

from agent.core.session_state import SessionState
from agent.core.transaction_status import GetTransactionStatus, TransactionStatus
from agent.ports import EventQueue


class TransactionStatusService:
    """Looks at the sessions as committed and at the queue; `kept` returns those sessions."""

    def __init__(self, kept: Callable[[], Iterable[SessionState]], queue: EventQueue) -> None:
        self._kept = kept
        self._queue = queue

    async def status(self, command: GetTransactionStatus) -> TransactionStatus:
        """Return the status; an unknown id has ended and left nothing to tell (E14.FR.01).

        The sessions come first: an Ended event that is stored meanwhile is then found in the
        queue, so that a transaction never looks finished and fully told before it is.
        """
        asked = command.transaction_id
        running = {s.transaction.id for s in self._kept() if s.transaction is not None}
        return TransactionStatus(
            messages_in_queue=await self._queue.holds_transaction(asked),
            ongoing=None if asked is None else asked in running,
        )
