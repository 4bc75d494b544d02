"""Every fault that this station can have: what it means to people, to OCPP and to a session.

One row for each `hal.api.Fault` and for the faults that the agent finds by itself, the most serious
first: of several faults that one speaks for all where there is room for one. Sentences are for a
driver at the outlet and for an installer with the cover open. MREC are the Minimum Required Error
Codes of the ChargeX consortium (INL, revision 5), which several versions carry as vendor codes;
component and variable are those of OCPP 2.x part 2, appendix 3.2.
"""

from collections.abc import Iterable
from enum import IntEnum

from agent.core.records import dataclass
from agent.core.vocabulary import StoppedReason

MREC_VENDOR = "https://chargex.inl.gov"
"""The vendor that MREC codes are told under."""
INTERNAL = "internal"
"""The software of one EVSE's session does not work (`services.supervision`)."""
TEMPERATURE_LOST = "temperature_lost"
"""The temperature sensor of an EVSE cannot be read (`services.temperature`)."""


class Severity(IntEnum):
    """EventDataType.severity, as far as faults need it."""

    DANGER = 0
    HARDWARE_FAILURE = 1
    SYSTEM_FAILURE = 2
    CRITICAL = 3
    ERROR = 4
    WARNING = 6


@dataclass(frozen=True, slots=True)
class Mrec:
    """A Minimum Required Error Code: its number and its name."""

    code: str
    name: str


CONNECTOR_LOCK_FAILURE = Mrec("CX001", "ConnectorLockFailure")
GROUND_FAILURE = Mrec("CX002", "GroundFailure")
HIGH_TEMPERATURE = Mrec("CX003", "HighTemperature")
OVER_CURRENT_FAILURE = Mrec("CX004", "OverCurrentFailure")
UNDER_VOLTAGE = Mrec("CX006", "UnderVoltage")
EMERGENCY_STOP = Mrec("CX008", "EmergencyStop")
PILOT_FAULT = Mrec("CX014", "PilotFault")
EVSE_CONTACTOR_FAULT = Mrec("CX017", "EVSEContactorFault")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One fault.

    `stopped_reason` None only suspends, and may end by itself; all others end the transaction and
    latch until the EV is unplugged. While `prevents_charging` the connector is Faulted. The
    component is the connector's or the EVSE's.
    """

    name: str
    driver: str
    remedy: str
    mrec: Mrec | None = None
    component: str
    at_connector: bool = False
    variable: str = "Problem"
    severity: Severity = Severity.HARDWARE_FAILURE
    stopped_reason: StoppedReason | None = None
    prevents_charging: bool = True


FAULTS: tuple[FaultKind, ...] = (
    FaultKind(
        name="contactor_welded",
        driver="The outlet cannot be switched off: leave it alone and call for service.",
        remedy="Cut the supply and replace the contactor: its contacts stay closed.",
        mrec=EVSE_CONTACTOR_FAULT,
        component="PowerContactor",
        severity=Severity.DANGER,
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="rcd",
        driver="Current leaked to earth, so the outlet was switched off: unplug the car.",
        remedy="Try another car and cable; if it trips again, measure the insulation and the"
        " residual current monitor with its self test line.",
        mrec=GROUND_FAILURE,
        component="RCD",
        variable="Tripped",
        severity=Severity.CRITICAL,
        stopped_reason=StoppedReason.GROUND_FAULT,
    ),
    FaultKind(
        name="pe",
        driver="The protective earth is not safe, so the outlet was switched off.",
        remedy="Check the protective conductor up to the outlet and the wiring of its monitor.",
        component="ElectricalFeed",
        severity=Severity.DANGER,
        stopped_reason=StoppedReason.GROUND_FAULT,
    ),
    FaultKind(
        name="estop",
        driver="The emergency stop is pressed.",
        remedy="Find out why, release the button, and unplug the car to go on.",
        mrec=EMERGENCY_STOP,
        component="EmergencyStopSensor",
        variable="Active",
        severity=Severity.DANGER,
        stopped_reason=StoppedReason.EMERGENCY_STOP,
    ),
    FaultKind(
        name="over_current",
        driver="The car drew more current than it was allowed, so charging was stopped.",
        remedy="Try another car; if it happens again, compare the meter with a clamp and check"
        " max_current_a and the current transformers.",
        mrec=OVER_CURRENT_FAILURE,
        component="OverCurrentProtection",
        variable="Active",
        severity=Severity.CRITICAL,
        stopped_reason=StoppedReason.OVERCURRENT_FAULT,
    ),
    FaultKind(
        name="contactor_stuck_open",
        driver="The outlet cannot be switched on.",
        remedy="Check coil voltage, coil driver and the mirror contact: the contactor does not"
        " close when it is told to.",
        mrec=EVSE_CONTACTOR_FAULT,
        component="PowerContactor",
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="lock",
        driver="The plug could not be locked: push it in fully, or try another outlet.",
        remedy="Check that the plug sits, the lock's motor and its feedback contact.",
        mrec=CONNECTOR_LOCK_FAILURE,
        component="ConnectorPlugRetentionLock",
        at_connector=True,
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="over_temperature",
        driver="The station is too hot; charging goes on when it has cooled down.",
        remedy="Check ventilation, terminals and the torque of their screws.",
        mrec=HIGH_TEMPERATURE,
        component="TemperatureSensor",
        variable="Active",
        severity=Severity.ERROR,
    ),
    FaultKind(
        name="under_voltage",
        driver="The supply voltage is too low; charging goes on when it is back.",
        remedy="Measure the supply under load; check fuses and terminals.",
        mrec=UNDER_VOLTAGE,
        component="ElectricalFeed",
        severity=Severity.ERROR,
    ),
    FaultKind(
        name="diode",
        driver="The car's charging circuit does not answer as it must: unplug it and try again.",
        remedy="Try another car: the diode in the pilot circuit of this one is missing or shorted.",
        mrec=PILOT_FAULT,
        component="CPPWMController",
        severity=Severity.ERROR,
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="cp_short",
        driver="The control line of the cable is shorted: unplug it and try another cable.",
        remedy="Unplug the cable; if the fault stays, look for a short between CP and PE.",
        mrec=PILOT_FAULT,
        component="CPPWMController",
        severity=Severity.ERROR,
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="cp_negative",
        driver="The station's control signal is faulty: try another outlet.",
        remedy="Check the -12 V supply of the pilot circuit and its amplifier.",
        mrec=PILOT_FAULT,
        component="CPPWMController",
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="ventilation",
        driver="This car needs a ventilated place to charge, which this is not.",
        remedy="Set ventilation = true for this EVSE only if the site is ventilated.",
        component="EVSE",
        severity=Severity.WARNING,
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name="lines_lost",
        driver="The station has lost its electronics: try another outlet.",
        remedy="See the guard's log for the board or line that does not answer.",
        component="Controller",
    ),
    FaultKind(
        name="guard_lost",
        driver="The station's safety guard is not running: try another outlet.",
        remedy="Start stationd-guard and see its log.",
        component="Controller",
        severity=Severity.SYSTEM_FAILURE,
    ),
    FaultKind(
        name=INTERNAL,
        driver="The station's software has a problem with this outlet: try another one.",
        remedy="Send the agent's log to the maker; it holds the traceback.",
        component="Controller",
        severity=Severity.SYSTEM_FAILURE,
    ),
    FaultKind(
        name="meter_lost",
        driver="The energy meter does not answer, so nothing can be billed now.",
        remedy="Check the meter's supply, the bus wiring, its address and baud rate.",
        component="FiscalMetering",
    ),
    FaultKind(
        name="other",
        driver="The station has a fault: unplug the car and try another outlet.",
        remedy="See which fault input is on, and why.",
        component="EVSE",
        stopped_reason=StoppedReason.OTHER,
    ),
    FaultKind(
        name=TEMPERATURE_LOST,
        driver="The temperature of the station is not known, so charging is slow.",
        remedy="Check the temperature sensor and its wiring.",
        component="TemperatureSensor",
        severity=Severity.WARNING,
        prevents_charging=False,
    ),
    FaultKind(
        name="reader_lost",
        driver="The card reader does not work: start with the operator's app.",
        remedy="Check the reader's cable, its port and its rights.",
        component="TokenReader",
        severity=Severity.ERROR,
        prevents_charging=False,
    ),
)
BY_NAME = {kind.name: kind for kind in FAULTS}
_RANK = {kind.name: rank for rank, kind in enumerate(FAULTS)}


def by_seriousness(faults: Iterable[str]) -> list[str]:
    """Return fault names, the most serious first; those that nobody knows come last by name."""
    return sorted(faults, key=lambda fault: (_RANK.get(fault, len(_RANK)), fault))


def kind_of(fault: str) -> FaultKind:
    """Return the row of a fault; one that nobody knows counts as `other` under its own name."""
    known = BY_NAME.get(fault)
    if known is not None:
        return known
    return FaultKind(
        name=fault,
        driver="The station has a fault: unplug the car and try another outlet.",
        remedy="See the log for this fault.",
        component="EVSE",
    )


def stopped_reason(faults: frozenset[str]) -> StoppedReason | None:
    """Return why these faults end a transaction, None if they only suspend it (E06.FR.16).

    A reason that says more than Other goes first.
    """
    known = (BY_NAME.get(fault) for fault in by_seriousness(faults))
    reasons = [kind.stopped_reason for kind in known if kind is not None and kind.stopped_reason]
    telling = (reason for reason in reasons if reason is not StoppedReason.OTHER)
    return next(telling, reasons[0] if reasons else None)
