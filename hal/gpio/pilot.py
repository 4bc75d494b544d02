"""The control pilot: duty to the PWM channel, plateaus from a sampler, and the line to state E."""

from typing import Protocol

from hal.api import PilotSample
from hal.gpio.lines import Output
from hal.gpio.pwm import PwmChannel, duty_ns

# Several edges on other lines in a row need no sample of the pilot each.
FRESH_S = 0.003


class Sampler(Protocol):
    """Measures both plateaus of the pilot within a bounded time."""

    def take(self, duty: float) -> PilotSample:
        """Measure while `duty` is on the line; raises `HardwareLost`."""


class GpioPilot:
    """The control pilot of one EVSE.

    `disconnect` is on while the pilot is cut off from the vehicle (state E); it falls to on when
    the lines are given back, so that a vehicle stops when the guard is gone.
    """

    def __init__(
        self, channel: PwmChannel, sampler: Sampler, disconnect: Output | None = None
    ) -> None:
        self._channel = channel
        self._sampler = sampler
        self._disconnect = disconnect
        self._wanted: float | None = None
        self._sampled_s: float | None = None
        self._sample = PilotSample(0.0, 0.0)

    def set_duty(self, fraction: float) -> None:
        """Drive a duty of 0..1 from the next flush on; raises `ValueError` outside of it."""
        duty_ns(fraction)
        self._wanted = fraction
        if self._disconnect is not None:
            self._disconnect.set(on=False)

    def sample(self) -> PilotSample:
        """Return the plateau voltages of the last refresh."""
        return self._sample

    def refresh(self, now_s: float) -> None:
        """Sample the plateaus unless it was done just now; raises `HardwareLost`."""
        if self._sampled_s is not None and 0.0 <= now_s - self._sampled_s < FRESH_S:
            return
        driven = self._channel.driven
        duty = self._channel.read_back() if driven is None else driven
        self._sample = self._sampler.take(duty)
        self._sampled_s = now_s

    def flush(self) -> None:
        """Drive the wanted duty; raises `HardwareLost`."""
        if self._wanted is None:
            return
        if self._wanted != self._channel.driven:
            self._sampled_s = None
        self._channel.drive(self._wanted)

    def make_safe(self) -> None:
        """Show state F; raises `HardwareLost` if it cannot be driven."""
        self._channel.drive(0.0)
