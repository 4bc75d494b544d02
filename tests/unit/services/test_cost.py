"""Prices and costs as they are kept: bounded, the latest ones, and readable after damage."""

import json
from decimal import Decimal

from agent.core.cost import CostTold, PriceTold
from agent.core.vocabulary import IdToken
from agent.services.cost import COSTS, MOST_KEPT, PRICES, CostService
from tests.papers import Papers


async def test_the_oldest_are_forgotten_in_the_order_in_which_they_were_told_over_restarts() -> (
    None
):
    papers = Papers()
    for number in range(MOST_KEPT + 5):
        service = CostService(papers)
        await service.cost(CostTold(transaction_id=f"T{number}", cost=Decimal(number)))
        await service.cost(CostTold(transaction_id="T0", cost=Decimal("0.10")))
        await service.price(PriceTold(IdToken(f"CARD{number}", "ISO14443"), f"price {number}"))
    service = CostService(papers)
    assert len(papers.items(COSTS)) == len(papers.items(PRICES)) == MOST_KEPT
    kept = service.cost_of("T0")
    assert kept is not None
    assert str(kept.cost) == "0.10"
    assert service.cost_of("T1") is None
    assert service.price_of(IdToken("CARD4", "ISO14443")) is None
    last = service.price_of(IdToken("card54", "ISO14443"))
    assert last is not None
    assert last.text == "price 54"
    assert service.price_of(IdToken("CARD54", "KeyCode")) is None


async def test_a_damaged_document_costs_nothing_but_itself() -> None:
    papers = Papers()
    service = CostService(papers)
    await service.cost(CostTold(transaction_id="T1", cost=Decimal(1)))
    await papers.put(COSTS, "T2", "{")
    await papers.put(COSTS, "T3", json.dumps({"number": "x"}))
    again = CostService(papers)
    assert again.cost_of("T1") is not None
    assert again.cost_of("T2") is None
    assert again.cost_of("T3") is None
