"""The strategy: each state by way of the one before, and broken after a failure."""

from typing import Any, cast

import pytest

from hil.strategy import State, Strategy, StrategyBroken


class Told:
    """A world that writes down what it is told, and fails at one word."""

    def __init__(self, fails_at: str = "") -> None:
        self.words: list[str] = []
        self.fails_at = fails_at
        self.csms = self.bench = self

    def __getattr__(self, word: str) -> Any:
        async def hear(*_: object) -> None:
            self.words.append(word)
            if word == self.fails_at:
                raise TimeoutError("nobody came")

        return hear


def strategy(world: Told) -> Strategy:
    return Strategy(cast("Any", world))


async def test_a_state_is_reached_by_way_of_those_before_it() -> None:
    world = Told()
    await strategy(world).reach(State.PLUGGED)
    assert world.words == ["power_up", "is_ready", "plug_in", "sees_status"]


async def test_what_was_reached_is_not_done_again() -> None:
    world = Told()
    leading = strategy(world)
    await leading.reach(State.ACCEPTED)
    await leading.reach(State.BOOTED)
    await leading.reach(State.CHARGING)
    assert world.words.count("power_up") == 1
    assert leading.state is State.CHARGING
    assert world.words[-4:] == ["swipe", "energy_flows", "sees_start", "sees_status"]


async def test_after_a_step_that_failed_every_later_one_says_why() -> None:
    leading = strategy(Told(fails_at="plug_in"))
    with pytest.raises(TimeoutError):
        await leading.reach(State.CHARGING)
    assert leading.state is State.ACCEPTED
    with pytest.raises(StrategyBroken, match="did not become PLUGGED: nobody came"):
        await leading.reach(State.PLUGGED)
