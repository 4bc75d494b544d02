import pytest

from agent.core.events import SecurityEvent
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, told
from tests.wire.official_schemas import ONLINE


@pytest.mark.requirement("A04.FR.01")
def test_a_critical_event_is_told() -> None:
    event = SecurityEvent(at=NOW, kind="ResetOrReboot", technical_info="by remote command")

    assert told(event) == {
        "type": "ResetOrReboot",
        "timestamp": SENT_NOW,
        "techInfo": "by remote command",
    }


def test_no_technical_information_is_left_out() -> None:
    assert "techInfo" not in told(SecurityEvent(at=NOW, kind="x", technical_info=""))
    assert "techInfo" not in told(SecurityEvent(at=NOW, kind="x"))


def test_technical_information_is_cut_to_its_field() -> None:
    event = SecurityEvent(at=NOW, kind="x", technical_info="ü" * 300)

    assert told(event)["techInfo"] == "ü" * 255


@pytest.mark.requirement("A04.FR.04")
def test_an_event_that_is_not_critical_stays_in_the_log() -> None:
    event = SecurityEvent(at=NOW, kind="FailedToAuthenticateAtCsms", critical=False)

    assert CODEC.encode(event, ONLINE) == ()
