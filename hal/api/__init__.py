"""Ports of the hardware: what the guard and the services may ask of a board.

Two families. *Safety lines* (pilot, contactor, proximity, residual current, lock, emergency stop)
are synchronous and non-blocking: the guard process owns them. *Instruments* (energy meter, token
reader, temperature, status light, relays of others) are asynchronous: the station's services own
them. `GuardLink` is how the services reach the guard. Units are part of every name.
"""

from hal.api.findings import Finding
from hal.api.guard import (
    GuardGone,
    GuardLink,
    GuardStatus,
    Lease,
    LeaseState,
    PilotMode,
)
from hal.api.instruments import (
    BLINK_MS,
    EnergyMeter,
    Indicator,
    IndicatorColour,
    IndicatorPattern,
    IndicatorRhythm,
    MeterIdentity,
    MeterReading,
    Presentation,
    RelayContact,
    SignedRecord,
    SigningMeter,
    TemperatureSensor,
    TokenReader,
)
from hal.api.lines import (
    PER_PHASE,
    BinaryInput,
    Contactor,
    EvseLines,
    Feed,
    Lock,
    Pilot,
    PilotSample,
    ProximityPilot,
    ResidualCurrentMonitor,
    SafetyBoard,
    ShutOff,
)
from hal.api.vehicle import (
    CertificateAnswer,
    CertificateRequest,
    PowerStep,
    VehicleAnswer,
    VehicleLink,
    VehicleNeeds,
)
from hal.api.vocabulary import (
    Fault,
    HardwareError,
    HardwareLost,
    Hindrance,
    PilotState,
)

__all__ = [
    "BLINK_MS",
    "PER_PHASE",
    "BinaryInput",
    "CertificateAnswer",
    "CertificateRequest",
    "Contactor",
    "EnergyMeter",
    "EvseLines",
    "Fault",
    "Feed",
    "Finding",
    "GuardGone",
    "GuardLink",
    "GuardStatus",
    "HardwareError",
    "HardwareLost",
    "Hindrance",
    "Indicator",
    "IndicatorColour",
    "IndicatorPattern",
    "IndicatorRhythm",
    "Lease",
    "LeaseState",
    "Lock",
    "MeterIdentity",
    "MeterReading",
    "Pilot",
    "PilotMode",
    "PilotSample",
    "PilotState",
    "PowerStep",
    "Presentation",
    "ProximityPilot",
    "RelayContact",
    "ResidualCurrentMonitor",
    "SafetyBoard",
    "ShutOff",
    "SignedRecord",
    "SigningMeter",
    "TemperatureSensor",
    "TokenReader",
    "VehicleAnswer",
    "VehicleLink",
    "VehicleNeeds",
]
