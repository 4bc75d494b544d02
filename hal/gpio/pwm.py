"""One channel of a kernel hardware PWM in sysfs: the generator of the control pilot.

The chip is chosen by the hardware behind it, never by its number, which differs between kernels. A
software PWM is refused: at 1 kHz it is wrong by half a percent point and more in every fourth
cycle of a busy machine, and the vehicle takes its current from that. The channel stays enabled: a
duty of 0 is steady low (-12 V), one of the full period steady high (+12 V).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from errno import EACCES, EBUSY, EINVAL, EPERM
from pathlib import Path

from hal.api import HardwareError, HardwareLost
from hal.sysfs import devices
from hal.sysfs.files import Sysfs

PERIOD_NS = 1_000_000
POLARITIES = ("normal", "inversed")
SOFTWARE_DRIVERS = frozenset({"pwm-gpio", "gpio-pwm"})
# udev gives the files of a channel to the guard after the kernel has made them.
RIGHTS_LIMIT_S = 1.0
_RIGHTS_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class PwmPlace:
    """A channel: the device behind its chip, and how the driver stage wants it."""

    device: str
    channel: int = 0
    polarity: str = "normal"

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"PWM {self.device}, channel {self.channel}"


def duty_ns(fraction: float) -> int:
    """Return the nearest whole nanoseconds of a duty of 0..1; raises `ValueError` outside."""
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"a duty is within 0..1, not {fraction}")
    return round(fraction * PERIOD_NS)


class PwmChannel:
    """A channel that stays exported and enabled; writes to the kernel only what has changed."""

    def __init__(
        self, sysfs: Sysfs, place: PwmPlace, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._sysfs = sysfs
        self.place = place
        self._sleep = sleep
        self._duty_file: Path | None = None
        self._driven_ns: int | None = None

    @property
    def driven(self) -> float | None:
        """The duty on the line, None before the first one was driven."""
        return None if self._driven_ns is None else self._driven_ns / PERIOD_NS

    @property
    def duty_file(self) -> Path | None:
        """The file that sets the duty, None before the channel is open."""
        return self._duty_file

    def open(self) -> None:
        """Export the channel and enable it at 1 kHz; what runs already goes on undisturbed.

        Raises `HardwareLost` for what may come (no chip, no rights, busy), `HardwareError` for
        what the board file has to say otherwise (software PWM, no such channel).
        """
        sysfs, place = self._sysfs, self.place
        chip = find_chip(sysfs, place)
        folder = chip / f"pwm{place.channel}"
        if not sysfs.exists(folder):
            _export(sysfs, chip, place)
        _await_rights(sysfs, folder, place, self._sleep)
        try:
            _configure(sysfs, folder, place)
        except ValueError as error:
            raise HardwareLost(f"{place}: {folder} holds no numbers: {error}") from error
        self._duty_file = folder / "duty_cycle"

    def drive(self, fraction: float) -> None:
        """Set the duty; raises `HardwareLost` when the kernel refuses."""
        wanted_ns = duty_ns(fraction)
        if self._duty_file is None or wanted_ns == self._driven_ns:
            return
        try:
            self._sysfs.write(self._duty_file, str(wanted_ns))
        except OSError as error:
            raise _refused(self.place, self._duty_file, error) from error
        self._driven_ns = wanted_ns

    def read_back(self) -> float:
        """Return the duty that the kernel says is set; raises `HardwareLost`."""
        if self._duty_file is None:
            raise HardwareLost(f"{self.place}: is not open")
        try:
            return int(self._sysfs.read(self._duty_file)) / PERIOD_NS
        except (OSError, ValueError) as error:
            raise HardwareLost(f"{self.place}: cannot be read back: {error}") from error


def find_chip(sysfs: Sysfs, place: PwmPlace) -> Path:
    """Return the chip of a place, once it is fit for a control pilot."""
    chip = devices.find(sysfs, devices.PWM_CHIPS, place.device, str(place))
    driver = devices.driver_of(sysfs, chip)
    if driver in SOFTWARE_DRIVERS:
        raise HardwareError(
            f"{place}: its driver {driver} makes the pulses in software, with an error that the"
            " vehicle reads as another current; use a hardware PWM (on a Raspberry Pi"
            " dtoverlay=pwm or, on the Pi 5, pwm-pio)"
        )
    channels = int(_read(sysfs, chip / "npwm", place))
    if place.channel >= channels:
        raise HardwareError(
            f"{place}: the chip has {channels} channels, numbered from 0; correct the channel"
        )
    return chip


def _export(sysfs: Sysfs, chip: Path, place: PwmPlace) -> None:
    try:
        sysfs.write(chip / "export", str(place.channel))
    except OSError as error:
        if error.errno == EBUSY:
            raise HardwareLost(
                f"{place}: is in use by a driver of the kernel; take that driver's overlay out of"
                " the boot configuration, or choose another channel"
            ) from error
        raise _refused(place, chip / "export", error) from error


def _await_rights(
    sysfs: Sysfs, folder: Path, place: PwmPlace, sleep: Callable[[float], None]
) -> None:
    waited_s = 0.0
    while not sysfs.is_writable(folder / "duty_cycle"):
        if waited_s >= RIGHTS_LIMIT_S:
            raise _no_rights(place, folder / "duty_cycle")
        sleep(_RIGHTS_POLL_S)
        waited_s += _RIGHTS_POLL_S


def _configure(sysfs: Sysfs, folder: Path, place: PwmPlace) -> None:
    """Bring period, polarity and enable to what the pilot needs, in the order the kernel wants."""
    enabled = _read(sysfs, folder / "enable", place) == "1"
    turned = _read(sysfs, folder / "polarity", place) != place.polarity
    if turned and enabled:
        _write(sysfs, folder / "enable", "0", place)
        enabled = False
    if int(_read(sysfs, folder / "period", place)) != PERIOD_NS:
        if int(_read(sysfs, folder / "duty_cycle", place)) > 0:
            _write(sysfs, folder / "duty_cycle", "0", place)
        _write(sysfs, folder / "period", str(PERIOD_NS), place)
    if turned:  # after the period: some kernels refuse any setting of a channel without one
        _set_polarity(sysfs, folder, place)
    if not enabled:
        _write(sysfs, folder / "enable", "1", place)


def _set_polarity(sysfs: Sysfs, folder: Path, place: PwmPlace) -> None:
    try:
        sysfs.write(folder / "polarity", place.polarity)
    except OSError as error:
        if error.errno in {EACCES, EPERM}:
            raise _no_rights(place, folder / "polarity") from error
        raise HardwareError(
            f"{place}: the chip cannot be {place.polarity} ({error.strerror}); choose the other"
            " polarity and a driver stage that fits it"
        ) from error


def _read(sysfs: Sysfs, file: Path, place: PwmPlace) -> str:
    try:
        return sysfs.read(file)
    except OSError as error:
        raise HardwareLost(f"{place}: cannot read {file}: {error.strerror}") from error


def _write(sysfs: Sysfs, file: Path, text: str, place: PwmPlace) -> None:
    try:
        sysfs.write(file, text)
    except OSError as error:
        raise _refused(place, file, error) from error


def _refused(place: PwmPlace, file: Path, error: OSError) -> HardwareLost:
    if error.errno in {EACCES, EPERM}:
        return _no_rights(place, file)
    reason = "the chip cannot do 1 kHz" if error.errno == EINVAL else error.strerror
    return HardwareLost(f"{place}: the kernel refuses {file.name}: {reason} ({file})")


def _no_rights(place: PwmPlace, file: Path) -> HardwareLost:
    return HardwareLost(
        f"{place}: this user may not write {file}; install the udev rules of stationd"
        " (99-stationd.rules), or run as the user stationd-guard"
    )
