"""Current and duty cycle of the control pilot: IEC 61851-1, annex A, both ranges.

A duty is a fraction of the 1 kHz period: 1.0 is steady +12 V (X1), 0.0 steady -12 V (state F),
anything between is a PWM (X2).
"""

from dataclasses import dataclass

STEADY_POSITIVE = 1.0
STEADY_NEGATIVE = 0.0
MINIMUM_OFFER_A = 6.0
# IEC 61851-1 lets the EVSE change the PWM value at most every 5 s: the EV may take that long to
# follow. Starting and stopping the PWM is not a change of its value and is never delayed.
PWM_UPDATE_INTERVAL_S = 5.0

_LOW_RANGE_END_A = 51.0
_HIGH_RANGE_START_A = 52.5
_MAXIMUM_A = 80.0


def is_pwm(duty: float) -> bool:
    """Tell whether the duty is a PWM and not a steady level."""
    return STEADY_NEGATIVE < duty < STEADY_POSITIVE


def duty_for_current(current_a: float) -> float:
    """Return the duty that offers `current_a`, steady +12 V below 6 A (there is no such offer).

    Between 51 A and 52.5 A the standard defines no duty, so 51 A is offered; 80 A is the most.
    """
    if not current_a >= MINIMUM_OFFER_A:
        return STEADY_POSITIVE
    if current_a < _HIGH_RANGE_START_A:
        return min(current_a, _LOW_RANGE_END_A) / 60.0
    return min(current_a, _MAXIMUM_A) / 250.0 + 0.64


def current_for_duty(duty: float) -> float:
    """Return the amperes that a vehicle reads from the duty, 0 where it must not charge."""
    if not 0.08 <= duty <= 0.97:
        return 0.0
    if duty <= 0.10:
        return MINIMUM_OFFER_A
    if duty <= 0.85:
        return duty * 60.0
    return min((duty - 0.64) * 250.0, _MAXIMUM_A)


@dataclass(frozen=True, slots=True)
class DutyTrack:
    """The driven duty and since when it has been driven."""

    duty: float = STEADY_POSITIVE
    changed_s: float = 0.0

    def drive(self, wanted: float, now_s: float) -> "DutyTrack":
        """Move to the wanted duty, later if it only changes a running PWM's value too early."""
        if wanted == self.duty:
            return self
        both_pwm = is_pwm(wanted) and is_pwm(self.duty)
        if both_pwm and now_s - self.changed_s < PWM_UPDATE_INTERVAL_S:
            return self
        return DutyTrack(wanted, now_s)
