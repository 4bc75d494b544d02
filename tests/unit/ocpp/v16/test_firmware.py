"""Both kinds of firmware updates of 1.6: orders, answers and news."""

from typing import Any

import pytest

from agent.core.firmware_order import FirmwareOrder, UpdateAnswer, UpdateStatus
from agent.core.progress import FirmwareProgress, FirmwareStatus
from agent.ocpp.codec import CallRejected
from agent.ocpp.v16.firmware import (
    firmware_status_notification,
    signed_update_firmware_reply,
    update_firmware_reply,
)
from tests.unit.ocpp.v16.instances import numbered, read

AT = "2030-01-01T00:00:00Z"
LOCATION = "https://files.example/x"


def told(**fields: Any) -> list[tuple[str, Any]]:
    calls = firmware_status_notification(FirmwareProgress(**fields), numbered(None))
    return [(call.action, call.payload) for call in calls]


def test_an_unsigned_order_has_no_name() -> None:
    order = read(
        "UpdateFirmware",
        {"location": LOCATION, "retrieveDate": AT, "retries": 3, "retryInterval": 10},
    )
    assert isinstance(order, FirmwareOrder)
    assert (order.request_id, order.is_signed) == (None, False)
    assert (order.retries, order.retry_interval_s) == (3, 10)


def test_a_signed_order_is_read_with_what_proves_it() -> None:
    firmware = {
        "location": LOCATION,
        "retrieveDateTime": AT,
        "signingCertificate": "PEM",
        "signature": "c2ln",
    }
    order = read("SignedUpdateFirmware", {"requestId": 7, "firmware": firmware})
    assert isinstance(order, FirmwareOrder)
    assert (order.request_id, order.is_signed, order.install_at) == (7, True, None)


@pytest.mark.requirement("S16-FW-01", "L01.FR.20 (1.6)")
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (UpdateAnswer(UpdateStatus.REJECTED, "MissingParam", offered=False), "NotSupported"),
        (UpdateAnswer(UpdateStatus.REJECTED, "InvalidURL"), "PropertyConstraintViolation"),
        (UpdateAnswer(UpdateStatus.REJECTED, "OutOfStorage"), "GenericError"),
        (UpdateAnswer(UpdateStatus.ACCEPTED), None),
        (UpdateAnswer(UpdateStatus.ACCEPTED_CANCELED), None),
    ],
)
def test_the_answer_to_an_unsigned_order_is_empty_or_an_error(
    answer: UpdateAnswer, code: str | None
) -> None:
    if code is None:
        assert update_firmware_reply(answer, {}, numbered(None)) == {}
        return
    with pytest.raises(CallRejected) as caught:
        update_firmware_reply(answer, {}, numbered(None))
    assert caught.value.code == code


def test_the_answer_to_a_signed_order_is_a_status() -> None:
    answer = UpdateAnswer(UpdateStatus.REVOKED_CERTIFICATE, "InvalidCertificate", "why")
    reply = signed_update_firmware_reply(answer, {}, numbered(None))
    assert reply == {"status": "RevokedCertificate"}


@pytest.mark.requirement("L01.FR.01 (1.6)", "L01.FR.21 (1.6)")
def test_a_signed_update_is_told_by_its_own_message() -> None:
    action = "SignedFirmwareStatusNotification"
    verified = FirmwareStatus.SIGNATURE_VERIFIED
    assert told(status=verified, request_id=7) == [
        (action, {"status": "SignatureVerified", "requestId": 7})
    ]
    assert told() == [(action, {"status": "Idle"})]


@pytest.mark.requirement("S16-FW-01")
@pytest.mark.parametrize(
    ("status", "news", "asked"),
    [
        (FirmwareStatus.DOWNLOAD_SCHEDULED, None, "Idle"),
        (FirmwareStatus.DOWNLOAD_PAUSED, None, "Downloading"),
        (FirmwareStatus.INSTALL_SCHEDULED, None, "Downloaded"),
        (FirmwareStatus.INSTALL_REBOOTING, None, "Installing"),
        (FirmwareStatus.INVALID_SIGNATURE, "InstallationFailed", "InstallationFailed"),
        (FirmwareStatus.INSTALL_VERIFICATION_FAILED, "InstallationFailed", "InstallationFailed"),
        (FirmwareStatus.INSTALLED, "Installed", "Installed"),
    ],
)
def test_an_unsigned_update_is_told_in_the_few_words_that_there_are(
    status: FirmwareStatus, news: str | None, asked: str
) -> None:
    action = "FirmwareStatusNotification"
    expected = [] if news is None else [(action, {"status": news})]
    assert told(status=status, signed=False) == expected
    assert told(status=status, signed=False, asked_for=True) == [(action, {"status": asked})]
