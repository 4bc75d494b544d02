"""The check of all hardware: simulated boards pass, and trouble is told instead of raised."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hal import checkup, instrument_check, registry
from hal.api import (
    HardwareLost,
    IndicatorColour,
    IndicatorPattern,
    Presentation,
)

LINE = {"chip": "no-such-chip", "line": 1}
PILOT = {
    "backend": "gpio",
    "pwm": {"device": "none.pwm"},
    "adc": {
        "kind": "iio",
        "device": "no-such-converter",
        "channel": 0,
        "calibration": [[0, -12], [1, 12]],
    },
}
NOWHERE = {
    1: {
        "pilot": PILOT,
        "contactor": {"backend": "gpio", "coil": LINE, "mirror": LINE | {"line": 2}},
    }
}


def test_lines_that_cannot_be_had_are_all_told_and_no_board_is_opened(tmp_path: Path) -> None:
    found = list(checkup.check_lines(NOWHERE, tmp_path))
    wrong = [each.device for each in found if not each.ok]
    assert wrong[:4] == ["pilot.pwm", "pilot.adc", "contactor.coil", "contactor.mirror"]
    assert found[-1].device == "arming"


def test_a_table_that_is_wrong_is_told(tmp_path: Path) -> None:
    (finding,) = checkup.check_lines({1: {"pilot": {"backend": "steam"}}}, tmp_path)
    assert not finding.ok
    assert "'steam'" in finding.message


def test_a_kernel_that_keeps_outputs_is_told_beside_the_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._ARMINGS, "real", lambda _: ("EVSE 1: outputs stay",))
    found = list(checkup.check_lines(NOWHERE, tmp_path))
    assert (found[-1].device, found[-1].ok, found[-1].message) == (
        "arming",
        False,
        "EVSE 1: outputs stay",
    )


async def test_an_instrument_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    tables = {1: {"meter": {"backend": "steam"}}}
    found = [each async for each in checkup.check_instruments(tables, tmp_path)]
    assert [each.device for each in found] == ["meter"]
    assert not found[0].ok


# --- instruments by themselves


class Silent:
    """A reader before which nobody holds a card, or that is gone."""

    def __init__(self, *presented: Presentation | Exception, ends: bool = False) -> None:
        self.presented, self.ends, self.closed = presented, ends, False

    async def presentations(self) -> AsyncIterator[Presentation]:
        for each in self.presented:
            if isinstance(each, Exception):
                raise each
            yield each
        if not self.ends:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("reader", "ok", "message"),
    [
        (Silent(), True, "waits for a card"),
        (Silent(Presentation("DEADBEEF", "ISO14443", (1,))), True, "a card of type ISO14443"),
        (Silent(HardwareLost("the port is gone")), False, "the port is gone"),
        (Silent(ends=True), False, "ends by itself"),
    ],
)
async def test_a_reader_is_listened_to_for_a_moment(
    reader: Silent, ok: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instrument_check, "LISTEN_S", 0.01)
    finding = await instrument_check.check_reader(1, reader)
    assert finding.ok is ok
    assert message in finding.message
    assert "DEADBEEF" not in finding.message
    assert reader.closed


class Light:
    def __init__(self) -> None:
        self.shown: list[IndicatorColour] = []

    async def show(self, pattern: IndicatorPattern) -> None:
        self.shown.append(pattern.colour)

    async def close(self) -> None:
        self.shown.append(IndicatorColour.OFF)


async def test_a_light_shows_all_its_colours_and_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrument_check, "SHOWN_S", 0.0)
    light = Light()
    assert (await instrument_check.check_indicator(1, light)).ok
    assert set(light.shown) == set(IndicatorColour)
    assert light.shown[-1] is IndicatorColour.OFF


class Deaf:
    async def read_celsius(self) -> float:
        await asyncio.Event().wait()
        return 0.0

    async def close(self) -> None: ...


async def test_an_instrument_that_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrument_check, "ANSWER_LIMIT_S", 0.01)
    finding = await instrument_check.check_temperature(1, Deaf())
    assert not finding.ok
    assert "does not answer within 0.01 s" in finding.message


class Relay:
    def __init__(self, *, on: bool | None) -> None:
        self.on, self.closed = on, False

    async def is_on(self) -> bool:
        if self.on is None:
            raise HardwareLost("its wires are torn")
        return self.on

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("on", "ok", "words"),
    [(True, True, "is on now"), (False, True, "is off now"), (None, False, "torn")],
)
async def test_a_relay_is_read_back_for_the_station(
    on: bool | None, ok: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(on=on)
    monkeypatch.setitem(registry._RELAYS, "mock", lambda *_: relay)
    tables = {"grid.k1": {"backend": "mock"}}
    (finding,) = [each async for each in checkup.check_relays(tables, tmp_path)]
    assert (finding.evse, finding.device, finding.ok) == (None, "relay grid.k1", ok)
    assert words in finding.message
    assert relay.closed


async def test_a_relay_that_this_machine_lacks_is_told(tmp_path: Path) -> None:
    for table, words in (
        ({"backend": "keys", "device": "no-such-device", "key": 704}, "no such input device"),
        ({"backend": "steam"}, "'steam'"),
    ):
        (finding,) = [each async for each in checkup.check_relays({"grid.k1": table}, tmp_path)]
        assert not finding.ok
        assert words in finding.message
