"""A status light on the kernel's LED class: separate LEDs or one of several colours.

The kernel blinks by its own triggers (`timer`, `pattern`), so that no process has to, and the
light goes on as it is while the station's software restarts. Brightness is a share of what the LED
has; one that has no steps is on for every share but none.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from errno import EACCES, ENOENT, EPERM
from pathlib import Path

from hal.api import (
    BLINK_MS,
    HardwareLost,
    IndicatorColour,
    IndicatorPattern,
    IndicatorRhythm,
)
from hal.sysfs.files import ROOT, KernelSysfs, Sysfs
from hal.tables import Options, Table

LEDS = ROOT / "class" / "leds"
COLOURS = ("red", "green", "blue", "white")
# udev gives the files of a trigger to the agent after the kernel has made them.
RIGHTS_LIMIT_S = 1.0
_RIGHTS_POLL_S = 0.02

# For each colour the LEDs that mix it, the best first; the first mixture that the light has counts.
_MIXTURES: Mapping[IndicatorColour, tuple[tuple[str, ...], ...]] = {
    IndicatorColour.OFF: ((),),
    IndicatorColour.RED: (("red",), ("white",), ("blue",), ("green",)),
    IndicatorColour.GREEN: (("green",), ("white",), ("blue",), ("red",)),
    IndicatorColour.BLUE: (("blue",), ("white",), ("green",), ("red",)),
    IndicatorColour.YELLOW: (("red", "green"), ("white",), ("green",), ("red",), ("blue",)),
    IndicatorColour.WHITE: (
        ("white",),
        ("red", "green", "blue"),
        ("red", "green"),
        ("green",),
        ("blue",),
        ("red",),
    ),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LightPlace:
    """The LEDs of a light by colour, or one LED of all colours (`rgb`)."""

    leds: Mapping[str, str] = field(default_factory=dict)
    rgb: str | None = None


def problems(port: str, table: Table) -> tuple[str, ...]:
    """Return what is wrong with a table of this backend, a sentence each."""
    found: list[str] = []
    read_place(Options(port, table, found))
    return tuple(found)


def read_place(options: Options) -> LightPlace:
    """Read a table of this backend."""
    options.expect("backend", "rgb", *COLOURS)
    leds = {colour: options.text(colour) for colour in COLOURS if colour in options}
    rgb = options.text("rgb") if "rgb" in options else None
    if bool(leds) is (rgb is not None):
        options.note(
            "", f"needs the names of LEDs: either rgb, or one or more of {', '.join(COLOURS)}"
        )
    options.finish()
    return LightPlace(leds, rgb)


class SysfsLight:
    """The status light of one EVSE."""

    def __init__(self, place: LightPlace, sysfs: Sysfs | None = None) -> None:
        self._place = place
        self._sysfs = sysfs or KernelSysfs()
        self._shown: IndicatorPattern | None = None
        self._complained: set[str] = set()

    async def show(self, pattern: IndicatorPattern) -> None:
        """Show a pattern until the next one; raises `HardwareLost`."""
        if pattern == self._shown and pattern.times is None:
            return
        self._shown = None
        try:
            if self._place.rgb is not None:
                await self._show_mixed(self._place.rgb, pattern)
            else:
                await self._show_separate(pattern)
        except OSError as error:
            raise self._lost(error) from error
        self._shown = pattern

    async def close(self) -> None:
        """Let go of the light; it goes on as it is."""

    async def _show_separate(self, pattern: IndicatorPattern) -> None:
        lit = () if pattern.is_dark else lit_leds(pattern.colour, self._place.leds)
        dark = [name for name in self._place.leds.values() if name not in lit]
        for name in dark:
            self._write(name, "trigger", "none")
            self._write(name, "brightness", "0")
        for name in lit:
            await self._light(name, pattern)

    async def _show_mixed(self, name: str, pattern: IndicatorPattern) -> None:
        order = self._read(name, "multi_index").split()
        known = {colour: colour for colour in order}
        lit = () if pattern.is_dark else lit_leds(pattern.colour, known)
        highest = self._read(name, "max_brightness")
        levels = [highest if colour in lit else "0" for colour in order]
        self._write(name, "multi_intensity", " ".join(levels))
        if lit:
            await self._light(name, pattern)
        else:
            self._write(name, "trigger", "none")
            self._write(name, "brightness", "0")

    async def _light(self, name: str, pattern: IndicatorPattern) -> None:
        """Light one LED in a rhythm; without the kernel's triggers for it, steadily."""
        trigger = self._trigger(name, pattern)
        self._write(name, "trigger", trigger)
        level = level_of(int(self._read(name, "max_brightness")), pattern.intensity_percent)
        on_ms, off_ms = BLINK_MS.get(pattern.rhythm, (0, 0))
        if trigger == "pattern":
            steps = f"{level} {on_ms} {level} 0 0 {off_ms} 0 0"
            await self._write_late(name, "pattern", steps)
            await self._write_late(name, "repeat", str(pattern.times))
            return
        if trigger == "timer":
            await self._write_late(name, "delay_on", str(on_ms))
            await self._write_late(name, "delay_off", str(off_ms))
        # The timer goes on with the brightness that is written while it blinks.
        self._write(name, "brightness", str(level))

    def _trigger(self, name: str, pattern: IndicatorPattern) -> str:
        """Return the kernel's trigger for a rhythm; one that cannot count blinks on instead."""
        if pattern.rhythm is IndicatorRhythm.STEADY:
            return "none"
        has = self._read(name, "trigger").replace("[", "").replace("]", "").split()
        if pattern.times is not None and "pattern" in has:
            return "pattern"
        if "timer" in has:
            return "timer"
        self._complain(name, "timer")
        return "none"

    async def _write_late(self, name: str, key: str, text: str) -> None:
        """Write a file that came with the trigger, once udev has given it to this user."""
        waited_s = 0.0
        while not self._sysfs.is_writable(LEDS / name / key) and waited_s < RIGHTS_LIMIT_S:
            await asyncio.sleep(_RIGHTS_POLL_S)
            waited_s += _RIGHTS_POLL_S
        self._write(name, key, text)

    def _read(self, name: str, key: str) -> str:
        return self._sysfs.read(LEDS / name / key)

    def _write(self, name: str, key: str, text: str) -> None:
        self._sysfs.write(LEDS / name / key, text)

    def _complain(self, name: str, trigger: str) -> None:
        if trigger not in self._complained:
            self._complained.add(trigger)
            _log.warning(
                "LED %s shines steadily: the kernel lacks the trigger %s; load ledtrig-%s",
                name,
                trigger,
                trigger,
            )

    def _lost(self, error: OSError) -> HardwareLost:
        file = Path(str(error.filename)) if error.filename else LEDS
        name = file.parent.name
        if error.errno in {EACCES, EPERM}:
            return HardwareLost(
                f"LED {name}: this user may not write {file}; call the LED stationd:... in the"
                " boot configuration and install the udev rules of stationd (99-stationd.rules)"
            )
        if error.errno == ENOENT and name not in self._sysfs.names(LEDS):
            known = ", ".join(self._sysfs.names(LEDS)) or "none"
            return HardwareLost(f"there is no LED {name!r}; this machine has {known}")
        return HardwareLost(f"LED {name}: {file.name} cannot be used: {error.strerror}")


def level_of(highest: int, intensity_percent: int) -> int:
    """Return the brightness to write for a share of the highest; rounded up, never dark above 0."""
    return -(-highest * intensity_percent // 100)


def lit_leds(colour: IndicatorColour, leds: Mapping[str, str]) -> tuple[str, ...]:
    """Return the LEDs that show a colour, or the nearest to it that the light has."""
    for mixture in _MIXTURES[colour]:
        if all(part in leds for part in mixture):
            return tuple(leds[part] for part in mixture)
    return ()
