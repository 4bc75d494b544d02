"""Names that one side lacks: 1.6's connector numbers, and the CSMS's numbers of transactions."""

from collections.abc import Iterable

from agent.ports import TransactionNumbers

START_WAS_DROPPED = -1
"""Told instead of a number when the start was given up (S16-TXM-05)."""


class UnknownPlace(LookupError):
    """A stored event names an EVSE that the configuration no longer has."""


class StationDirectory:
    """1.6 numbers the connectors of all EVSEs in one row, from 1 and without gaps (S16-NUM-01)."""

    def __init__(self, places: Iterable[tuple[int, int]], numbers: TransactionNumbers) -> None:
        self._places = tuple(sorted(places))
        self._numbers = numbers

    def connector_of(self, evse: int, connector: int) -> int:
        """Return 1.6's connector number of an EVSE's connector; 0 is the station."""
        if evse == 0:
            return 0
        if (evse, connector) not in self._places:
            raise UnknownPlace(f"EVSE {evse} has no connector {connector} any more")
        return self._places.index((evse, connector)) + 1

    def place_of(self, connector: int) -> tuple[int, int] | None:
        """Return (EVSE, connector) of 1.6's connector number, None if there is none."""
        return self._places[connector - 1] if 0 < connector <= len(self._places) else None

    def connectors(self) -> tuple[int, ...]:
        """Return 1.6's connector numbers, without 0."""
        return tuple(range(1, len(self._places) + 1))

    def csms_transaction(self, transaction_id: str) -> int | None:
        """Return the CSMS's number of our transaction, None while it has not told one."""
        return self._numbers.number_of(transaction_id)

    def transaction_of(self, csms_id: int) -> str | None:
        """Return our transaction id for the CSMS's number."""
        return self._numbers.transaction_of(csms_id)
