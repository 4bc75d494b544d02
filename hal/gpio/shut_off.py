"""The second shut-off path: a shunt trip that gets a pulse, or a relay in series with the mains."""

from collections.abc import Callable

from hal.gpio.lines import Output


class ShuntTrip:
    """A release that trips the breaker; its coil stands only a short pulse."""

    def __init__(self, output: Output, pulse_s: float, clock: Callable[[], float]) -> None:
        self._output = output
        self._pulse_s = pulse_s
        self._clock = clock
        self._tripped_s: float | None = None

    @property
    def output(self) -> Output:
        """The line that trips."""
        return self._output

    @property
    def due_s(self) -> float | None:
        """When the pulse ends."""
        if self._tripped_s is None or not self._output.is_on:
            return None
        return self._tripped_s + self._pulse_s

    def command(self, *, tripped: bool) -> None:
        """Send one pulse for each time that the path is to cut."""
        if not tripped:
            self._tripped_s = None
        elif self._tripped_s is None:
            self._tripped_s = self._clock()
        self.advance(self._clock())

    def advance(self, now_s: float) -> None:
        """End the pulse if it is time."""
        since_s = self._tripped_s
        self._output.set(on=since_s is not None and now_s - since_s < self._pulse_s)


class SeriesRelay:
    """A relay in series with the contactor; its line is on while it lets the current through."""

    def __init__(self, output: Output) -> None:
        self._output = output

    @property
    def due_s(self) -> float | None:
        """Nothing happens by itself."""
        return None

    def command(self, *, tripped: bool) -> None:
        """Open the relay, or close it."""
        self._output.set(on=not tripped)

    def advance(self, now_s: float) -> None:
        """Do nothing: the relay keeps its level."""
