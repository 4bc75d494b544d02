"""Keeps what the CSMS says of prices and costs, for whoever looks at the station."""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from agent.core.commands import ACCEPTED, Outcome
from agent.core.cost import CostTold, KeptCost, KeptPrice, PriceTold, TriggerWatch
from agent.core.documents import UnreadableDocument, read, written
from agent.core.vocabulary import IdToken
from agent.ports import Settings


class Numbered(Protocol):
    """Something that is kept; of too many the lowest numbers go."""

    @property
    def number(self) -> int: ...


K = TypeVar("K", bound=Numbered)
COSTS: Final = "cost"
PRICES: Final = "price"
MOST_KEPT: Final = 50
"""Transactions and tokens; the oldest are forgotten."""

log = logging.getLogger(__name__)


class Triggers(Protocol):
    """Who watches for when the CSMS wants meter values of a transaction."""

    on_change: Callable[[str, TriggerWatch | None], Awaitable[None]]

    def follow(self, told: CostTold) -> TriggerWatch | None:
        """Take the triggers of a running transaction; there are only those told last."""

    def resume(self, transaction_id: str, watch: TriggerWatch) -> None:
        """Go on after a restart."""

    async def run(self) -> None:
        """Watch for ever."""


class CostService:
    """Takes prices and costs; knows the latest of each token and transaction, after a restart too.

    Without `triggers` no meter values are told when the CSMS needs them. `on_price` hears of each
    price once it is kept.
    """

    def __init__(
        self,
        documents: Settings,
        triggers: Triggers | None = None,
        on_price: Callable[[IdToken], None] = lambda _token: None,
    ) -> None:
        self._documents = documents
        self._on_price = on_price
        self._triggers = triggers
        self._prices = _restored(documents, PRICES, KeptPrice)
        self._costs = _restored(documents, COSTS, KeptCost)
        numbers = {kept.number for kept in self._prices.values()}
        numbers |= {kept.number for kept in self._costs.values()}
        self._last_number = max(numbers, default=0)

    async def run(self) -> None:
        """Have the triggers watched."""
        if self._triggers is None:
            return
        self._triggers.on_change = self._watch_changed
        for transaction_id, kept in self._costs.items():
            if kept.watch is not None:
                self._triggers.resume(transaction_id, kept.watch)
        await self._triggers.run()

    async def price(self, told: PriceTold) -> Outcome:
        """Keep the price of a driver; it is on the disk before it is answered."""
        log.info("the CSMS told the price of a token: %s", told.text)
        kept = KeptPrice(self._next_number(), told.text, told.texts)
        await self._keep(PRICES, self._prices, _digest(told.token), kept)
        self._on_price(told.token)
        return ACCEPTED

    async def cost(self, told: CostTold) -> Outcome:
        """Keep a cost; a running one that comes after the final one changes nothing."""
        kind = "final" if told.is_final else "running"
        log.info("the %s cost of transaction %.50s is %s", kind, told.transaction_id, told.cost)
        before = self._costs.get(told.transaction_id)
        if before is None or told.is_final or not before.told.is_final:
            watch = None if self._triggers is None else self._triggers.follow(told)
            kept = KeptCost(self._next_number(), told, watch)
            await self._keep(COSTS, self._costs, told.transaction_id, kept)
        return ACCEPTED

    def price_of(self, token: IdToken) -> KeptPrice | None:
        """Return the price of a token's driver in words, None if it was not told."""
        return self._prices.get(_digest(token))

    def cost_of(self, transaction_id: str) -> CostTold | None:
        """Return the latest cost of a transaction, None if it was not told."""
        kept = self._costs.get(transaction_id)
        return None if kept is None else kept.told

    async def _watch_changed(self, transaction_id: str, watch: TriggerWatch | None) -> None:
        """Keep what has been passed, so that it is no news after a restart."""
        kept = self._costs.get(transaction_id)
        if kept is not None and kept.watch != watch:
            await self._keep(COSTS, self._costs, transaction_id, replace(kept, watch=watch))

    async def _keep(self, kind: str, kept: dict[str, K], key: str, value: K) -> None:
        kept[key] = value
        await self._documents.put(kind, key, json.dumps(written(value)))
        oldest = sorted(kept, key=lambda one: kept[one].number)[:-MOST_KEPT]
        for one in oldest:
            del kept[one]
            await self._documents.delete(kind, one)

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number


def _digest(token: IdToken) -> str:
    """Return what stands for a token: a price needs no list of drivers on the disk."""
    return hashlib.sha256(f"{token.type}\0{token.value.upper()}".encode()).hexdigest()


def _restored(documents: Settings, kind: str, of: type[K]) -> dict[str, K]:
    found: dict[str, K] = {}
    texts: Mapping[str, Any] = documents.items(kind)
    for key, text in texts.items():
        try:
            found[key] = read(of, json.loads(text))
        except (UnreadableDocument, ValueError) as error:
            log.error("a %s is forgotten: %s", kind, error)
    return found
