from decimal import Decimal
from typing import Any

import pytest

from agent.core.commands import (
    GetBaseReport,
    GetVariables,
    Refusal,
    ReportBase,
    ReportVerdict,
    SetVariables,
    VariableAssignment,
    VariableName,
    VariableQuery,
    VariableResult,
    VariableResults,
)
from agent.core.events import ReportEntry, ReportPart
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, read, told
from tests.wire.official_schemas import ONLINE, check_response

HEARTBEAT = VariableName("OCPPCommCtrlr", "HeartbeatInterval")
EVERYWHERE = VariableName("Connector", "Available", "left", "x", evse=0, connector=0)
HEARTBEAT_ADDRESS = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "HeartbeatInterval"},
}
EVERYWHERE_ADDRESS = {
    "component": {
        "name": "Connector",
        "instance": "left",
        "evse": {"id": 0, "connectorId": 0},
    },
    "variable": {"name": "Available", "instance": "x"},
}


def got(result: VariableResult) -> Any:
    return _only(CODEC, "GetVariables", "getVariableResult", result)


def was_set(result: VariableResult) -> Any:
    return _only(CODEC, "SetVariables", "setVariableResult", result)


def _only(codec: Any, action: str, field: str, result: VariableResult) -> Any:
    reply = codec.encode_outcome(action, VariableResults((result,)), {}, ONLINE)
    (told_result,) = check_response(codec, action, reply)[field]
    return told_result


def test_variables_are_asked_for_by_their_whole_address() -> None:
    payload = {
        "getVariableData": [
            HEARTBEAT_ADDRESS,
            EVERYWHERE_ADDRESS | {"attributeType": "MaxSet"},
        ]
    }

    assert read("GetVariables", payload) == GetVariables(
        (VariableQuery(HEARTBEAT), VariableQuery(EVERYWHERE, "MaxSet"))
    )


def test_variables_are_set_by_their_whole_address() -> None:
    payload = {
        "setVariableData": [
            HEARTBEAT_ADDRESS | {"attributeValue": "60"},
            EVERYWHERE_ADDRESS | {"attributeValue": "", "attributeType": "Target"},
        ]
    }

    assert read("SetVariables", payload) == SetVariables(
        (VariableAssignment(HEARTBEAT, "60"), VariableAssignment(EVERYWHERE, "", "Target"))
    )


@pytest.mark.requirement("B06.FR.01", "B06.FR.02", "B06.FR.10", "B06.FR.11")
def test_a_value_is_told_with_its_address_and_attribute() -> None:
    assert got(VariableResult(HEARTBEAT, "Accepted", value="60")) == HEARTBEAT_ADDRESS | {
        "attributeType": "Actual",
        "attributeStatus": "Accepted",
        "attributeValue": "60",
    }


@pytest.mark.requirement("B06.FR.03")
def test_the_attribute_asked_for_is_echoed() -> None:
    result = got(VariableResult(EVERYWHERE, "Accepted", "MinSet", "true"))

    assert result["attributeType"] == "MinSet"
    assert result["component"] == EVERYWHERE_ADDRESS["component"]


@pytest.mark.requirement("B06.FR.13")
def test_a_supported_attribute_without_value_is_accepted_and_empty() -> None:
    assert got(VariableResult(HEARTBEAT, "Accepted"))["attributeValue"] == ""


@pytest.mark.requirement("B06.FR.06", "B06.FR.07", "B06.FR.08", "B06.FR.09")
@pytest.mark.parametrize(
    "status", ["Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"]
)
def test_a_refused_query_tells_no_value(status: str) -> None:
    result = got(
        VariableResult(HEARTBEAT, status, value="secret", refusal=Refusal("WriteOnly", "no"))
    )

    assert result["attributeStatus"] == status
    assert result["attributeStatusInfo"] == {"reasonCode": "WriteOnly", "additionalInfo": "no"}
    assert "attributeValue" not in result


@pytest.mark.requirement("B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.12")
@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired"])
def test_an_assignment_is_answered_with_address_and_attribute(status: str) -> None:
    assert was_set(VariableResult(HEARTBEAT, status)) == HEARTBEAT_ADDRESS | {
        "attributeType": "Actual",
        "attributeStatus": status,
    }
    assert was_set(VariableResult(HEARTBEAT, status, "Target"))["attributeType"] == "Target"


@pytest.mark.parametrize("base", ReportBase)
def test_a_base_report_is_asked_for_by_kind(base: ReportBase) -> None:
    payload = {"requestId": 0, "reportBase": base.value}

    assert read("GetBaseReport", payload) == GetBaseReport(0, base)


@pytest.mark.requirement("B07.FR.01", "B07.FR.02", "B07.FR.13")
@pytest.mark.parametrize("verdict", ReportVerdict)
def test_the_reply_tells_whether_a_report_follows(verdict: ReportVerdict) -> None:
    reply = CODEC.encode_outcome("GetBaseReport", verdict, {}, ONLINE)

    assert check_response(CODEC, "GetBaseReport", reply) == {"status": verdict.value}


ENTRY = ReportEntry(
    component="EVSE",
    evse=1,
    variable="Power",
    value="0",
    mutability="ReadOnly",
    persistent=False,
    data_type="decimal",
    unit="W",
    max_limit=Decimal("22000.0"),
)


def part(*entries: ReportEntry) -> ReportPart:
    return ReportPart(at=NOW, request_id=5, seq_no=1, to_be_continued=False, entries=entries)


@pytest.mark.requirement("B07.FR.03", "B07.FR.04", "B07.FR.10")
def test_a_report_tells_value_and_characteristics() -> None:
    assert told(part(ENTRY)) == {
        "requestId": 5,
        "generatedAt": SENT_NOW,
        "seqNo": 1,
        "tbc": False,
        "reportData": [
            {
                "component": {"name": "EVSE", "evse": {"id": 1}},
                "variable": {"name": "Power"},
                "variableAttribute": [
                    {
                        "type": "Actual",
                        "value": "0",
                        "mutability": "ReadOnly",
                        "persistent": False,
                        "constant": False,
                    }
                ],
                "variableCharacteristics": {
                    "unit": "W",
                    "dataType": "decimal",
                    "maxLimit": 22000,
                    "supportsMonitoring": False,
                },
            }
        ],
    }


def test_an_empty_page_has_no_empty_list() -> None:
    assert "reportData" not in told(part())


@pytest.mark.requirement("B07.FR.03")
def test_a_write_only_value_is_never_told() -> None:
    password = ReportEntry(
        component="SecurityCtrlr",
        variable="BasicAuthPassword",
        value="hunter2hunter2hunter2",
        mutability="WriteOnly",
    )

    (attribute,) = told(part(password))["reportData"][0]["variableAttribute"]

    assert "value" not in attribute
