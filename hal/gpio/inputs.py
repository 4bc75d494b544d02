"""Lines that are on or off, and the coding resistor of the cable."""

from hal.gpio.adc import AnalogueInput
from hal.gpio.lines import Input

# Resistance between PP and PE (IEC 61851-1 table B.2; limits as in the manuals of common charge
# controllers): below the first one it is a short circuit, above the last one there is no cable.
SHORT_OHM = 75.0
RATINGS = ((150.0, 63), (330.0, 32), (1000.0, 20), (2200.0, 13))
NO_CABLE_OHM = RATINGS[-1][0]


class BinaryLine:
    """An input line of the board as the guard sees it."""

    def __init__(self, line: Input) -> None:
        self._line = line

    def is_on(self) -> bool:
        """Tell whether the line was on at the last refresh, or for a moment before it."""
        return self._line.was_on


class GpioProximity:
    """The coding resistor of the inserted cable, measured against a pull-up."""

    def __init__(self, source: AnalogueInput, pull_up_ohm: float, pull_up_v: float) -> None:
        self._source = source
        self._pull_up_ohm = pull_up_ohm
        self._pull_up_v = pull_up_v
        self.resistance_ohm = float("inf")

    def refresh(self) -> None:
        """Measure; raises `HardwareLost`."""
        self.resistance_ohm = resistance_ohm(
            self._source.read_v(), self._pull_up_ohm, self._pull_up_v
        )

    def cable_rating_a(self) -> int | None:
        """Return 13, 20, 32 or 63 A, None without a cable and for a short circuit."""
        return rating_a(self.resistance_ohm)


def resistance_ohm(measured_v: float, pull_up_ohm: float, pull_up_v: float) -> float:
    """Return the resistance that pulls the line down to `measured_v`."""
    if measured_v >= pull_up_v:
        return float("inf")
    return max(0.0, measured_v) * pull_up_ohm / (pull_up_v - measured_v)


def rating_a(resistance: float) -> int | None:
    """Return what a coding resistor says a cable stands, None where it says nothing."""
    if not resistance >= SHORT_OHM:
        return None
    return next((rating for limit_ohm, rating in RATINGS if resistance <= limit_ohm), None)
