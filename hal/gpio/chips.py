"""GPIO chips by label, name or device file, and why a line of one cannot be had.

Whoever asks gets one of four different answers: there is no such chip, no such line, no right to
open it, or somebody else holds it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES, EBUSY, ENOENT, EPERM
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hal.api import HardwareError, HardwareLost
from hal.line_place import LinePlace
from hal.tables import meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpiod import EdgeEvent, LineSettings
    from gpiod.line import Value

DEVICES = Path("/dev")
CONSUMER = "stationd-guard"


class Request(Protocol):
    """Lines that are ours: `gpiod.LineRequest`."""

    @property
    def fd(self) -> int: ...

    def get_values(self, lines: "Iterable[int | str] | None" = None) -> "list[Value]": ...

    def set_values(self, values: "dict[int | str, Value]") -> None: ...

    def wait_edge_events(self, timeout: float | None = None) -> bool: ...

    def read_edge_events(self, max_events: int | None = None) -> "Sequence[EdgeEvent]": ...

    def release(self) -> None: ...


class ChipInfo(Protocol):
    """What a chip says of itself."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def num_lines(self) -> int: ...


class LineInfo(Protocol):
    """What a chip says of a line."""

    @property
    def offset(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def used(self) -> bool: ...

    @property
    def consumer(self) -> str: ...


class Chip(Protocol):
    """An open chip: `gpiod.Chip`; raises `OSError` as the kernel does."""

    @property
    def path(self) -> str: ...

    def get_info(self) -> ChipInfo: ...

    def get_line_info(self, line: int | str) -> LineInfo: ...

    def request_lines(
        self,
        config: "dict[Iterable[int | str] | int | str, LineSettings | None]",
        consumer: str | None = None,
    ) -> Request: ...

    def close(self) -> None: ...


class GpioKernel(Protocol):
    """The GPIO character devices of a machine."""

    def paths(self) -> tuple[str, ...]:
        """Return the device files of all chips."""

    def open(self, path: str) -> Chip:
        """Open a chip; raises `OSError`."""


class CharacterDevices:
    """The chips of the running kernel, through libgpiod."""

    def paths(self) -> tuple[str, ...]:
        """Return the device files of all chips."""
        return tuple(sorted(str(path) for path in DEVICES.glob("gpiochip*")))

    def open(self, path: str) -> Chip:
        """Open a chip; raises `OSError`."""
        import gpiod  # noqa: PLC0415 -- loaded only where there are real lines

        return gpiod.Chip(path)


@contextmanager
def opened(kernel: GpioKernel, wanted: str) -> Iterator[Chip]:
    """Open the chip that a board file names; raises `HardwareLost`, `HardwareError`."""
    chip = _find(kernel, wanted)
    try:
        yield chip
    finally:
        chip.close()


def offset_of(chip: Chip, place: LinePlace) -> int:
    """Return a line's offset on its chip; raises `HardwareError` if it has no such line."""
    lines = chip.get_info().num_lines
    if isinstance(place.line, int):
        if place.line < lines:
            return place.line
        raise HardwareError(f"{place}: the chip has {lines} lines, numbered from 0")
    names = {chip.get_line_info(offset).name: offset for offset in reversed(range(lines))}
    if place.line in names:
        return names[place.line]
    known = [name for name in names if name]
    hint = meant(place.line, known) if known else ", for it names none; give the offset"
    raise HardwareError(f"{place}: the chip has no line of that name{hint}")


def holder_of(chip: Chip, offset: int) -> str | None:
    """Return who holds a line, None if nobody does."""
    info = chip.get_line_info(offset)
    return (info.consumer or "somebody who gives no name") if info.used else None


def why_refused(chip: Chip, places: Mapping[int, LinePlace], error: OSError) -> HardwareError:
    """Return the error that says why a request for lines was refused."""
    if error.errno == EBUSY:
        held = [
            f"{place} is held by {holder}"
            for offset, place in places.items()
            if (holder := holder_of(chip, offset)) is not None
        ]
        return HardwareLost(
            f"{', '.join(held) or 'the lines are in use'}; end that program, or choose other lines"
        )
    if error.errno in {EACCES, EPERM}:
        return _no_rights(next(iter(places.values())).chip)
    named = ", ".join(str(place) for place in places.values())
    return HardwareLost(
        f"the kernel refuses {named}: {error.strerror}; does the chip have the bias, drive and"
        " interrupts that the board file asks for?"
    )


def _find(kernel: GpioKernel, wanted: str) -> Chip:
    if "/" in wanted:
        return _open(kernel, wanted)
    chips, refusal = _all(kernel)
    found = [name for name, chip in chips.items() if wanted in {name, chip.get_info().label}]
    known = [f"{chip.get_info().label} ({name})" for name, chip in chips.items()]
    for name, chip in chips.items():
        if found != [name]:
            chip.close()
    if len(found) == 1:
        return chips[found[0]]
    if found:
        raise HardwareError(
            f"several GPIO chips are called {wanted!r}: {', '.join(found)}; give a chip's name"
        )
    if refusal is not None and refusal.errno in {EACCES, EPERM}:
        raise _no_rights(wanted)
    listed = f"there is {', '.join(known)}" if known else "this machine has no GPIO chips"
    raise HardwareLost(f"there is no GPIO chip {wanted!r}; {listed}")


def _all(kernel: GpioKernel) -> tuple[dict[str, Chip], OSError | None]:
    """Open every chip once, also where several device files lead to it."""
    chips: dict[str, Chip] = {}
    refusal = None
    for path in kernel.paths():
        try:
            chip = kernel.open(path)
        except OSError as error:
            refusal = error
            continue
        name = chip.get_info().name
        if name in chips:
            chip.close()
        else:
            chips[name] = chip
    return chips, refusal


def _open(kernel: GpioKernel, path: str) -> Chip:
    try:
        return kernel.open(path)
    except OSError as error:
        if error.errno in {EACCES, EPERM}:
            raise _no_rights(path) from error
        if error.errno == ENOENT:
            listed = ", ".join(kernel.paths()) or "none"
            raise HardwareLost(f"there is no GPIO chip {path}; there is {listed}") from error
        raise HardwareLost(f"GPIO chip {path} cannot be opened: {error.strerror}") from error


def _no_rights(chip: str) -> HardwareLost:
    return HardwareLost(
        f"this user may not open GPIO chip {chip}; install the udev rules of stationd"
        " (99-stationd.rules), or run as the user stationd-guard"
    )
