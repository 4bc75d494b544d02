"""The security events of the standard, and which of them the CSMS is told (A04).

Every event is logged on the station; those that the standard calls critical are also sent. Names
and criticality are those of OCPP 2.x part 2, appendix "security events"; a codec translates them.
"""

from enum import StrEnum
from typing import Final


class SecurityEventKind(StrEnum):
    """The standard's events, and behind them those of this product."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE_AT_CSMS = "FailedToAuthenticateAtCsms"
    CSMS_FAILED_TO_AUTHENTICATE = "CsmsFailedToAuthenticate"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP_OF_THE_DEVICE = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    SECURITY_LOG_WAS_CLEARED = "SecurityLogWasCleared"
    RECONFIGURATION_OF_SECURITY_PARAMETERS = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    ATTEMPTED_REPLAY_ATTACKS = "AttemptedReplayAttacks"
    TAMPER_DETECTION_ACTIVATED = "TamperDetectionActivated"
    INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    INVALID_FIRMWARE_SIGNING_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CSMS_CERTIFICATE = "InvalidCsmsCertificate"
    INVALID_CHARGING_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
    DISCARDED_RENEWED_CLIENT_CERTIFICATE = "DiscardedRenewedClientCertificate"
    INVALID_TLS_VERSION = "InvalidTLSVersion"
    INVALID_TLS_CIPHER_SUITE = "InvalidTLSCipherSuite"
    MAINTENANCE_LOGIN_ACCEPTED = "MaintenanceLoginAccepted"
    MAINTENANCE_LOGIN_FAILED = "MaintenanceLoginFailed"

    STORAGE_RECOVERED = "StorageRecovered"
    STORAGE_FAILURE = "StorageFailure"
    TAMPER_DETECTION_ENDED = "TamperDetectionEnded"


_LOGGED_ONLY: Final = frozenset(
    {
        SecurityEventKind.FAILED_TO_AUTHENTICATE_AT_CSMS,
        SecurityEventKind.CSMS_FAILED_TO_AUTHENTICATE,
        SecurityEventKind.RECONFIGURATION_OF_SECURITY_PARAMETERS,
        SecurityEventKind.INVALID_MESSAGES,
        SecurityEventKind.ATTEMPTED_REPLAY_ATTACKS,
        SecurityEventKind.TAMPER_DETECTION_ENDED,
    }
)

TECH_INFO_LENGTH: Final = 255
"""Characters of technical information that a message carries, and that the log keeps."""


def is_critical(kind: SecurityEventKind) -> bool:
    """Tell whether the CSMS must be told (A04.FR.01); damage of the storage is this product's."""
    return kind not in _LOGGED_ONLY
