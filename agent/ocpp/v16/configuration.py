"""GetConfiguration and ChangeConfiguration: the keys of `keys` as messages.

Which keys there are, what they show and what they accept is a matter of the station's device model,
so these two decoders are bound to one. Reading needs no service. A change becomes SetVariables, so
that it is judged together, durable before it is answered, and put in force like any other.
"""

from collections.abc import Callable
from typing import Any

from agent.core.commands import (
    Command,
    SetVariables,
    VariableAssignment,
    VariableName,
    VariableResults,
)
from agent.core.device_model import DeviceModel
from agent.core.variable_access import Assignment
from agent.ocpp.codec import Answer, CodecContext, Decoder, Payload
from agent.ocpp.payloads import present
from agent.ocpp.v16.keys import (
    AuthorizationKeyForm,
    Configuration,
    ConfigurationStatus,
    KeyValue,
    change_configuration,
    get_configuration,
)

_STORED = frozenset({ConfigurationStatus.ACCEPTED.value, ConfigurationStatus.REBOOT_REQUIRED.value})


def get_configuration_of(model: DeviceModel) -> Decoder:
    """Return the decoder of GetConfiguration; no list or an empty one means all (S16-CFG-03)."""

    def decode(payload: Payload, _context: CodecContext) -> Command | Answer:
        return Answer(_configuration(get_configuration(model, payload.get("key", ()))))

    return decode


def change_configuration_of(
    model: DeviceModel, form: Callable[[], AuthorizationKeyForm]
) -> Decoder:
    """Return the decoder of ChangeConfiguration; `form` is how AuthorizationKey is written."""

    def decode(payload: Payload, _context: CodecContext) -> Command | Answer:
        change = change_configuration(model, payload["key"], payload["value"], form())
        if change.status.value not in _STORED:
            return Answer({"status": change.status.value})
        return SetVariables(tuple(map(_assignment, change.assignments)), access_judged=True)

    return decode


def change_configuration_reply(
    outcome: VariableResults, _request: Payload, _context: CodecContext
) -> Payload:
    """Tell the one status of a key that may stand for several variables (S16-CFG-01)."""
    statuses = {result.status for result in outcome.results}
    if not statuses or not statuses <= _STORED:
        return {"status": ConfigurationStatus.REJECTED.value}
    needs_reboot = ConfigurationStatus.REBOOT_REQUIRED.value in statuses
    status = ConfigurationStatus.REBOOT_REQUIRED if needs_reboot else ConfigurationStatus.ACCEPTED
    return {"status": status.value}


def _assignment(assignment: Assignment) -> VariableAssignment:
    component, variable = assignment.key.component, assignment.key.variable
    name = VariableName(
        component=component.name,
        variable=variable.name,
        component_instance=component.instance,
        variable_instance=variable.instance,
        evse=component.evse_id,
        connector=component.connector_id,
    )
    return VariableAssignment(name, assignment.value, assignment.attribute)


def _configuration(configuration: Configuration) -> dict[str, Any]:
    """Leave an empty list out: it would say the same with more words."""
    return present(
        {
            "configurationKey": [_key_value(known) for known in configuration.known] or None,
            "unknownKey": list(configuration.unknown) or None,
        }
    )


def _key_value(known: KeyValue) -> dict[str, Any]:
    return present({"key": known.key, "readonly": known.read_only, "value": known.value})
