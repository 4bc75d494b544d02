"""How the card is wired to an outlet: which line and channel is what, what voltages become.

The circuit is that of `board.toml` beside this file.
"""

from collections.abc import Mapping

from hal.api import Fault

# Outputs of the station.
COIL = 17
LOCK_FORWARD = 23
LOCK_BACKWARD = 24
RCM_TEST = 25
SHUT_OFF = 26
PILOT_DISCONNECT = 16
PEAK_RESET = 12

# Inputs. A mirror contact is normally closed: its line is high while the main contacts are open.
MIRROR_CONTACT = 22
LOCK_FEEDBACK = 27
RCM_TRIP = 20
LID = 21
FAULT_INPUTS: Mapping[Fault, int] = {
    Fault.EMERGENCY_STOP: 5,
    Fault.PROTECTIVE_EARTH: 6,
    Fault.OVER_TEMPERATURE: 13,
    Fault.UNDER_VOLTAGE: 19,
}
# A button that opens and a relay that drops: their lines are low while the fault is there.
OPENS_WHEN_ON = frozenset({Fault.EMERGENCY_STOP, Fault.PROTECTIVE_EARTH})

PILOT_PWM = 0
PILOT_ADC = 0
PROXIMITY_ADC = 1

ADC_STEPS = 4096
ADC_REFERENCE_V = 3.3
PULL_UP_OHM = 1000.0
CODING_OHM: Mapping[int, float] = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0}

# The pilot reaches the converter through a divider that lifts -12 V above zero.
PILOT_GAIN = 0.125
PILOT_LIFT_V = 1.65


def pilot_steps(volts: float) -> int:
    """Return what the converter reads for a voltage of the pilot."""
    return _steps(volts * PILOT_GAIN + PILOT_LIFT_V)


def proximity_steps(cable_a: int | None) -> int:
    """Return what the converter reads for the cable in the socket, or none."""
    if cable_a is None:
        return _steps(ADC_REFERENCE_V)
    ohm = CODING_OHM[cable_a]
    return _steps(ADC_REFERENCE_V * ohm / (ohm + PULL_UP_OHM))


def _steps(volts: float) -> int:
    return max(0, min(ADC_STEPS - 1, round(volts / ADC_REFERENCE_V * ADC_STEPS)))
