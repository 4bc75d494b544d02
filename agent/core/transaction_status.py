"""What the CSMS may ask about a transaction, and the answer (E14)."""

from agent.core.records import dataclass


@dataclass(frozen=True, slots=True)
class GetTransactionStatus:
    """GetTransactionStatus (E14); no id asks about the messages of all transactions."""

    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """`ongoing` is None where no transaction was asked about (E14.FR.06)."""

    messages_in_queue: bool
    ongoing: bool | None = None
