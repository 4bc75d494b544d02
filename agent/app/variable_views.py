"""What the local commands are told of the device model: values, and where they come from."""

from typing import Any

from agent.core.device_model import DeviceModel
from agent.core.variable_access import ValueOrigin
from agent.core.variable_definition import Mutability, VariableDefinition


def variables_told(model: DeviceModel, *, changed: bool) -> list[dict[str, Any]]:
    """Return every variable, or those that were changed since the initial values; no secrets."""
    return [
        _told(model, definition)
        for definition in model.definitions()
        if not changed or model.origin(definition.key) is ValueOrigin.CHANGED
    ]


def _told(model: DeviceModel, definition: VariableDefinition) -> dict[str, Any]:
    key, is_secret = definition.key, definition.mutability is Mutability.WRITE_ONLY
    return {
        "name": key.notation,
        "value": None if is_secret else model.value(key),
        "initial": None if is_secret else model.initial_value(key),
        "origin": model.origin(key).value,
        "mutability": definition.mutability.value,
        "data_type": definition.data_type.value,
        "unit": definition.unit,
        "reboot_required": definition.reboot_required,
    }
