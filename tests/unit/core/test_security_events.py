import pytest

from agent.core.security_events import SecurityEventKind, is_critical

CRITICAL = {
    *("FirmwareUpdated", "SettingSystemTime", "StartupOfTheDevice", "ResetOrReboot"),
    *("SecurityLogWasCleared", "MemoryExhaustion", "TamperDetectionActivated"),
    *("InvalidFirmwareSignature", "InvalidFirmwareSigningCertificate", "InvalidCsmsCertificate"),
    *("InvalidChargingStationCertificate", "DiscardedRenewedClientCertificate"),
    *("InvalidTLSVersion", "InvalidTLSCipherSuite"),
    *("MaintenanceLoginAccepted", "MaintenanceLoginFailed"),
}
LOGGED_ONLY = {
    *("FailedToAuthenticateAtCsms", "CsmsFailedToAuthenticate", "InvalidMessages"),
    *("ReconfigurationOfSecurityParameters", "AttemptedReplayAttacks"),
}
OWN = {"StorageRecovered", "StorageFailure"}
OWN_LOGGED_ONLY = {"TamperDetectionEnded"}


@pytest.mark.requirement("A04.FR.01")
def test_all_events_of_the_standard_are_known_with_their_criticality() -> None:
    names = {kind.value for kind in SecurityEventKind}
    assert names == CRITICAL | LOGGED_ONLY | OWN | OWN_LOGGED_ONLY
    assert len(CRITICAL | LOGGED_ONLY) == 21
    assert {k.value for k in SecurityEventKind if is_critical(k)} == CRITICAL | OWN
