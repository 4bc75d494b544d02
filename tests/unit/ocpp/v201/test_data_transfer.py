import pytest

from agent.core.commands import DataTransfer, DataTransferStatus
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import read
from tests.wire.official_schemas import ONLINE, check_response


@pytest.mark.requirement("P01.FR.03")
@pytest.mark.parametrize("data", [None, "text", 5, {"a": [1]}])
def test_a_transfer_names_vendor_and_message_whatever_the_data(data: object) -> None:
    payload = {"vendorId": "org.example", "messageId": "hello", "data": data}

    assert read("DataTransfer", payload) == DataTransfer("org.example", "hello")
    assert read("DataTransfer", {"vendorId": "org.example"}) == DataTransfer("org.example")


@pytest.mark.requirement("P01.FR.05", "P01.FR.06")
@pytest.mark.parametrize("status", DataTransferStatus)
def test_the_reply_tells_what_is_unknown(status: DataTransferStatus) -> None:
    reply = CODEC.encode_outcome("DataTransfer", status, {}, ONLINE)

    assert check_response(CODEC, "DataTransfer", reply) == {"status": status.value}
