"""Transactions that a CALL of the CSMS names by the number that it gave them."""

from agent.ocpp.codec import CodecContext
from agent.ocpp.directory import START_WAS_DROPPED


class UnknownTransaction(ValueError):
    """The CSMS gave this number to no transaction of this station: refuse the CALL."""


def transaction_id_of(number: int, context: CodecContext) -> str:
    """Return our id of the CSMS's number, 0 being a number like any other.

    Raises `UnknownTransaction`, also for the number that stands for every dropped start.
    """
    known = None if number == START_WAS_DROPPED else context.directory.transaction_of(number)
    if known is None:
        raise UnknownTransaction(f"transaction {number} is not known here")
    return known
