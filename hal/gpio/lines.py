"""All GPIO lines of a board: one request for each chip, inputs with edges, outputs at rest first.

Lines are claimed while the board is built and requested together by `open`. Every output starts
at its idle level and returns to it when the lines are given back.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from hal.api import HardwareError, HardwareLost
from hal.gpio import chips
from hal.gpio.chips import CONSUMER, GpioKernel, Request
from hal.line_place import LinePlace

if TYPE_CHECKING:
    from gpiod import LineSettings

# A line that makes edges faster than they are read must not hold up a refresh.
_MOST_READS = 4

_log = logging.getLogger(__name__)


class Input:
    """An input line as the last refresh found it.

    `was_on` counts a brief activation since the refresh before, too: right for what warns, wrong
    for what has to prove itself, such as an open contactor or an engaged lock.
    """

    def __init__(self, place: LinePlace) -> None:
        self.place = place
        self.is_on = False
        self.was_on = False


class Output:
    """One user's wish for an output line; the line is on while any of its users wants it on."""

    def __init__(self, *, idle: bool) -> None:
        self.idle = idle
        self._on = idle

    @property
    def is_on(self) -> bool:
        """Tell whether this user wants the line on."""
        return self._on

    def set(self, *, on: bool) -> None:
        """Want the line on or off from the next flush on."""
        self._on = on


@dataclass(slots=True)
class _Driven:
    place: LinePlace
    users: list[Output]
    level: bool
    shared: bool

    @property
    def idle(self) -> bool:
        return self.users[0].idle

    @property
    def wanted(self) -> bool:
        return any(user.is_on for user in self.users)


_Line = TypeVar("_Line", Input, _Driven)


@dataclass(frozen=True, slots=True)
class _Held:
    """The lines of one chip that are ours."""

    chip: str
    request: Request
    inputs: Mapping[int, Input]
    outputs: Mapping[int, _Driven]

    def refresh(self) -> None:
        activated = self._drain()
        offsets = list(self.inputs)
        if not offsets:
            return
        for offset, value in zip(offsets, self.request.get_values(offsets), strict=True):
            line = self.inputs[offset]
            line.is_on = bool(value)
            line.was_on = line.is_on or offset in activated

    def _drain(self) -> set[int]:
        """Read the edges that have come, so that the next one is noticed; return what rose."""
        activated: set[int] = set()
        for _ in range(_MOST_READS):
            if not self.request.wait_edge_events(0):
                break
            for event in self.request.read_edge_events():
                if event.event_type is event.Type.RISING_EDGE:
                    activated.add(event.line_offset)
        return activated

    def drive(self, levels: Mapping[int, bool]) -> None:
        from gpiod.line import Value  # noqa: PLC0415 -- loaded only where there are real lines

        self.request.set_values(
            {offset: Value.ACTIVE if on else Value.INACTIVE for offset, on in levels.items()}
        )
        for offset, on in levels.items():
            self.outputs[offset].level = on


class LineBank:
    """The lines of a board."""

    def __init__(self, kernel: GpioKernel) -> None:
        self._kernel = kernel
        self._inputs: dict[tuple[str, str | int], Input] = {}
        self._outputs: dict[tuple[str, str | int], _Driven] = {}
        self._held: list[_Held] = []

    @property
    def filenos(self) -> tuple[int, ...]:
        """The descriptors that become readable on an edge."""
        return tuple(held.request.fd for held in self._held if held.inputs)

    @property
    def idle_levels(self) -> tuple[tuple[str, dict[int, bool]], ...]:
        """Each chip's device file, and whether each of our outputs on it idles high."""
        return tuple(
            (held.chip, {n: line.idle is not line.place.active_low for n, line in outputs.items()})
            for held in self._held
            if (outputs := held.outputs)
        )

    def input(self, place: LinePlace) -> Input:
        """Claim an input; EVSEs may share one."""
        key = (place.chip, place.line)
        self._refuse_mixture(place, key in self._outputs)
        known = self._inputs.setdefault(key, Input(place))
        if known.place != place:
            raise HardwareError(f"{place} is used twice with different wiring; make it the same")
        return known

    def output(self, place: LinePlace, *, idle: bool = False, shared: bool = False) -> Output:
        """Claim an output, `idle` while nobody drives it; only `shared` ones share a line."""
        key = (place.chip, place.line)
        self._refuse_mixture(place, key in self._inputs)
        user = Output(idle=idle)
        known = self._outputs.setdefault(key, _Driven(place, [], idle, shared))
        if known.users and not (shared and known.shared and known.place == place):
            raise HardwareError(f"{place} drives two things; give each a line of its own")
        known.users.append(user)
        return user

    def open(self) -> None:
        """Request all lines, outputs at their idle level; raises `HardwareError`."""
        try:
            for chip in sorted({key[0] for key in (*self._inputs, *self._outputs)}):
                self._held.append(self._request(chip))
        except HardwareError:
            self.release()
            raise

    def refresh(self) -> None:
        """Read every input, and every edge since the last time; raises `HardwareLost`."""
        for held in self._held:
            try:
                held.refresh()
            except OSError as error:
                raise _lost(held, "read", error) from error

    def flush(self) -> None:
        """Drive the outputs that have changed; raises `HardwareLost`."""
        for held in self._held:
            changed = {
                offset: line.wanted
                for offset, line in held.outputs.items()
                if line.wanted is not line.level
            }
            if changed:
                try:
                    held.drive(changed)
                except OSError as error:
                    raise _lost(held, "driven", error) from error

    def make_safe(self, spared: Collection[Output] = ()) -> None:
        """Bring every output that can be reached to its idle level, but for those of `spared`."""
        for held in self._held:
            idle = {
                offset: line.idle
                for offset, line in held.outputs.items()
                if not any(user in spared for user in line.users)
            }
            try:
                if idle:
                    held.drive(idle)
            except OSError as error:
                _log.error("%s", _lost(held, "driven", error))

    def release(self) -> None:
        """Give the lines back as they are."""
        for held in self._held:
            held.request.release()
        self._held.clear()

    def _refuse_mixture(self, place: LinePlace, mixed: bool) -> None:  # noqa: FBT001 -- an answer
        if mixed:
            raise HardwareError(f"{place} is both an input and an output; correct the board file")

    def _request(self, wanted: str) -> _Held:
        with chips.opened(self._kernel, wanted) as chip:
            inputs = _by_offset(chip, wanted, self._inputs)
            outputs = _by_offset(chip, wanted, self._outputs)
            for offset in inputs.keys() & outputs.keys():
                self._refuse_mixture(outputs[offset].place, mixed=True)
            return _Held(chip.path, _requested(chip, inputs, outputs), inputs, outputs)


def _by_offset(
    chip: chips.Chip, wanted: str, lines: Mapping[tuple[str, str | int], _Line]
) -> dict[int, _Line]:
    found: dict[int, _Line] = {}
    for key, line in lines.items():
        if key[0] != wanted:
            continue
        offset = chips.offset_of(chip, line.place)
        if offset in found:
            raise HardwareError(f"{line.place} is {found[offset].place} as well; use it once")
        found[offset] = line
    return found


def _requested(
    chip: chips.Chip, inputs: Mapping[int, Input], outputs: Mapping[int, _Driven]
) -> Request:
    places = {offset: line.place for offset, line in inputs.items()}
    places |= {offset: line.place for offset, line in outputs.items()}
    config: dict[Iterable[int | str] | int | str, LineSettings | None] = {}
    config |= {offset: _input_settings(line.place) for offset, line in inputs.items()}
    config |= {offset: _output_settings(line) for offset, line in outputs.items()}
    try:
        return chip.request_lines(config, consumer=CONSUMER)
    except OSError as error:
        raise chips.why_refused(chip, places, error) from error


def _input_settings(place: LinePlace) -> "LineSettings":
    from gpiod import LineSettings  # noqa: PLC0415 -- loaded only where there are real lines
    from gpiod.line import Bias, Direction, Edge  # noqa: PLC0415

    return LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH if place.edges else Edge.NONE,
        bias=Bias[place.bias.upper()],
        active_low=place.active_low,
        debounce_period=timedelta(milliseconds=place.debounce_ms),
    )


def _output_settings(line: _Driven) -> "LineSettings":
    from gpiod import LineSettings  # noqa: PLC0415 -- loaded only where there are real lines
    from gpiod.line import Bias, Direction, Drive, Value  # noqa: PLC0415

    return LineSettings(
        direction=Direction.OUTPUT,
        bias=Bias[line.place.bias.upper()],
        drive=Drive[line.place.drive.upper()],
        active_low=line.place.active_low,
        output_value=Value.ACTIVE if line.level else Value.INACTIVE,
    )


def _lost(held: _Held, action: str, error: OSError) -> HardwareLost:
    places = [line.place for line in held.inputs.values()]
    places += [line.place for line in held.outputs.values()]
    return HardwareLost(
        f"{', '.join(map(str, places))} cannot be {action}: {error.strerror or error}"
    )
