"""Reads initial values of variables from the file.

Addresses are written `Component[instance]@evse:connector.Variable[instance]`.
"""

import re
from decimal import Decimal
from typing import Any

from agent.config.table import Table
from agent.core.variable_access import Assignment
from agent.core.variable_definition import (
    ComponentKey,
    ComponentVariable,
    VariableKey,
    value_text,
)

_NAME = r"[A-Za-z0-9]{1,50}"
_INSTANCE = r"(?:\[([^\[\]]{1,50})\])?"
_ADDRESS = re.compile(
    rf"({_NAME}){_INSTANCE}(?:@([1-9]\d*)(?::([1-9]\d*))?)?\.({_NAME}){_INSTANCE}"
)


def parse_address(text: str) -> ComponentVariable | None:
    """Return the address that a text denotes, or None if it is malformed."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    component, instance, evse, connector, variable, variable_instance = match.groups()
    key = ComponentKey(component, instance, _number(evse), _number(connector))
    return ComponentVariable(key, VariableKey(variable, variable_instance))


def setting_text(value: Any) -> str | None:
    """Return OCPP's text for a TOML value, commas between an array's members; None: has none."""
    match value:
        case bool() | int() | str():
            return value_text(value)
        case float():
            return value_text(Decimal(repr(value))) if abs(value) < float("inf") else None
        case list():
            members = [setting_text(member) for member in value if not isinstance(member, list)]
            texts = [member for member in members if member is not None]
            return ",".join(texts) if len(texts) == len(value) else None
        case _:
            return None


def read_variables(table: Table) -> tuple[Assignment, ...]:
    """Read the whole section; whether the station has the variables is not known yet."""
    found = []
    for key, raw in table.take_rest().items():
        address, value = parse_address(key), setting_text(raw)
        if address is None:
            table.note(key, 'must read "Component.Variable" or "Component[instance]@evse.Variable"')
        elif value is None:
            table.note(key, "must be a string, number, boolean or an array of them")
        else:
            found.append(Assignment(address, value))
    return tuple(found)


def read_ocpp16_keys(table: Table) -> dict[str, str]:
    """Read the whole section; which keys exist is the 1.6 codec's knowledge."""
    found = {}
    for key, raw in table.take_rest().items():
        value = setting_text(raw)
        if value is None:
            table.note(key, "must be a string, number, boolean or an array of them")
        else:
            found[key] = value
    return found


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
