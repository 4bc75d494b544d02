"""What all ports share: errors, pilot states, faults, and why there is no supply."""

from enum import StrEnum


class HardwareError(Exception):
    """A device does not do what it is asked; the message names the device and the remedy."""


class HardwareLost(HardwareError):
    """A device no longer answers; asking again later may work."""


class PilotState(StrEnum):
    """Vehicle states of IEC 61851-1 as seen at the EVSE (A.4)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Fault(StrEnum):
    """Why an EVSE may not or cannot deliver energy."""

    RCD = "rcd"
    DIODE = "diode"
    PILOT_SHORT = "cp_short"
    PROTECTIVE_EARTH = "pe"
    OVER_TEMPERATURE = "over_temperature"
    OVER_CURRENT = "over_current"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_STUCK_OPEN = "contactor_stuck_open"
    LOCK = "lock"
    EMERGENCY_STOP = "estop"
    METER_LOST = "meter_lost"
    READER_LOST = "reader_lost"
    UNDER_VOLTAGE = "under_voltage"
    VENTILATION = "ventilation"
    OTHER = "other"
    LINES_LOST = "lines_lost"
    GUARD_LOST = "guard_lost"
    PILOT_NEGATIVE = "cp_negative"


class Hindrance(StrEnum):
    """Why the guard does not supply an EVSE now; together they say what has to happen first."""

    NO_VEHICLE = "no_vehicle"
    VEHICLE_NOT_READY = "vehicle_not_ready"
    NO_LEASE = "no_lease"
    NO_OFFER = "no_offer"
    CABLE_LIMIT = "cable_limit"
    FAULT = "fault"
    PILOT_UNPROVEN = "pilot_unproven"
    SELF_TEST = "self_test"
    LOCK = "lock"
    CONTACTOR_NOT_OPEN = "contactor_not_open"
    CONTACTOR_RESTS = "contactor_rests"
    PHASE_SWITCH = "phase_switch"
    WAKE_UP = "wake_up"
    SHUT_OFF = "shut_off"
    SHUTTING_DOWN = "shutting_down"
