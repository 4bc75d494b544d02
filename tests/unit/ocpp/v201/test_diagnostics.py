from dataclasses import replace

import pytest

from agent.core.component_events import ComponentEvent, EventNotification, EventTrigger
from agent.core.progress import (
    FirmwareProgress,
    FirmwareStatus,
    LogUploadProgress,
    LogUploadStatus,
)
from agent.ocpp.v21.codec import CODEC as V21
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, TRANSACTION_ID, told

EVENT = ComponentEvent(
    at=NOW,
    event_id=5,
    trigger=EventTrigger.ALERTING,
    notification=EventNotification.HARD_WIRED_NOTIFICATION,
    component="ConnectorPlugRetentionLock",
    variable="Problem",
    value="true",
    evse=1,
    connector=1,
)


@pytest.mark.requirement("G05.FR.02")
def test_an_event_names_component_variable_and_value() -> None:
    assert told(EVENT) == {
        "generatedAt": SENT_NOW,
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 5,
                "timestamp": SENT_NOW,
                "trigger": "Alerting",
                "actualValue": "true",
                "component": {
                    "name": "ConnectorPlugRetentionLock",
                    "evse": {"id": 1, "connectorId": 1},
                },
                "eventNotificationType": "HardWiredNotification",
                "variable": {"name": "Problem"},
            }
        ],
    }


def test_an_event_tells_everything_that_is_known_of_it() -> None:
    event = replace(
        EVENT,
        component_instance="left",
        variable_instance="bolt",
        cleared=True,
        cause=4,
        tech_code="E17",
        tech_info="motor current",
        transaction_id=TRANSACTION_ID,
        monitoring_id=3,
        severity=2,
    )
    (data,) = told(event)["eventData"]
    assert data["component"]["instance"] == "left"
    assert data["variable"]["instance"] == "bolt"
    assert (data["cleared"], data["cause"], data["variableMonitoringId"]) == (True, 4, 3)
    assert (data["techCode"], data["techInfo"]) == ("E17", "motor current")
    assert data["transactionId"] == TRANSACTION_ID
    assert "severity" not in data
    (newer,) = told(event, codec=V21)["eventData"]
    assert newer == data | {"severity": 2}


def test_an_event_of_the_station_has_no_place_and_a_long_id_is_left_out() -> None:
    event = replace(EVENT, evse=None, connector=None, transaction_id="x" * 37)
    (data,) = told(event)["eventData"]
    assert "evse" not in data["component"]
    assert "transactionId" not in data


@pytest.mark.requirement("F06.FR.15")
def test_a_log_upload_names_its_request_while_there_is_one() -> None:
    assert told(LogUploadProgress()) == {"status": "Idle"}
    uploading = LogUploadProgress(status=LogUploadStatus.UPLOADING, request_id=12)
    assert told(uploading) == {"status": "Uploading", "requestId": 12}


@pytest.mark.requirement("F06.FR.16")
def test_a_firmware_update_names_its_request_while_there_is_one() -> None:
    assert told(FirmwareProgress()) == {"status": "Idle"}
    downloading = FirmwareProgress(status=FirmwareStatus.DOWNLOADING, request_id=3)
    assert told(downloading) == {"status": "Downloading", "requestId": 3}
