import pytest

from agent.core.commands import DataTransfer, DataTransferStatus
from agent.ocpp.v16.codec import CODEC
from tests.unit.ocpp.v16.instances import UNKNOWN, read
from tests.wire.official_schemas import check_response


def test_vendor_and_message_are_handed_on() -> None:
    assert read("DataTransfer", {"vendorId": "org.example"}) == DataTransfer("org.example")
    payload = {"vendorId": "org.example", "messageId": "hello", "data": "{}"}
    assert read("DataTransfer", payload) == DataTransfer("org.example", "hello")


@pytest.mark.requirement("S16-DT-01")
@pytest.mark.parametrize("status", DataTransferStatus)
def test_the_reply_is_a_status_without_data(status: DataTransferStatus) -> None:
    reply = CODEC.encode_outcome("DataTransfer", status, {"vendorId": "x"}, UNKNOWN)
    assert check_response(CODEC, "DataTransfer", reply) == {"status": status.value}
