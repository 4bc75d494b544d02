"""Finding a device in sysfs by what it is, never by its number.

The numbers of `pwmchip0`, `iio:device1` or `hwmon2` follow the order in which drivers were loaded.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from hal.api import HardwareError, HardwareLost
from hal.sysfs.files import ROOT, Sysfs

PWM_CHIPS = ROOT / "class" / "pwm"
CONVERTERS = ROOT / "bus" / "iio" / "devices"
# Stands in the path where no other device is behind it.
_NUMBERED = re.compile(r"(pwmchip|iio:device|hwmon|thermal_zone)\d+")


def find(sysfs: Sysfs, folder: Path, wanted: str, what: str) -> Path:
    """Return the one device in the folder of a class or bus that `wanted` describes.

    `wanted` is the device's own name, or a component or the whole of the path of the hardware
    behind it, with `*` for anything; `what` names the device in complaints. Raises `HardwareLost`
    if there is none, `HardwareError` if there are several.
    """
    devices = [(name, _path(sysfs, folder / name)) for name in sysfs.names(folder)]
    found = [name for name, path in devices if _matches(sysfs, folder / name, path, wanted)]
    if len(found) > 1:
        several = ", ".join(f"{name} ({path})" for name, path in devices if name in found)
        raise HardwareError(
            f"{what}: {wanted!r} describes several devices: {several}; give more of the path"
        )
    if not found:
        raise HardwareLost(f"{what}: there is no device {wanted!r}; {_listed(sysfs, folder)}")
    return folder / found[0]


def describe(sysfs: Sysfs, folder: Path) -> Iterable[str]:
    """Yield each device of a class or bus as a board file may name it."""
    for number in sysfs.names(folder):
        name = name_of(sysfs, folder / number)
        path = _path(sysfs, folder / number)
        yield f"{name} ({path})" if name else str(path)


def name_of(sysfs: Sysfs, folder: Path) -> str:
    """Return what a device calls itself, empty if it does not."""
    for key in ("name", "type"):
        try:
            return sysfs.read(folder / key)
        except OSError:
            continue
    return ""


def driver_of(sysfs: Sysfs, folder: Path) -> str:
    """Return the kernel driver behind a device, empty if it tells none."""
    link = folder / "device" / "driver"
    return sysfs.resolve(link).name if sysfs.exists(link) else ""


def _listed(sysfs: Sysfs, folder: Path) -> str:
    known = "; ".join(describe(sysfs, folder))
    return f"the kernel has {known}" if known else f"the kernel shows none in {folder}"


def _path(sysfs: Sysfs, device: Path) -> Path:
    """Return the hardware behind a device, relative to `/sys/devices`."""
    link = device / "device"
    path = sysfs.resolve(link if sysfs.exists(link) else device)
    devices = ROOT / "devices"
    return path.relative_to(devices) if path.is_relative_to(devices) else path


def _matches(sysfs: Sysfs, device: Path, path: Path, wanted: str) -> bool:
    if fnmatchcase(name_of(sysfs, device), wanted):
        return True
    whole = wanted.removeprefix(str(ROOT / "devices")).strip("/")
    return (
        any(fnmatchcase(part, whole) for part in path.parts if not _NUMBERED.fullmatch(part))
        or fnmatchcase(str(path), whole)
        or str(path).startswith(f"{whole}/")
    )
