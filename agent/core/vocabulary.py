"""The words of the core: identifiers, tokens and enumerations, named as in OCPP 2.1."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from agent.core.records import dataclass


class TokenType(StrEnum):
    """Kinds of identification token (IdTokenType.type)."""

    CENTRAL = "Central"
    DIRECT_PAYMENT = "DirectPayment"
    EMAID = "eMAID"
    EVCCID = "EVCCID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"
    VIN = "VIN"


@dataclass(frozen=True, slots=True)
class IdToken:
    """An identification token; equal when value (case-insensitive) and type are (C01.FR.25)."""

    value: str
    type: str = TokenType.ISO14443

    def __repr__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Show a token in a log, but never a code that somebody entered (C04.FR.04)."""
        value = "***" if self.type == TokenType.KEY_CODE else self.value
        return f"IdToken(value={value!r}, type={self.type!r})"

    def same_as(self, other: "IdToken | None") -> bool:
        """Compare as the standard does."""
        return (
            other is not None
            and self.value.casefold() == other.value.casefold()
            and self.type == other.type
        )


class AuthorizationStatus(StrEnum):
    """Verdict on a token (AuthorizationStatusEnumType)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class IdTokenInfo:
    """What is known about a token; `evse_ids` empty means everywhere (C01.FR.21).

    The station shows no texts; it keeps what concerns its driver for whoever does (C10.FR.14).
    """

    status: AuthorizationStatus
    group: IdToken | None = None
    expires: datetime | None = None
    evse_ids: tuple[int, ...] = ()
    charging_priority: int | None = field(default=None, repr=False)
    language1: str | None = field(default=None, repr=False)
    language2: str | None = field(default=None, repr=False)
    personal_message: str | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        """Tell whether the token may be used."""
        return self.status is AuthorizationStatus.ACCEPTED


class AuthorizedBy(StrEnum):
    """Who vouched for a token; signed records name it."""

    CSMS = "Csms"
    CACHE = "Cache"
    LOCAL_LIST = "LocalList"
    OFFLINE = "Offline"
    REMOTE = "Remote"
    NOBODY = "Nobody"


class ConnectorStatus(StrEnum):
    """ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargingState(StrEnum):
    """ChargingStateEnumType."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class TransactionPhase(StrEnum):
    """TransactionEventEnumType."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TriggerReason(StrEnum):
    """TriggerReasonEnumType, as far as this station has the cause."""

    ABNORMAL_CONDITION = "AbnormalCondition"
    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    STOP_AUTHORIZED = "StopAuthorized"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"


class StoppedReason(StrEnum):
    """ReasonEnumType of 2.x; 1.6's reasons are a projection of it."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    MASTER_PASS = "MasterPass"  # noqa: S105 - a stop reason, not a password
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    STOPPED_BY_EV = "StoppedByEV"
    TIMEOUT = "Timeout"


class TxPoint(StrEnum):
    """TxStartStopPointEnumType: conditions that start or stop a transaction."""

    PARKING_BAY_OCCUPANCY = "ParkingBayOccupancy"
    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    DATA_SIGNED = "DataSigned"
    POWER_PATH_CLOSED = "PowerPathClosed"
    ENERGY_TRANSFER = "EnergyTransfer"


class ReadingContext(StrEnum):
    """ReadingContextEnumType."""

    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


class Measurand(StrEnum):
    """MeasurandEnumType, as far as this station can measure."""

    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"


class RegistrationStatus(StrEnum):
    """RegistrationStatusEnumType."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootReason(StrEnum):
    """BootReasonEnumType."""

    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


class ResetKind(StrEnum):
    """ResetEnumType; 1.6's Hard is `IMMEDIATE`, its Soft `GRACEFUL`."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"
    GRACEFUL = "Graceful"


class MessageTrigger(StrEnum):
    """MessageTriggerEnumType, as far as implemented, and what only 1.6 has."""

    BOOT_NOTIFICATION = "BootNotification"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    METER_VALUES = "MeterValues"
    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    SIGN_V2G_CERTIFICATE = "SignV2GCertificate"
    SIGN_V2G_20_CERTIFICATE = "SignV2G20Certificate"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"


class ProfilePurpose(StrEnum):
    """ChargingProfilePurposeEnumType."""

    EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY_CHARGING = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


STATION_PURPOSES = frozenset({ProfilePurpose.STATION_MAX, ProfilePurpose.LOCAL_GENERATION})
"""Purposes that only the station as a whole can have."""


class RateUnit(StrEnum):
    """ChargingRateUnitEnumType: A per phase, W in total."""

    AMPERE = "A"
    WATT = "W"
