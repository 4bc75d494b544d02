"""What StatusNotification says of a connector's faults: code, vendor's code and words.

The code, and the vendor's code beside it, are those of the most serious fault; `info` names all. A
fault with a Minimum Required Error Code of the ChargeX consortium is told under the consortium's
vendor id, any other one under this product's own name for it and without vendor id.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agent.core.fault_taxonomy import MREC_VENDOR, by_seriousness, kind_of
from agent.core.records import dataclass
from agent.ocpp.payloads import shorten

VENDOR_ERROR_CODE_LENGTH: Final = 50
_INFO_LENGTH: Final = 50


class ChargePointErrorCode(StrEnum):
    """ChargePointErrorCode of 1.6, as far as this station has the cause."""

    NO_ERROR = "NoError"
    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    GROUND_FAILURE = "GroundFailure"
    HIGH_TEMPERATURE = "HighTemperature"
    INTERNAL_ERROR = "InternalError"
    OTHER_ERROR = "OtherError"
    OVER_CURRENT_FAILURE = "OverCurrentFailure"
    POWER_METER_FAILURE = "PowerMeterFailure"
    POWER_SWITCH_FAILURE = "PowerSwitchFailure"
    READER_FAILURE = "ReaderFailure"
    UNDER_VOLTAGE = "UnderVoltage"


ERROR_CODES: Final[Mapping[str, ChargePointErrorCode]] = MappingProxyType(
    {
        "contactor_welded": ChargePointErrorCode.POWER_SWITCH_FAILURE,
        "rcd": ChargePointErrorCode.GROUND_FAILURE,
        "pe": ChargePointErrorCode.GROUND_FAILURE,
        "over_current": ChargePointErrorCode.OVER_CURRENT_FAILURE,
        "contactor_stuck_open": ChargePointErrorCode.POWER_SWITCH_FAILURE,
        "lock": ChargePointErrorCode.CONNECTOR_LOCK_FAILURE,
        "over_temperature": ChargePointErrorCode.HIGH_TEMPERATURE,
        "under_voltage": ChargePointErrorCode.UNDER_VOLTAGE,
        "lines_lost": ChargePointErrorCode.INTERNAL_ERROR,
        "guard_lost": ChargePointErrorCode.INTERNAL_ERROR,
        "internal": ChargePointErrorCode.INTERNAL_ERROR,
        "meter_lost": ChargePointErrorCode.POWER_METER_FAILURE,
        "temperature_lost": ChargePointErrorCode.INTERNAL_ERROR,
        "reader_lost": ChargePointErrorCode.READER_FAILURE,
    }
)
"""Faults with a code that says more than OtherError.

A pilot fault is OtherError: EVCommunicationError is a mere warning, not for Faulted (S16-STAT-08).
"""


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """The fields of StatusNotification that tell of faults."""

    code: ChargePointErrorCode = ChargePointErrorCode.NO_ERROR
    vendor_error_code: str | None = None
    vendor_id: str | None = None
    info: str | None = None


NO_ERROR: Final = ErrorReport()


def error_report(faults: frozenset[str]) -> ErrorReport:
    """Word the faults of a connector, or of the station as a whole."""
    if not faults:
        return NO_ERROR
    in_order = by_seriousness(faults)
    mrec = kind_of(in_order[0]).mrec
    return ErrorReport(
        ERROR_CODES.get(in_order[0], ChargePointErrorCode.OTHER_ERROR),
        shorten(in_order[0], VENDOR_ERROR_CODE_LENGTH) if mrec is None else mrec.code,
        None if mrec is None else MREC_VENDOR,
        shorten(",".join(in_order), _INFO_LENGTH),
    )
