"""Channels of MCP3xxx converters that this process reads over SPI, through gpiozero on lgpio."""

import warnings
from typing import TYPE_CHECKING, Any

from hal.api import HardwareError, HardwareLost
from hal.gpio.adc import SpiPlace

if TYPE_CHECKING:
    from gpiozero import Factory


class SpiChannel:
    """One channel; each reading is one conversion."""

    def __init__(self, place: SpiPlace, device: Any, errors: tuple[type[Exception], ...]) -> None:
        self._place = place
        self._device = device
        self._errors = errors
        self._step_v = place.reference_v / (2**device.bits - 1)

    def read_v(self) -> float:
        """Convert once and return the volts at the converter; raises `HardwareLost`."""
        try:
            return float(self._device.raw_value * self._step_v)
        except self._errors as error:
            raise HardwareLost(f"{self._place}: cannot be read: {error}") from error

    def close(self) -> None:
        """Close the device."""
        self._device.close()


class SpiBus:
    """Opens converters; all share one pin factory, which is made when the first one is opened."""

    def __init__(self, factory: "Factory | None" = None) -> None:
        self._factory = factory
        self._errors: tuple[type[Exception], ...] = ()

    def open_channel(self, place: SpiPlace) -> SpiChannel:
        """Open a channel; raises `HardwareLost`, and `HardwareError` if a library is missing."""
        import gpiozero  # noqa: PLC0415 -- loaded only for converters on SPI

        if not self._errors:
            self._errors = (OSError, gpiozero.GPIOZeroError)
        factory = self._factory or self._lgpio_factory(place)
        self._factory = factory
        make = getattr(gpiozero, place.model.upper())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", gpiozero.SPISoftwareFallback)
                device = make(
                    channel=place.channel,
                    max_voltage=place.reference_v,
                    port=place.bus,
                    device=place.select,
                    pin_factory=factory,
                )
        except gpiozero.SPISoftwareFallback as error:
            raise HardwareLost(
                f"{place}: the kernel's SPI bus cannot be had: {error}; switch it on"
                " (dtparam=spi=on) and let the user stationd-guard open /dev/spidev*"
            ) from error
        except self._errors as error:
            raise HardwareLost(f"{place}: cannot be opened: {error}") from error
        return SpiChannel(place, device, self._errors)

    def close(self) -> None:
        """Give the bus back."""
        if self._factory is not None:
            self._factory.close()
            self._factory = None

    def _lgpio_factory(self, place: SpiPlace) -> "Factory":
        import gpiozero  # noqa: PLC0415

        try:
            import lgpio  # noqa: PLC0415
            from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415
        except ImportError as error:
            raise HardwareError(
                f"{place}: gpiozero reaches SPI through lgpio, which is not installed; install"
                " stationd[spi] (Python up to 3.12) or the distribution's python3-lgpio, or let"
                ' the kernel\'s driver read the converter (dtoverlay=mcp3208, kind = "iio")'
            ) from error
        self._errors = (*self._errors, lgpio.error)
        try:
            return LGPIOFactory()
        except (gpiozero.GPIOZeroError, lgpio.error, OSError) as error:
            raise HardwareLost(
                f"{place}: gpiozero cannot use this machine's lines: {error}; it knows Raspberry"
                ' Pis only, on other boards use kind = "iio"'
            ) from error
