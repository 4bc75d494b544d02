"""Block B, the device model: Get/SetVariables, GetBaseReport, GetReport, NotifyReport."""

from typing import Any

from agent.core.commands import (
    Command,
    GetBaseReport,
    GetVariables,
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
from agent.core.report_request import GetReport, VariableSelector
from agent.core.variable_definition import ComponentKey, VariableKey
from agent.ocpp.codec import Answer, Call, CodecContext, Payload
from agent.ocpp.numbers import json_number
from agent.ocpp.payloads import integer, present, shorten
from agent.ocpp.timestamps import format_datetime
from agent.ocpp.v201.limits import (
    IDENTIFIER_LENGTH,
    UNIT_LENGTH,
    VALUES_LIST_LENGTH,
    VARIABLE_VALUE_LENGTH,
)
from agent.ocpp.v201.status_info import status_info

_ACTUAL = "Actual"
_WRITE_ONLY = "WriteOnly"


def get_variables(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetVariables (B06)."""
    return GetVariables(
        tuple(
            VariableQuery(_variable_name(query), query.get("attributeType"))
            for query in payload["getVariableData"]
        )
    )


def get_variables_reply(
    outcome: VariableResults, _request: Payload, _context: CodecContext
) -> Payload:
    """One result per element asked, echoing it (B06.FR.01, B06.FR.02, B06.FR.11)."""
    return {"getVariableResult": [_got(result) for result in outcome.results]}


def set_variables(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read SetVariables (B05)."""
    return SetVariables(
        tuple(
            VariableAssignment(
                _variable_name(element), element["attributeValue"], element.get("attributeType")
            )
            for element in payload["setVariableData"]
        )
    )


def set_variables_reply(
    outcome: VariableResults, _request: Payload, _context: CodecContext
) -> Payload:
    """One result per element given, echoing it (B05.FR.01, B05.FR.02, B05.FR.12)."""
    return {"setVariableResult": [_result(result) for result in outcome.results]}


def get_base_report(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetBaseReport (B07)."""
    wanted = payload["reportBase"]
    known = ReportBase(wanted) if wanted in frozenset(ReportBase) else None
    return GetBaseReport(int(payload["requestId"]), known)


def get_report(payload: Payload, _context: CodecContext) -> Command | Answer:
    """Read GetReport (B08)."""
    return GetReport(
        int(payload["requestId"]),
        frozenset(payload.get("componentCriteria", ())),
        tuple(map(_selector, payload.get("componentVariable", ()))),
    )


def report_reply(outcome: ReportVerdict, _request: Payload, _context: CodecContext) -> Payload:
    """Tell whether NotifyReport follows."""
    return {"status": outcome.value}


def notify_report(event: ReportPart, _context: CodecContext) -> tuple[Call, ...]:
    """Tell one page of a report (B07.FR.03, B07.FR.04, B07.FR.10)."""
    payload = {
        "requestId": event.request_id,
        "generatedAt": format_datetime(event.at),
        "seqNo": event.seq_no,
        "tbc": event.to_be_continued,
        "reportData": [_reported(entry) for entry in event.entries] or None,
    }
    return (Call("NotifyReport", present(payload)),)


def _selector(element: Payload) -> VariableSelector:
    component, variable = element["component"], element.get("variable")
    evse = component.get("evse", {})
    return VariableSelector(
        ComponentKey(
            component["name"],
            component.get("instance"),
            integer(evse, "id"),
            integer(evse, "connectorId"),
        ),
        None if variable is None else VariableKey(variable["name"], variable.get("instance")),
    )


def _variable_name(element: Payload) -> VariableName:
    component, variable = element["component"], element["variable"]
    evse = component.get("evse", {})
    return VariableName(
        component=component["name"],
        variable=variable["name"],
        component_instance=component.get("instance"),
        variable_instance=variable.get("instance"),
        evse=integer(evse, "id"),
        connector=integer(evse, "connectorId"),
    )


def _address(name: VariableName) -> dict[str, Any]:
    """Return the component and variable fields of a result or a report."""
    evse = present({"id": name.evse, "connectorId": name.connector})
    return {
        "component": present(
            {
                "name": shorten(name.component, IDENTIFIER_LENGTH),
                "instance": _instance(name.component_instance),
                "evse": evse if "id" in evse else None,
            }
        ),
        "variable": present(
            {
                "name": shorten(name.variable, IDENTIFIER_LENGTH),
                "instance": _instance(name.variable_instance),
            }
        ),
    }


def _instance(instance: str | None) -> str | None:
    return None if instance is None else shorten(instance, IDENTIFIER_LENGTH)


def _result(result: VariableResult) -> dict[str, Any]:
    fields = {
        "attributeType": result.attribute or _ACTUAL,
        "attributeStatus": result.status,
        "attributeStatusInfo": status_info(result.refusal),
    }
    return _address(result.name) | present(fields)


def _got(result: VariableResult) -> dict[str, Any]:
    """Leave the value out of a refusal (B06.FR.06 to .08); an unset one is empty (B06.FR.13)."""
    if result.status != "Accepted":
        return _result(result)
    value = shorten(result.value or "", VARIABLE_VALUE_LENGTH)
    return _result(result) | {"attributeValue": value}


def _reported(entry: ReportEntry) -> dict[str, Any]:
    name = VariableName(
        component=entry.component,
        variable=entry.variable,
        component_instance=entry.component_instance,
        variable_instance=entry.variable_instance,
        evse=entry.evse,
        connector=entry.connector,
    )
    return _address(name) | {
        "variableAttribute": [_attribute(entry)],
        "variableCharacteristics": _characteristics(entry),
    }


def _attribute(entry: ReportEntry) -> dict[str, Any]:
    """Leave the value out if it is write-only, such as a password (B07.FR.03)."""
    hidden = entry.value is None or entry.mutability == _WRITE_ONLY
    return present(
        {
            "type": entry.attribute,
            "value": None if hidden else shorten(entry.value or "", VARIABLE_VALUE_LENGTH),
            "mutability": entry.mutability,
            "persistent": entry.persistent,
            "constant": entry.constant,
        }
    )


def _characteristics(entry: ReportEntry) -> dict[str, Any]:
    values = entry.values_list
    return present(
        {
            "unit": None if entry.unit is None else shorten(entry.unit, UNIT_LENGTH),
            "dataType": entry.data_type,
            "minLimit": None if entry.min_limit is None else json_number(entry.min_limit),
            "maxLimit": None if entry.max_limit is None else json_number(entry.max_limit),
            "valuesList": None if values is None else shorten(values, VALUES_LIST_LENGTH),
            "supportsMonitoring": entry.supports_monitoring,
        }
    )
