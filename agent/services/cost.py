"""Keeps what the CSMS says of prices and costs, for whoever looks at the station."""

import logging
from collections import OrderedDict
from typing import Final, TypeVar

from agent.core.commands import ACCEPTED, Outcome
from agent.core.cost import CostTold, PriceTold
from agent.core.vocabulary import IdToken
from agent.services.cost_triggers import CostTriggers

K = TypeVar("K")
V = TypeVar("V")
MOST_KEPT: Final = 50
"""Transactions and tokens; the oldest are forgotten."""

log = logging.getLogger(__name__)


class CostService:
    """Takes prices and costs; knows the latest of each token and transaction.

    Without `triggers` no meter values are told when the CSMS needs them.
    """

    def __init__(self, triggers: CostTriggers | None = None) -> None:
        self._triggers = triggers
        self._prices: OrderedDict[IdToken, str] = OrderedDict()
        self._costs: OrderedDict[str, CostTold] = OrderedDict()

    async def run(self) -> None:
        """Have the triggers watched."""
        if self._triggers is not None:
            await self._triggers.run()

    def price(self, told: PriceTold) -> Outcome:
        """Keep the price of a driver."""
        _keep(self._prices, told.token, told.text)
        log.info("the CSMS told the price of a token: %s", told.text)
        return ACCEPTED

    def cost(self, told: CostTold) -> Outcome:
        """Keep a cost; a running one that comes after the final one changes nothing."""
        before = self._costs.get(told.transaction_id)
        if before is None or told.is_final or not before.is_final:
            _keep(self._costs, told.transaction_id, told)
            if self._triggers is not None:
                self._triggers.follow(told)
        kind = "final" if told.is_final else "running"
        log.info("the %s cost of transaction %.50s is %s", kind, told.transaction_id, told.cost)
        return ACCEPTED

    def price_of(self, token: IdToken) -> str | None:
        """Return the price of a token's driver in words, None if it was not told."""
        return self._prices.get(token)

    def cost_of(self, transaction_id: str) -> CostTold | None:
        """Return the latest cost of a transaction, None if it was not told."""
        return self._costs.get(transaction_id)


def _keep(kept: "OrderedDict[K, V]", key: K, value: V) -> None:
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
