"""Orders of firmware updates in 2.x and their answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.firmware_order import FirmwareOrder, UpdateAnswer, UpdateStatus
from agent.ocpp.codec import CallRejected
from agent.ocpp.v201.firmware import update_firmware, update_firmware_reply
from tests.unit.ocpp.v201.instances import ONLINE

AT = "2030-01-01T00:00:00Z"
ORDER: dict[str, Any] = {
    "requestId": 7,
    "retries": 2,
    "retryInterval": 60,
    "firmware": {
        "location": "https://files.example/x",
        "retrieveDateTime": AT,
        "installDateTime": AT,
        "signingCertificate": "PEM",
        "signature": "c2ln",
    },
}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_an_order_is_read_with_everything_it_says() -> None:
    assert update_firmware(ORDER, ONLINE) == FirmwareOrder(
        request_id=7,
        location="https://files.example/x",
        retrieve_at=NOW,
        install_at=NOW,
        signing_certificate="PEM",
        signature="c2ln",
        retries=2,
        retry_interval_s=60,
    )


def test_an_order_may_leave_out_what_it_can() -> None:
    firmware = {"location": "https://files.example/x", "retrieveDateTime": AT}
    order = update_firmware({"requestId": 7, "firmware": firmware}, ONLINE)
    assert isinstance(order, FirmwareOrder)
    assert (order.is_signed, order.is_half_signed, order.retries) == (False, False, None)


def test_a_password_in_the_location_is_not_shown() -> None:
    firmware = {"location": "https://maker:geheim@files.example/x", "retrieveDateTime": AT}
    assert "geheim" not in repr(update_firmware({"requestId": 7, "firmware": firmware}, ONLINE))


def test_a_date_that_is_none_is_an_error() -> None:
    firmware = {"location": "https://files.example/x", "retrieveDateTime": "tomorrow"}
    with pytest.raises(CallRejected):
        update_firmware({"requestId": 7, "firmware": firmware}, ONLINE)


@pytest.mark.requirement("L01.FR.22", "L01.FR.24", "L01.FR.27")
@pytest.mark.parametrize("status", UpdateStatus)
def test_an_answer_tells_status_and_reason(status: UpdateStatus) -> None:
    assert update_firmware_reply(UpdateAnswer(status), {}, ONLINE) == {"status": status}
    told = update_firmware_reply(UpdateAnswer(status, "InvalidURL", "why"), {}, ONLINE)
    assert told["statusInfo"] == {"reasonCode": "InvalidURL", "additionalInfo": "why"}
