"""GPIO chips in memory, with the rules of the kernel's character devices and levels on wires."""

import os
import select
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from errno import EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO
from os import strerror
from types import SimpleNamespace

from gpiod import EdgeEvent, LineSettings
from gpiod.line import Bias, Direction, Edge, Value

Config = dict[Iterable[int | str] | int | str, LineSettings | None]


def refusal(number: int) -> OSError:
    return OSError(number, strerror(number))


@dataclass
class Wire:
    """What hangs on one line: an outside drive (None: nothing), and what the line drives."""

    name: str = ""
    outside: bool | None = None
    driven: bool | None = None
    pull: bool = False
    holder: str = ""

    @property
    def high(self) -> bool:
        if self.driven is not None:
            return self.driven
        return self.pull if self.outside is None else self.outside


@dataclass
class FakeChip:
    """One chip with its wires; `persist` keeps outputs that nobody holds, as some kernels do."""

    path: str
    label: str
    wires: list[Wire]
    allowed: bool = True
    interrupts: bool = True
    persist: bool = False
    fault: int | None = None
    requests: list["FakeRequest"] = field(default_factory=list)
    watchers: list[Callable[[int, bool], None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def set_outside(self, offset: int, high: bool | None) -> None:
        """Move a wire from outside; whoever listens for edges hears it."""
        wire = self.wires[offset]
        before = wire.high
        wire.outside = high
        if wire.high is not before:
            for request in self.requests:
                request.notice(offset)

    def drive(self, offset: int, high: bool | None) -> None:
        wire = self.wires[offset]
        before = wire.high
        wire.driven = high
        if wire.high is not before:
            for watcher in self.watchers:
                watcher(offset, wire.high)


class FakeGpio:
    """The machine's chips."""

    def __init__(self, *chips: FakeChip, aliases: dict[str, str] | None = None) -> None:
        self.chips = {chip.path: chip for chip in chips}
        self._aliases = aliases or {}

    def paths(self) -> tuple[str, ...]:
        return (*self.chips, *self._aliases)

    def open(self, path: str) -> "OpenChip":
        path = self._aliases.get(path, path)
        if path not in self.chips:
            raise refusal(ENOENT)
        chip = self.chips[path]
        if not chip.allowed:
            raise refusal(EACCES)
        return OpenChip(chip)


class OpenChip:
    def __init__(self, chip: FakeChip) -> None:
        self._chip = chip
        self.is_open = True
        self.path = chip.path

    def get_info(self) -> SimpleNamespace:
        chip = self._chip
        return SimpleNamespace(name=chip.name, label=chip.label, num_lines=len(chip.wires))

    def get_line_info(self, line: int | str) -> SimpleNamespace:
        assert self.is_open
        assert isinstance(line, int)
        wire = self._chip.wires[line]
        return SimpleNamespace(
            offset=line, name=wire.name, used=bool(wire.holder), consumer=wire.holder
        )

    def request_lines(self, config: Config, consumer: str | None = None) -> "FakeRequest":
        assert self.is_open
        settings = {int(str(line)): each or LineSettings() for line, each in config.items()}
        for offset, each in settings.items():
            self._check(offset, each)
        request = FakeRequest(self._chip, settings)
        for offset, each in settings.items():
            self._chip.wires[offset].holder = consumer or "?"
            request.configure(offset, each)
        self._chip.requests.append(request)
        return request

    def _check(self, offset: int, settings: LineSettings) -> None:
        if self._chip.wires[offset].holder:
            raise refusal(EBUSY)
        is_output = settings.direction is Direction.OUTPUT
        edges = settings.edge_detection is not Edge.NONE
        if is_output and (edges or settings.debounce_period):
            raise refusal(EINVAL)
        if edges and not self._chip.interrupts:
            raise refusal(ENXIO)

    def close(self) -> None:
        self.is_open = False


class FakeRequest:
    """Lines that are held; edges count in an event descriptor, as in the kernel's queue."""

    def __init__(self, chip: FakeChip, settings: dict[int, LineSettings]) -> None:
        self._chip = chip
        self._settings = settings
        self._events: list[EdgeEvent] = []
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.released = False

    def configure(self, offset: int, settings: LineSettings) -> None:
        wire = self._chip.wires[offset]
        if settings.bias in {Bias.PULL_UP, Bias.PULL_DOWN}:
            wire.pull = settings.bias is Bias.PULL_UP
        if settings.direction is Direction.OUTPUT:
            self._drive(offset, settings.output_value)

    def notice(self, offset: int) -> None:
        settings = self._settings.get(offset)
        if settings is None or settings.edge_detection is Edge.NONE:
            return
        rose = self._value(offset) is Value.ACTIVE
        kind = EdgeEvent.Type.RISING_EDGE if rose else EdgeEvent.Type.FALLING_EDGE
        self._events.append(EdgeEvent(kind.value, 0, offset, 1, 1))
        os.eventfd_write(self.fd, 1)

    def get_values(self, lines: Iterable[int | str] | None = None) -> list[Value]:
        self._check()
        return [self._value(int(str(line))) for line in lines or self._settings]

    def set_values(self, values: dict[int | str, Value]) -> None:
        self._check()
        for line, value in values.items():
            assert self._settings[int(str(line))].direction is Direction.OUTPUT
            self._drive(int(str(line)), value)

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        self._check()
        return bool(select.select([self.fd], [], [], timeout)[0])

    def read_edge_events(self, max_events: int | None = None) -> Sequence[EdgeEvent]:
        self._check()
        os.eventfd_read(self.fd)
        events, self._events = self._events, []
        return events

    def release(self) -> None:
        assert not self.released
        self.released = True
        self._chip.requests.remove(self)
        os.close(self.fd)
        for offset in self._settings:
            self._chip.wires[offset].holder = ""
            if not self._chip.persist:
                self._chip.drive(offset, None)

    def _value(self, offset: int) -> Value:
        high = self._chip.wires[offset].high
        return Value.ACTIVE if high is not self._settings[offset].active_low else Value.INACTIVE

    def _drive(self, offset: int, value: Value) -> None:
        self._chip.drive(offset, bool(value) is not self._settings[offset].active_low)

    def _check(self) -> None:
        assert not self.released
        if self._chip.fault is not None:
            raise refusal(self._chip.fault)


def chip_of(count: int = 16, label: str = "pinctrl-test", number: int = 0) -> FakeChip:
    """A chip whose lines are called LINE0, LINE1 ..."""
    wires = [Wire(f"LINE{offset}") for offset in range(count)]
    return FakeChip(f"/dev/gpiochip{number}", label, wires)


GONE = ENODEV
