"""Who was let in waits for their price: until it comes, or for as long as it may take."""

import asyncio
from collections.abc import Callable

import pytest

from agent.core.vocabulary import IdToken
from agent.services.price_wait import PriceWait

CARD = IdToken("04A2B3C4")
ANOTHER = IdToken("04FFFFFF")


async def waited_s(prices: PriceWait, during: Callable[[], None], at_s: float = 2) -> float:
    """Return how long a wait takes while something happens in it."""
    loop = asyncio.get_running_loop()
    with prices.listening(CARD) as price_comes:
        loop.call_later(at_s, during)
        begun_s = loop.time()
        await price_comes()
        return loop.time() - begun_s


async def test_a_wait_ends_with_the_price_of_its_own_token_in_any_spelling() -> None:
    prices = PriceWait(lambda: 5)
    lower = IdToken(CARD.value.lower())
    assert await waited_s(prices, lambda: prices.told(lower)) == pytest.approx(2)
    assert await waited_s(prices, lambda: prices.told(ANOTHER)) == pytest.approx(5)


async def test_a_price_that_came_after_the_listening_began_is_not_waited_for() -> None:
    prices = PriceWait(lambda: 5)
    with prices.listening(CARD) as price_comes:
        prices.told(CARD)
        await asyncio.wait_for(price_comes(), 0.1)


async def test_a_price_of_earlier_does_not_count() -> None:
    prices = PriceWait(lambda: 5)
    prices.told(CARD)
    assert await waited_s(prices, lambda: None) == pytest.approx(5)


async def test_where_it_may_take_no_time_nobody_waits() -> None:
    assert await waited_s(PriceWait(lambda: 0), lambda: None) == 0


async def test_several_wait_for_the_same_price() -> None:
    prices = PriceWait(lambda: 5)
    both = asyncio.gather(
        waited_s(prices, lambda: prices.told(CARD)), waited_s(prices, lambda: None)
    )
    assert await both == pytest.approx([2, 2])
