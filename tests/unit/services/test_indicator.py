"""A status light: what it shows, when, and that its failures are its own."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.core.indication import FAULT_INTENSITY_PERCENT, Indication, LightSettings
from agent.core.session_state import TokenPresented
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdTokenInfo
from agent.services.indicator import LOOK_S, PATTERNS, REFUSED, RETRY_S, StatusLight
from hal.api import Fault, HardwareLost, IndicatorColour, IndicatorPattern, PilotState
from tests.unit.services.evse_rig import TOKEN, Rig, running

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
        self.light, self.online, self.settings = Light(), True, LightSettings()
        self.status = StatusLight(
            rig.service, self.light, lambda: self.online, settings=lambda: self.settings
        )
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
        assert rig.service.light_trouble == (str(failure) or "it gives no answer within 2 s")
        assert caplog.text.count("the light of EVSE 1 fails") == 1
        assert rig.service.state.snapshot.energy_flows
        lit.light.failure = None
        await rig.until(lambda: lit.light.shown == [CHARGING], within_s=2 * RETRY_S)
        assert rig.service.light_trouble == ""
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


async def refuse(rig: Rig) -> None:
    async def no(_presented: object) -> tuple[IdTokenInfo, AuthorizedBy]:
        return IdTokenInfo(AuthorizationStatus.BLOCKED), AuthorizedBy.CSMS

    rig.judge = no  # type: ignore[method-assign, assignment]
    before = rig.service.refusal
    rig.service.post(TokenPresented(TOKEN))
    await rig.until(lambda: rig.service.refusal is not before)


async def test_a_light_follows_its_brightness_at_once_and_a_fault_is_always_seen() -> None:
    async with running() as rig:
        lit = Lit(rig)
        rig.shows(PilotState.A)
        await rig.until(lambda: lit.status.shown == AVAILABLE)
        for percent in (40, 0, 100):
            lit.settings = LightSettings(intensity_percent=percent)
            wanted = replace(AVAILABLE, intensity_percent=percent)
            await rig.until(lambda wanted=wanted: lit.light.shown[-1] == wanted, LOOK_S + 0.1)
        lit.settings = LightSettings(intensity_percent=0)
        rig.service.instrument_fault(Fault.METER_LOST, on=True)
        faulty = PATTERNS[Indication.FAULTED]
        dim = replace(faulty, intensity_percent=FAULT_INTENSITY_PERCENT)
        await rig.until(lambda: lit.light.shown[-1] == dim)
        await lit.stop()


async def test_a_refused_token_is_signalled_each_time_and_then_the_state_is_shown() -> None:
    async with running() as rig:
        lit = Lit(rig)
        lit.settings = LightSettings(intensity_percent=50, blink_repeat=4)
        free = replace(AVAILABLE, intensity_percent=50)
        signal = replace(REFUSED, intensity_percent=50, times=4)
        rig.shows(PilotState.A)
        await rig.until(lambda: lit.status.shown == free)
        for _ in range(2):
            await refuse(rig)
            await rig.until(lambda: lit.status.shown == signal)
            began_s = asyncio.get_running_loop().time()
            await rig.until(lambda: lit.status.shown == free)
            took_s = asyncio.get_running_loop().time() - began_s
            assert took_s == pytest.approx(4 * 0.4, abs=0.1)
        assert lit.light.shown == [free, signal, free, signal, free]
        await lit.stop()


@pytest.mark.parametrize("settings", [LightSettings(0, 3), LightSettings(100, 0)])
async def test_a_signal_that_nobody_wants_is_not_given(settings: LightSettings) -> None:
    async with running() as rig:
        lit = Lit(rig)
        lit.settings = settings
        rig.shows(PilotState.A)
        await rig.until(lambda: lit.light.shown)
        await refuse(rig)
        await asyncio.sleep(5)
        assert {pattern.times for pattern in lit.light.shown} == {None}
        await lit.stop()


async def test_a_signal_ends_when_there_is_something_else_to_say() -> None:
    async with running() as rig:
        lit = Lit(rig)
        lit.settings = LightSettings(blink_repeat=20)
        rig.shows(PilotState.A)
        await rig.until(lambda: lit.status.shown == AVAILABLE)
        await refuse(rig)
        await rig.until(lambda: lit.status.shown == replace(REFUSED, times=20))
        rig.shows(PilotState.B)
        await rig.until(lambda: lit.status.shown == PATTERNS[Indication.PREPARING], 0.5)
        await lit.stop()


@pytest.mark.parametrize(("percent", "times"), [(101, None), (-1, None), (100, 0), (100, -3)])
def test_a_pattern_that_no_light_can_show_is_refused(percent: int, times: int | None) -> None:
    with pytest.raises(ValueError, match="light"):
        replace(REFUSED, intensity_percent=percent, times=times)


def test_a_steady_light_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="steady 2 times"):
        replace(AVAILABLE, times=2)
