"""The status light: colours as the LEDs allow, rhythms by the kernel's triggers."""

from errno import EINVAL
from pathlib import Path

import pytest

from hal import registry
from hal.api import HardwareLost, IndicatorColour, IndicatorPattern, IndicatorRhythm
from hal.sysfs.leds import LightPlace, SysfsLight, level_of, lit_leds, problems
from tests.unit.hal.fake_sysfs import SYS, FakeSysfs, Node, refusal

RED, GREEN, BLUE = "stationd:red:1", "stationd:green:1", "stationd:blue:1"
ALL = ("none", "timer", "oneshot", "pattern")


class FakeLed:
    """One LED as the kernel's LED class shows it; files of a trigger come and go with it."""

    def __init__(
        self,
        sysfs: FakeSysfs,
        name: str,
        triggers: tuple[str, ...] = ALL,
        *,
        mixed: bool = False,
        highest: int = 255,
    ) -> None:
        self.sysfs, self.folder, self.triggers = sysfs, SYS / "class" / "leds" / name, triggers
        self.trigger = "none"
        self.brightness = 0
        self.values: dict[str, str] = {}
        sysfs.text(self.folder / "max_brightness", str(highest))
        sysfs.add(self.folder / "brightness", Node(lambda: str(self.brightness), self._brightness))
        sysfs.add(self.folder / "trigger", Node(self._shown, self._trigger))
        if mixed:
            sysfs.text(self.folder / "multi_index", "red green blue")
            self._value("multi_intensity", "0 0 0")

    def _shown(self) -> str:
        return " ".join(f"[{each}]" if each == self.trigger else each for each in self.triggers)

    def _brightness(self, text: str) -> None:
        self.brightness = int(text)
        if not self.brightness:
            self._trigger("none")

    def _trigger(self, text: str) -> None:
        if text not in self.triggers:
            raise refusal(EINVAL, self.folder / "trigger")
        for key in ("delay_on", "delay_off", "pattern", "repeat"):
            self.sysfs.remove(self.folder / key)
        self.trigger = text
        for key in {"timer": ("delay_on", "delay_off"), "pattern": ("pattern", "repeat")}.get(
            text, ()
        ):
            self._value(key, "500")

    def _value(self, key: str, text: str) -> None:
        self.values[key] = text
        self.sysfs.add(
            self.folder / key,
            Node(lambda: self.values[key], lambda text: self.values.__setitem__(key, text)),
        )


@pytest.fixture
def sysfs() -> FakeSysfs:
    return FakeSysfs()


def separate(sysfs: FakeSysfs) -> tuple[SysfsLight, dict[str, FakeLed]]:
    leds = {name: FakeLed(sysfs, name) for name in (RED, GREEN, BLUE)}
    place = LightPlace({"red": RED, "green": GREEN, "blue": BLUE})
    return SysfsLight(place, sysfs), leds


@pytest.mark.parametrize(
    ("colour", "lit"),
    [
        (IndicatorColour.OFF, set()),
        (IndicatorColour.RED, {RED}),
        (IndicatorColour.GREEN, {GREEN}),
        (IndicatorColour.BLUE, {BLUE}),
        (IndicatorColour.YELLOW, {RED, GREEN}),
        (IndicatorColour.WHITE, {RED, GREEN, BLUE}),
    ],
)
async def test_colours_are_mixed_from_the_leds(
    sysfs: FakeSysfs, colour: IndicatorColour, lit: set[str]
) -> None:
    light, leds = separate(sysfs)
    await light.show(IndicatorPattern(IndicatorColour.WHITE))
    await light.show(IndicatorPattern(colour))
    assert {name for name, led in leds.items() if led.brightness} == lit


@pytest.mark.parametrize(
    ("has", "colour", "nearest"),
    [
        ({"red", "green"}, IndicatorColour.BLUE, ("green",)),
        ({"red", "green"}, IndicatorColour.WHITE, ("red", "green")),
        ({"white"}, IndicatorColour.YELLOW, ("white",)),
        ({"red"}, IndicatorColour.GREEN, ("red",)),
        ({"blue"}, IndicatorColour.RED, ("blue",)),
        ({"red"}, IndicatorColour.OFF, ()),
    ],
)
def test_a_light_that_lacks_a_colour_shows_its_nearest(
    has: set[str], colour: IndicatorColour, nearest: tuple[str, ...]
) -> None:
    assert lit_leds(colour, {each: each for each in has}) == nearest


def test_every_light_shows_something_for_every_colour_but_off() -> None:
    for colour in set(IndicatorColour) - {IndicatorColour.OFF}:
        for only in ("red", "green", "blue", "white"):
            assert lit_leds(colour, {only: only}) == (only,)


@pytest.mark.parametrize(
    ("rhythm", "on_ms", "off_ms"),
    [
        (IndicatorRhythm.SLOW, "1000", "1000"),
        (IndicatorRhythm.FAST, "200", "200"),
        (IndicatorRhythm.FLASH, "300", "4700"),
    ],
)
async def test_the_kernel_blinks(
    sysfs: FakeSysfs, rhythm: IndicatorRhythm, on_ms: str, off_ms: str
) -> None:
    light, leds = separate(sysfs)
    await light.show(IndicatorPattern(IndicatorColour.BLUE, rhythm))
    assert leds[BLUE].trigger == "timer"
    assert (leds[BLUE].values["delay_on"], leds[BLUE].values["delay_off"]) == (on_ms, off_ms)
    await light.show(IndicatorPattern(IndicatorColour.BLUE))
    assert (leds[BLUE].trigger, leds[BLUE].brightness) == ("none", 255)


async def test_what_blinks_some_times_does_so_each_time_it_is_asked_for(sysfs: FakeSysfs) -> None:
    light, leds = separate(sysfs)
    signal = IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.FAST, times=3)
    assert signal.lasts_s == pytest.approx(1.2)
    await light.show(signal)
    assert leds[RED].trigger == "pattern"
    assert leds[RED].values == {"pattern": "255 200 255 0 0 200 0 0", "repeat": "3"}
    sysfs.writes.clear()
    await light.show(signal)
    assert ("repeat", "3") in sysfs.writes


async def test_a_kernel_that_cannot_count_blinks_until_the_next_pattern(sysfs: FakeSysfs) -> None:
    led = FakeLed(sysfs, RED, ("none", "timer"))
    light = SysfsLight(LightPlace({"red": RED}), sysfs)
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.FAST, times=3))
    assert (led.trigger, led.values) == ("timer", {"delay_on": "200", "delay_off": "200"})


@pytest.mark.parametrize(
    ("highest", "percent", "level"),
    [
        *((255, 100, 255), (255, 50, 128), (255, 1, 3), (255, 0, 0)),
        *((1, 100, 1), (1, 1, 1), (1, 0, 0), (7, 10, 1), (0, 50, 0)),
    ],
)
def test_brightness_is_a_share_of_the_highest_and_dark_only_at_none(
    highest: int, percent: int, level: int
) -> None:
    assert level_of(highest, percent) == level


@pytest.mark.parametrize(
    ("rhythm", "times"),
    [(IndicatorRhythm.STEADY, None), (IndicatorRhythm.SLOW, None), (IndicatorRhythm.FAST, 2)],
)
async def test_every_rhythm_has_the_brightness_that_was_asked_for(
    sysfs: FakeSysfs, rhythm: IndicatorRhythm, times: int | None
) -> None:
    light, leds = separate(sysfs)
    for percent, level in ((100, 255), (20, 51), (100, 255)):
        await light.show(IndicatorPattern(IndicatorColour.BLUE, rhythm, percent, times))
        if times is None:
            assert leds[BLUE].brightness == level
        else:
            assert leds[BLUE].values["pattern"] == f"{level} 200 {level} 0 0 200 0 0"


async def test_a_light_without_brightness_is_dark_and_blinks_no_more(sysfs: FakeSysfs) -> None:
    light, leds = separate(sysfs)
    await light.show(IndicatorPattern(IndicatorColour.WHITE, IndicatorRhythm.SLOW))
    await light.show(IndicatorPattern(IndicatorColour.WHITE, IndicatorRhythm.SLOW, 0))
    assert {(led.trigger, led.brightness) for led in leds.values()} == {("none", 0)}


async def test_an_led_without_steps_is_on_for_every_share(sysfs: FakeSysfs) -> None:
    led = FakeLed(sysfs, RED, highest=1)
    light = SysfsLight(LightPlace({"red": RED}), sysfs)
    await light.show(IndicatorPattern(IndicatorColour.RED, intensity_percent=1))
    assert led.brightness == 1


async def test_the_same_pattern_again_writes_nothing(sysfs: FakeSysfs) -> None:
    light, _ = separate(sysfs)
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.SLOW))
    sysfs.writes.clear()
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.SLOW))
    assert sysfs.writes == []


async def test_a_kernel_without_the_trigger_lets_the_light_shine_and_says_so(
    sysfs: FakeSysfs, caplog: pytest.LogCaptureFixture
) -> None:
    led = FakeLed(sysfs, RED, ("none",))
    light = SysfsLight(LightPlace({"red": RED}), sysfs)
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.FAST))
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.SLOW))
    assert led.brightness == 255
    assert caplog.text.count("load ledtrig-timer") == 1


async def test_an_led_of_all_colours_mixes_them_itself(sysfs: FakeSysfs) -> None:
    led = FakeLed(sysfs, "stationd:rgb:1", mixed=True)
    light = SysfsLight(LightPlace(rgb="stationd:rgb:1"), sysfs)
    await light.show(IndicatorPattern(IndicatorColour.YELLOW, IndicatorRhythm.SLOW))
    assert (led.values["multi_intensity"], led.trigger) == ("255 255 0", "timer")
    await light.show(IndicatorPattern(IndicatorColour.BLUE))
    assert (led.values["multi_intensity"], led.brightness) == ("0 0 255", 255)
    await light.show(IndicatorPattern(IndicatorColour.BLUE, intensity_percent=40))
    assert (led.values["multi_intensity"], led.brightness) == ("0 0 255", 102)
    await light.show(IndicatorPattern(IndicatorColour.OFF))
    assert led.brightness == 0


async def test_rights_to_the_files_of_a_trigger_may_come_late(
    sysfs: FakeSysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    light, leds = separate(sysfs)
    asked: list[Path] = []

    def is_writable(path: Path) -> bool:
        asked.append(path)
        return len(asked) > 2

    monkeypatch.setattr(sysfs, "is_writable", is_writable)
    monkeypatch.setattr("hal.sysfs.leds._RIGHTS_POLL_S", 0.0)
    await light.show(IndicatorPattern(IndicatorColour.RED, IndicatorRhythm.SLOW))
    assert leds[RED].values["delay_on"] == "1000"
    assert len(asked) == 4


async def test_an_led_that_is_not_there_is_told_with_those_that_are(sysfs: FakeSysfs) -> None:
    FakeLed(sysfs, "ACT")
    light = SysfsLight(LightPlace({"red": RED}), sysfs)
    with pytest.raises(HardwareLost, match=r"no LED 'stationd:red:1'; this machine has ACT"):
        await light.show(IndicatorPattern(IndicatorColour.RED))


async def test_missing_rights_are_told_with_the_remedy(sysfs: FakeSysfs) -> None:
    light, leds = separate(sysfs)
    sysfs.protect(leds[GREEN].folder / "brightness")
    with pytest.raises(HardwareLost, match=r"LED stationd:green:1: this user may not write .*udev"):
        await light.show(IndicatorPattern(IndicatorColour.RED))


async def test_after_a_failure_the_same_pattern_is_tried_again(sysfs: FakeSysfs) -> None:
    light, leds = separate(sysfs)
    sysfs.protect(leds[RED].folder / "brightness")
    pattern = IndicatorPattern(IndicatorColour.RED)
    for _ in range(2):
        with pytest.raises(HardwareLost):
            await light.show(pattern)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "indicator needs the names of LEDs"),
        ({"rgb": "a", "red": "b"}, "either rgb, or one or more of red, green, blue, white"),
        ({"red": 1}, "indicator.red must be a text, not 1"),
        ({"rod": "a", "red": "b"}, 'indicator.rod is unknown, did you mean "r'),
    ],
)
def test_a_mistake_in_the_table_is_named(table: dict[str, object], problem: str) -> None:
    found = problems("indicator", {"backend": "leds"} | table)
    assert any(problem in each for each in found), found


async def test_the_registry_opens_a_light(tmp_path: Path) -> None:
    table = {"backend": "leds", "red": "no-such-led"}
    light = registry.open_indicator(1, table, tmp_path)
    with pytest.raises(HardwareLost, match="no LED 'no-such-led'"):
        await light.show(IndicatorPattern(IndicatorColour.RED))
    await light.close()
