import pytest

from agent.core.events import SecurityEvent
from tests.unit.ocpp.v16.instances import NOW, SENT_NOW, silent, told


def event(kind: str, info: str | None = None, *, critical: bool = True) -> SecurityEvent:
    return SecurityEvent(at=NOW, kind=kind, technical_info=info, critical=critical)


@pytest.mark.requirement("A04.FR.01 (1.6)")
def test_a_critical_event_is_told() -> None:
    assert told(event("StartupOfTheDevice", "cold start")) == (
        "SecurityEventNotification",
        {"type": "StartupOfTheDevice", "timestamp": SENT_NOW, "techInfo": "cold start"},
    )


def test_other_events_stay_in_the_log() -> None:
    assert silent(event("InvalidMessages", critical=False))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("InvalidCsmsCertificate", "InvalidCentralSystemCertificate"),
        ("InvalidChargingStationCertificate", "InvalidChargePointCertificate"),
        ("CsmsFailedToAuthenticate", "CentralSystemFailedToAuthenticate"),
        ("FailedToAuthenticateAtCsms", "FailedToAuthenticateAtCentralSystem"),
        ("InvalidFirmwareSignature", "InvalidFirmwareSignature"),
    ],
)
def test_events_have_the_names_of_1_6(kind: str, name: str) -> None:
    assert told(event(kind))[1]["type"] == name


def test_long_texts_are_cut_and_empty_ones_left_out() -> None:
    _, payload = told(event("TamperDetectionActivated", "x" * 300))
    assert payload["techInfo"] == "x" * 255
    assert "techInfo" not in told(event("TamperDetectionActivated", ""))[1]
