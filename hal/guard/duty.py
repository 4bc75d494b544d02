"""Current and duty cycle of the control pilot: IEC 61851-1, annex A, both ranges.

A duty is a fraction of the 1 kHz period: 1.0 is steady +12 V (X1), 0.0 steady -12 V (state F),
anything between is a PWM (X2).
"""

from dataclasses import dataclass, replace

STEADY_POSITIVE = 1.0
STEADY_NEGATIVE = 0.0
MINIMUM_OFFER_A = 6.0
# IEC 61851-1 lets the EVSE change the PWM value at most every 5 s: the EV may take that long to
# follow. Starting and stopping the PWM is not a change of its value and is never delayed.
PWM_UPDATE_INTERVAL_S = 5.0
# A PWM that stopped stays away long enough for the EV to take notice, and state F is followed by
# a moment of steady +12 V.
X1_STEP_S = 3.0
X1_AFTER_F_S = 0.750
STATE_F_S = 0.300

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
    """The driven duty, and what the standard lets follow it.

    `changed_s` is when the duty was set, `level_since_s` since when the pilot has been steady
    positive, a PWM, or in state F, and `pwm_from_s` when a PWM may start again.
    """

    duty: float = STEADY_POSITIVE
    changed_s: float = 0.0
    level_since_s: float = 0.0
    pwm_from_s: float = 0.0

    @classmethod
    def begun(cls, now_s: float) -> "DutyTrack":
        """Begin with a steady positive pilot."""
        return cls(STEADY_POSITIVE, now_s, now_s)

    def steady_for(self, now_s: float) -> float:
        """Return for how long there has been no PWM, in seconds."""
        return 0.0 if is_pwm(self.duty) else now_s - self.level_since_s

    def drive(self, wanted: float, now_s: float) -> "DutyTrack":
        """Move to the wanted duty, or as near to it as may be done now."""
        allowed = self._allowed(wanted, now_s)
        if allowed == self.duty:
            return self
        if is_pwm(allowed) and is_pwm(self.duty):
            return replace(self, duty=allowed, changed_s=now_s)
        return DutyTrack(allowed, now_s, now_s, self._pwm_from_s(allowed, now_s))

    def _allowed(self, wanted: float, now_s: float) -> float:
        if self.duty == STEADY_NEGATIVE and now_s - self.level_since_s < STATE_F_S:
            return STEADY_NEGATIVE
        if not is_pwm(wanted):
            return wanted
        if is_pwm(self.duty):
            return wanted if now_s - self.changed_s >= PWM_UPDATE_INTERVAL_S else self.duty
        if self.duty == STEADY_NEGATIVE or now_s < self.pwm_from_s:
            return STEADY_POSITIVE
        return wanted

    def _pwm_from_s(self, level: float, now_s: float) -> float:
        if level != STEADY_POSITIVE:
            return self.pwm_from_s
        return now_s + (X1_STEP_S if is_pwm(self.duty) else X1_AFTER_F_S)
