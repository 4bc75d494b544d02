"""OCPP 2.0.1 and 2.1: the wording of the demo CSMS's requests."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.sim.csms_dialect import ChargingLimit, Command, LimitPurpose, RemoteStart, ResetKind
from agent.sim.frames import Payload

_VARIABLE = re.compile(
    r"(?P<component>[^.\[\]@]+)(\[(?P<component_instance>[^\]]*)\])?"
    r"(@(?P<evse_id>[0-9]+)(:(?P<connector_id>[0-9]+))?)?"
    r"\.(?P<variable>[^.\[\]@]+)(\[(?P<variable_instance>[^\]]*)\])?"
)


@dataclass(frozen=True, slots=True)
class VariableResult:
    """One element of the answer to GetVariables or SetVariables; `value` only where one came."""

    name: str
    status: str
    value: str | None = None


class Requests2:
    """Words the requests; those used here are the same in 2.0.1 and 2.1."""

    def remote_start(self, request: RemoteStart) -> Command:
        """Word a RequestStartTransaction."""
        payload: Payload = {
            "idToken": {"idToken": request.id_token, "type": request.token_type},
            "remoteStartId": request.remote_start_id,
        }
        if request.evse_id is not None:
            payload["evseId"] = request.evse_id
        if request.limit is not None:
            payload["chargingProfile"] = _profile(request.limit)
        return Command("RequestStartTransaction", payload)

    def remote_stop(self, transaction_id: str) -> Command:
        """Word a RequestStopTransaction."""
        return Command("RequestStopTransaction", {"transactionId": transaction_id})

    def set_charging_limit(self, limit: ChargingLimit) -> Command:
        """Word a SetChargingProfile with one period."""
        payload = {"evseId": limit.evse_id, "chargingProfile": _profile(limit)}
        return Command("SetChargingProfile", payload)

    def clear_charging_profiles(self) -> Sequence[Command]:
        """Word one ClearChargingProfile for each purpose: the standard wants a criterion."""
        return [
            Command(
                "ClearChargingProfile",
                {"chargingProfileCriteria": {"chargingProfilePurpose": purpose.value}},
            )
            for purpose in LimitPurpose
        ]

    def reset(self, kind: ResetKind, evse_id: int | None) -> Command:
        """Word a Reset of the station or of one EVSE."""
        payload: Payload = {"type": kind.value}
        if evse_id is not None:
            payload["evseId"] = evse_id
        return Command("Reset", payload)

    def change_availability(self, *, operative: bool, evse_id: int | None) -> Command:
        """Word a ChangeAvailability of the station or of one EVSE."""
        payload: Payload = {"operationalStatus": "Operative" if operative else "Inoperative"}
        if evse_id is not None:
            payload["evse"] = {"id": evse_id}
        return Command("ChangeAvailability", payload)

    def trigger(self, message: str, evse_id: int | None) -> Command:
        """Word a TriggerMessage; a status is asked of the EVSE's first connector."""
        payload: Payload = {"requestedMessage": message}
        if evse_id is not None:
            connector = {"connectorId": 1} if message == "StatusNotification" else {}
            payload["evse"] = {"id": evse_id, **connector}
        return Command("TriggerMessage", payload)

    def unlock(self, evse_id: int) -> Command:
        """Word an UnlockConnector for the EVSE's first connector."""
        return Command("UnlockConnector", {"evseId": evse_id, "connectorId": 1})

    def change_password(self, password: str) -> Command:
        """Word the change of SecurityCtrlr.BasicAuthPassword."""
        return set_variables({"SecurityCtrlr.BasicAuthPassword": password})


def get_variables(names: Sequence[str]) -> Command:
    """Word a GetVariables; see `variable_payload` for the names."""
    return Command("GetVariables", {"getVariableData": [variable_payload(name) for name in names]})


def set_variables(values: Mapping[str, str]) -> Command:
    """Word a SetVariables; see `variable_payload` for the names."""
    data = [{"attributeValue": value, **variable_payload(name)} for name, value in values.items()]
    return Command("SetVariables", {"setVariableData": data})


def get_base_report(request_id: int, report_base: str) -> Command:
    """Word a GetBaseReport."""
    return Command("GetBaseReport", {"requestId": request_id, "reportBase": report_base})


def get_report(request_id: int, variables: Sequence[str], criteria: Sequence[str] = ()) -> Command:
    """Word a GetReport; a name without a variable, "EVSE@1", means all variables of components."""
    payload: Payload = {"requestId": request_id}
    if criteria:
        payload["componentCriteria"] = list(criteria)
    if variables:
        payload["componentVariable"] = [selector_payload(name) for name in variables]
    return Command("GetReport", payload)


def selector_payload(name: str) -> Payload:
    """Read a name as `variable_payload` does; the variable may be missing."""
    if _VARIABLE.fullmatch(name):
        return variable_payload(name)
    return {"component": variable_payload(f"{name}.All")["component"]}


def variable_payload(name: str) -> Payload:
    """Read `Component[instance]@evse:connector.Variable[instance]`; ValueError otherwise."""
    match = _VARIABLE.fullmatch(name)
    if match is None:
        msg = f"{name!r} is not of the form Component[instance]@evse:connector.Variable[instance]"
        raise ValueError(msg)
    component: Payload = {"name": match["component"]}
    variable: Payload = {"name": match["variable"]}
    if match["component_instance"] is not None:
        component["instance"] = match["component_instance"]
    if match["variable_instance"] is not None:
        variable["instance"] = match["variable_instance"]
    if match["evse_id"] is not None:
        component["evse"] = {"id": int(match["evse_id"])}
    if match["connector_id"] is not None:
        component["evse"]["connectorId"] = int(match["connector_id"])
    return {"component": component, "variable": variable}


def variable_text(component: Payload, variable: Payload) -> str:
    """Write a component and variable the way `variable_payload` reads them."""
    evse = component.get("evse")
    place = f"@{evse['id']}" if evse is not None else ""
    if evse is not None and "connectorId" in evse:
        place += f":{evse['connectorId']}"
    return f"{_named(component)}{place}.{_named(variable)}"


def variable_results(entries: Sequence[Payload]) -> list[VariableResult]:
    """Read the result list of GetVariables or SetVariables."""
    return [
        VariableResult(
            name=variable_text(entry["component"], entry["variable"]),
            status=entry["attributeStatus"],
            value=entry.get("attributeValue"),
        )
        for entry in entries
    ]


def _named(thing: Payload) -> str:
    return f"{thing['name']}[{thing['instance']}]" if "instance" in thing else str(thing["name"])


def _profile(limit: ChargingLimit) -> Payload:
    profile: Payload = {
        "id": limit.profile_id,
        "stackLevel": limit.stack_level,
        "chargingProfilePurpose": limit.purpose.value,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": limit.profile_id,
                "startSchedule": limit.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": round(float(limit.limit_a), 1)}
                ],
            }
        ],
    }
    if limit.transaction_id is not None:
        profile["transactionId"] = limit.transaction_id
    return profile
