"""Channels of converters that a kernel driver serves through Industrial I/O in sysfs."""

from pathlib import Path

from hal.api import HardwareError, HardwareLost
from hal.gpio.adc import IioPlace
from hal.sysfs import devices
from hal.sysfs.files import Sysfs, ValueFile

MILLI = 1e-3


class IioChannel:
    """One channel; each reading is one conversion."""

    def __init__(self, place: IioPlace, raw: ValueFile, scale_mv: float, offset: float) -> None:
        self._place = place
        self._raw = raw
        self._scale_v = scale_mv * MILLI
        self._offset = offset

    def read_v(self) -> float:
        """Convert once and return the volts at the converter; raises `HardwareLost`."""
        try:
            return (int(self._raw.read()) + self._offset) * self._scale_v
        except ValueError as error:
            raise HardwareLost(f"{self._place}: its driver tells no number: {error}") from error
        except OSError as error:
            raise HardwareLost(
                f"{self._place}: cannot be read: {error.strerror}; check its wires and its supply"
            ) from error

    def close(self) -> None:
        """Close the channel's file."""
        self._raw.close()


def open_channel(sysfs: Sysfs, place: IioPlace) -> IioChannel:
    """Open a channel; raises `HardwareLost`, and `HardwareError` for what the board file lacks."""
    device = devices.find(sysfs, devices.CONVERTERS, place.device, str(place))
    name = f"in_voltage{place.channel}"
    if not sysfs.exists(device / f"{name}_raw"):
        raise HardwareError(f"{place}: there is no such channel; {_channels(sysfs, device)}")
    scale_mv = place.scale_mv or _number(sysfs, device, (f"{name}_scale", "in_voltage_scale"))
    if scale_mv is None:
        raise HardwareError(
            f"{place}: the driver does not know its reference; give scale_mv, millivolts per step"
        )
    offset = _number(sysfs, device, (f"{name}_offset", "in_voltage_offset")) or 0.0
    try:
        return IioChannel(place, sysfs.open(device / f"{name}_raw"), scale_mv, offset)
    except OSError as error:
        raise HardwareLost(f"{place}: cannot be opened: {error.strerror}") from error


def _number(sysfs: Sysfs, device: Path, names: tuple[str, ...]) -> float | None:
    for name in names:
        try:
            return float(sysfs.read(device / name))
        except (OSError, ValueError):
            continue
    return None


def _channels(sysfs: Sysfs, device: Path) -> str:
    found = [
        name.removeprefix("in_voltage").removesuffix("_raw")
        for name in sysfs.names(device)
        if name.startswith("in_voltage") and name.endswith("_raw")
    ]
    return f"it has {', '.join(found)}" if found else "it measures no voltage"
