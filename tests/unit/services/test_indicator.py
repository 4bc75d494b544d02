"""A status light: what it shows, when, and that its failures are its own."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import pytest

from agent.core.indication import Indication
from agent.services.indicator import PATTERNS, RETRY_S, StatusLight
from hal.api import HardwareLost, IndicatorColour, IndicatorPattern, PilotState
from tests.unit.services.evse_rig import Rig, running

AVAILABLE, CHARGING = PATTERNS[Indication.AVAILABLE], PATTERNS[Indication.CHARGING]


class Light:
    def __init__(self) -> None:
        self.shown: list[IndicatorPattern] = []
        self.attempts = 0
        self.failure: BaseException | None = None
        self.hangs = False

    async def show(self, pattern: IndicatorPattern) -> None:
        self.attempts += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.failure is not None:
            raise self.failure
        self.shown.append(pattern)

    async def close(self) -> None:
        return None


class Lit:
    """A status light at the rig's EVSE."""

    def __init__(self, rig: Rig) -> None:
        self.light, self.online = Light(), True
        self.status = StatusLight(rig.service, self.light, lambda: self.online)
        self._task = asyncio.create_task(self.status.run())

    async def stop(self) -> None:
        assert not self._task.done(), "the light ended by itself"
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def test_every_indication_has_a_pattern_of_its_own() -> None:
    assert set(PATTERNS) == set(Indication)
    assert len(set(PATTERNS.values())) == len(PATTERNS)
    red = {i for i, p in PATTERNS.items() if p.colour is IndicatorColour.RED}
    assert red == {Indication.FAULTED, Indication.UNAVAILABLE}


async def test_a_light_shows_each_state_once() -> None:
    async with running() as rig:
        lit = Lit(rig)
        await rig.charges()
        await rig.until(lambda: lit.status.shown == CHARGING)
        await asyncio.sleep(10)
        shown = lit.light.shown
        assert shown[0] == AVAILABLE
        assert shown[-1] == CHARGING
        assert all(before != after for before, after in pairwise(shown))
        await lit.stop()


async def test_a_lost_connection_is_shown_though_no_evse_tells_it() -> None:
    async with running() as rig:
        lit = Lit(rig)
        rig.shows(PilotState.A)
        await rig.until(lambda: lit.light.shown == [AVAILABLE])
        lit.online = False
        await rig.until(lambda: lit.light.shown[-1] == PATTERNS[Indication.OFFLINE])
        await lit.stop()


@pytest.mark.parametrize("failure", [HardwareLost("no such LED: green"), ZeroDivisionError()])
async def test_a_light_that_fails_is_tried_again_and_said_once(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as rig:
        lit = Lit(rig)
        lit.light.failure = failure
        await rig.charges()
        await asyncio.sleep(5 * RETRY_S)
        assert 3 < lit.light.attempts < 20
        assert lit.status.shown is None
        assert lit.status.trouble == (str(failure) or "it gives no answer within 2 s")
        assert caplog.text.count("the light of EVSE 1 fails") == 1
        assert rig.service.state.snapshot.energy_flows
        lit.light.failure = None
        await rig.until(lambda: lit.light.shown == [CHARGING], within_s=2 * RETRY_S)
        assert lit.status.trouble == ""
        await lit.stop()


async def test_a_light_that_hangs_holds_up_nobody() -> None:
    async with running() as rig:
        lit = Lit(rig)
        lit.light.hangs = True
        await rig.charges()
        await asyncio.sleep(60)
        assert lit.light.attempts > 1
        assert rig.service.state.snapshot.energy_flows
        await lit.stop()
