"""Analogue inputs: where a converter's channel is, and what its volts mean in front of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hal.api import HardwareLost

SPI_MODELS = ("mcp3002", "mcp3004", "mcp3008", "mcp3202", "mcp3204", "mcp3208")


@dataclass(frozen=True, slots=True)
class IioPlace:
    """A channel that a kernel driver reads (Industrial I/O).

    `device` is the converter's name or a part of the path of the hardware behind it. `scale_mv`
    are millivolts for each step, for a driver that does not know its reference.
    """

    device: str
    channel: int
    scale_mv: float | None = None

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"converter {self.device}, channel {self.channel}"


@dataclass(frozen=True, slots=True)
class SpiPlace:
    """A channel of an MCP3xxx that this process reads over SPI, with its reference voltage."""

    model: str
    channel: int
    bus: int = 0
    select: int = 0
    reference_v: float = 3.3

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"{self.model} on SPI {self.bus}.{self.select}, channel {self.channel}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two measured points, each (volts at the converter, volts in front of the circuit)."""

    first: tuple[float, float] = (0.0, 0.0)
    second: tuple[float, float] = (1.0, 1.0)

    def volts(self, measured_v: float) -> float:
        """Return the volts in front of the circuit."""
        (x0, y0), (x1, y1) = self.first, self.second
        return y0 + (measured_v - x0) * (y1 - y0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class AdcPlace:
    """An analogue input: its channel and its calibration."""

    channel: IioPlace | SpiPlace
    calibration: Calibration = Calibration()

    @property
    def key(self) -> tuple[str | int, ...]:
        """Return what tells this channel from all others, however its reading is scaled."""
        at = self.channel
        if isinstance(at, IioPlace):
            return at.device, at.channel
        return at.bus, at.select, at.channel


class Converter(Protocol):
    """An open channel of a converter."""

    def read_v(self) -> float:
        """Convert once and return the volts at the converter; raises `HardwareLost`."""

    def close(self) -> None: ...


class AnalogueInput:
    """A channel whose readings are volts in front of the circuit."""

    def __init__(self, open_converter: Callable[[], Converter], calibration: Calibration) -> None:
        self._open_converter = open_converter
        self._calibration = calibration
        self._converter: Converter | None = None

    def open(self) -> None:
        """Open the channel; raises `HardwareLost`, `HardwareError`."""
        self._converter = self._open_converter()

    def read_v(self) -> float:
        """Convert once; raises `HardwareLost`."""
        if self._converter is None:
            raise HardwareLost("a converter is read that is not open")
        return self._calibration.volts(self._converter.read_v())

    def close(self) -> None:
        """Give the channel back."""
        if self._converter is not None:
            self._converter.close()
            self._converter = None
