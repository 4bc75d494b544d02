"""Contacts that the kernel watches as keys (`gpio-keys`): somebody else's relay at a line.

The kernel owns the line, pulls and debounces it. Its input device can only be read, so that who may
read it reaches no line of the power path.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import EACCES, EPERM
from fcntl import ioctl
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from hal.api import HardwareError, HardwareLost
from hal.sysfs.files import ROOT, KernelSysfs, Sysfs
from hal.tables import Options, Table

DEVICES = Path("/dev/input")
CLASS = ROOT / "class" / "input"
HIGHEST_KEY = 0x2FF
KINDS = ("normally_open", "normally_closed")
_BYTES = (HIGHEST_KEY + 8) // 8
# _IOC(_IOC_READ, 'E', number, length) of linux/input.h: EVIOCGBIT(EV_KEY) and EVIOCGKEY.
_KNOWN = 2 << 30 | _BYTES << 16 | ord("E") << 8 | 0x21
_PRESSED = 2 << 30 | _BYTES << 16 | ord("E") << 8 | 0x18


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key: the name of its input device or a part of the path behind it, and its code.

    With a `normally_closed` contact the key is pressed while the relay is off.
    """

    device: str
    key: int
    normally_closed: bool = False

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"key {self.key} of {self.device}"


class KeyDevice(Protocol):
    """An open input device; raises `OSError`. Bit n of the answers is the key with code n."""

    def known(self) -> bytes: ...

    def pressed(self) -> bytes: ...

    def close(self) -> None: ...


class InputKernel(Protocol):
    """The input devices of a machine."""

    def open(self, path: Path) -> KeyDevice:
        """Open a device; raises `OSError`."""


class EventDevices:
    """The input devices of the running kernel."""

    def open(self, path: Path) -> KeyDevice:
        """Open a device to read its keys; raises `OSError`."""
        return _EventDevice(path)


class _EventDevice:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def known(self) -> bytes:
        return self._bits(_KNOWN)

    def pressed(self) -> bytes:
        return self._bits(_PRESSED)

    def close(self) -> None:
        os.close(self._descriptor)

    def _bits(self, question: int) -> bytes:
        answer = bytearray(_BYTES)
        ioctl(self._descriptor, question, answer)
        return bytes(answer)


def problems(port: str, table: Table) -> tuple[str, ...]:
    """Return what is wrong with a table of this backend, a sentence each."""
    found: list[str] = []
    read_place(Options(port, table, found))
    return tuple(found)


def read_place(options: Options) -> KeyPlace:
    """Read a table of this backend."""
    options.expect("backend")
    place = KeyPlace(
        device=options.text("device"),
        key=options.integer("key", None, 1, HIGHEST_KEY),
        normally_closed=options.text("contact", KINDS[0], KINDS) == KINDS[1],
    )
    options.finish()
    return place


class KeyContact:
    """One contact (hal.api.RelayContact); its device may come and go."""

    def __init__(
        self, place: KeyPlace, sysfs: Sysfs | None = None, kernel: InputKernel | None = None
    ) -> None:
        self._place = place
        self._sysfs = sysfs or KernelSysfs()
        self._kernel = kernel or EventDevices()
        self._device: KeyDevice | None = None

    async def is_on(self) -> bool:
        """Tell whether the relay is on; raises `HardwareLost`, `HardwareError`."""
        try:
            if self._device is None:
                self._device = self._opened()
            pressed = _bit(self._device.pressed(), self._place.key)
        except OSError as error:
            await self.close()
            raise _lost(self._place, error) from error
        return pressed is not self._place.normally_closed

    async def close(self) -> None:
        """Let go of the device."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _opened(self) -> KeyDevice:
        device = self._kernel.open(DEVICES / _found(self._sysfs, self._place))
        if not _bit(device.known(), self._place.key):
            device.close()
            raise HardwareError(f"{self._place}: the device has no such key; see its `keycode`")
        return device


def _bit(bits: bytes, number: int) -> bool:
    return bool(bits[number // 8] >> number % 8 & 1)


def _found(sysfs: Sysfs, place: KeyPlace) -> str:
    """Return the event device that a place describes, such as `event0`."""
    known = dict(_described(sysfs))
    found = [event for event, names in known.items() if _matches(place.device, names)]
    if len(found) == 1:
        return found[0]
    if found:
        raise HardwareError(f"{place}: several devices are called so: {', '.join(found)}")
    listed = "; ".join(f"{event}: {names[0]}" for event, names in known.items())
    shown = f"the kernel has {listed}" if listed else f"the kernel shows none in {CLASS}"
    raise HardwareLost(f"{place}: there is no such input device; {shown}")


def _described(sysfs: Sysfs) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each event device with its name and the parts of the path behind it."""
    for event in sysfs.names(CLASS):
        if event.startswith("event"):
            device = CLASS / event / "device"
            try:
                name = sysfs.read(device / "name")
            except OSError:
                continue  # it has just gone
            yield event, (name, *sysfs.resolve(device).parts)


def _matches(wanted: str, names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, wanted) for name in names)


def _lost(place: KeyPlace, error: OSError) -> HardwareLost:
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return HardwareLost(f"{place} cannot be read: {reason}")


_NO_RIGHTS = (
    "this user may not open it; install the udev rules of stationd (99-stationd.rules), or run as"
    " the user stationd"
)
_REASONS: Mapping[int, str] = {EACCES: _NO_RIGHTS, EPERM: _NO_RIGHTS}
