from typing import Any

import pytest

from agent.core.commands import ACCEPTED, ChangeAvailability, Outcome, Verdict, rejected
from agent.ocpp.codec import Answer
from agent.ocpp.v16.codec import CODEC
from tests.unit.ocpp.v16.instances import UNKNOWN, read
from tests.wire.official_schemas import check_response


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({"connectorId": 0, "type": "Inoperative"}, ChangeAvailability(operative=False)),
        (
            {"connectorId": 2, "type": "Operative"},
            ChangeAvailability(operative=True, evse=2, connector=1),
        ),
    ],
)
def test_connector_0_is_the_station_and_others_are_themselves(
    payload: dict[str, Any], command: ChangeAvailability
) -> None:
    assert read("ChangeAvailability", payload) == command


@pytest.mark.parametrize("connector", [3, -1])
def test_a_connector_that_is_not_there_is_rejected(connector: int) -> None:
    payload = {"connectorId": connector, "type": "Operative"}
    assert read("ChangeAvailability", payload) == Answer({"status": "Rejected"})


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ACCEPTED, "Accepted"),
        (Outcome(Verdict.SCHEDULED), "Scheduled"),
        (rejected("UnknownEvse"), "Rejected"),
        (Outcome(Verdict.UNKNOWN), "Rejected"),
    ],
)
def test_the_reply_tells_whether_the_change_waits(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("ChangeAvailability", outcome, {}, UNKNOWN)
    assert check_response(CODEC, "ChangeAvailability", reply) == {"status": status}
