"""The control-pilot circuit of IEC 61851-1 annex A: what a duty cycle and a load make of it.

The EVSE drives +-12 V through 1 kOhm; the vehicle loads the positive half through a diode with
2.74 kOhm (state B), 882 Ohm (state C) or 246 Ohm (state D).
"""

from dataclasses import dataclass
from enum import IntEnum

from hal.api import PilotSample, PilotState

SUPPLY_V = 12.0
SOURCE_OHM = 1000.0
DIODE_DROP_V = 0.7


class Load(IntEnum):
    """What the vehicle hangs on the pilot, in ohms; 0 is no vehicle."""

    NONE = 0
    CONNECTED = 2740
    READY = 882
    VENTILATION = 246


_STATES = {
    Load.NONE: PilotState.A,
    Load.CONNECTED: PilotState.B,
    Load.READY: PilotState.C,
    Load.VENTILATION: PilotState.D,
}


@dataclass(frozen=True, slots=True)
class PilotDefects:
    """What may be wrong with the pilot: vehicle's diode, a short to earth, the station's -12 V."""

    diode_shorted: bool = False
    shorted: bool = False
    no_negative: bool = False


SOUND = PilotDefects()


def plateaus(duty: float | None, load: Load, defects: PilotDefects = SOUND) -> PilotSample:
    """Return both plateau voltages; `duty` None is a pilot that nobody drives."""
    if duty is None or defects.shorted:
        return PilotSample(0.0, 0.0)
    high_v = _positive_v(load, diode_shorted=defects.diode_shorted)
    low_v = -high_v if defects.diode_shorted else -SUPPLY_V
    if defects.no_negative:
        low_v = 0.0
    if duty >= 1.0:
        return PilotSample(high_v, high_v)
    if duty <= 0.0:
        return PilotSample(low_v, low_v)
    return PilotSample(high_v, low_v)


def pilot_state(duty: float | None, load: Load, defects: PilotDefects = SOUND) -> PilotState:
    """Return the state that an ideal observer of the line would name."""
    if duty is None or defects.shorted:
        return PilotState.E
    if duty <= 0.0:
        return PilotState.E if defects.no_negative else PilotState.F
    return _STATES[load]


def offered_current_a(duty: float | None) -> float:
    """Return the current that a vehicle reads from a duty cycle, 0 where it may not charge.

    IEC 61851-1 table A.8 as a vehicle applies it. 3..7 % asks for digital communication, which
    this vehicle does not have.
    """
    percent = 0.0 if duty is None else round(duty * 100.0, 9)
    if percent < 8.0 or percent > 97.0:
        return 0.0
    if percent < 10.0:
        return 6.0
    if percent <= 85.0:
        return percent * 0.6
    return min(80.0, (percent - 64.0) * 2.5)


def _positive_v(load: Load, *, diode_shorted: bool) -> float:
    if load is Load.NONE:
        return SUPPLY_V
    drop_v = 0.0 if diode_shorted else DIODE_DROP_V
    return (SUPPLY_V - drop_v) * load / (load + SOURCE_OHM) + drop_v
