"""The edges that keep a hardware monostable up: no guard, no edges, no coil."""

from hal.gpio.lines import Output

INTERVAL_S = 0.040


class Heartbeat:
    """Toggles a line with the flushes of a living guard, at most every `interval_s`.

    The monostable enables the coil drivers and drops them 200 ms after the last rising edge.
    """

    def __init__(self, output: Output, interval_s: float = INTERVAL_S) -> None:
        self._output = output
        self._interval_s = interval_s
        self._toggled_s: float | None = None

    @property
    def due_s(self) -> float | None:
        """When the next edge is due."""
        return None if self._toggled_s is None else self._toggled_s + self._interval_s

    def advance(self, now_s: float) -> None:
        """Make the next edge if it is time."""
        if self._toggled_s is None or now_s - self._toggled_s >= self._interval_s:
            self._toggled_s = now_s
            self._output.set(on=not self._output.is_on)
