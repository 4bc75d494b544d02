"""Which variables bound the CSMS's requests."""

from collections.abc import Mapping
from types import MappingProxyType

from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.variable_definition import ComponentVariable
from agent.ocpp.bounds import Bound, Bounds

_VARIABLES: Mapping[str, tuple[ComponentVariable, ComponentVariable]] = MappingProxyType(
    {
        "GetReport": (sv.ITEMS_PER_GET_REPORT, sv.BYTES_PER_GET_REPORT),
        "GetVariables": (sv.ITEMS_PER_GET_VARIABLES, sv.BYTES_PER_GET_VARIABLES),
        "SetVariables": (sv.ITEMS_PER_SET_VARIABLES, sv.BYTES_PER_SET_VARIABLES),
    }
)


def message_bounds(model: DeviceModel) -> Bounds:
    """Return the bounds that the device model advertises."""

    def bound_of(action: str) -> Bound | None:
        if action not in _VARIABLES:
            return None
        items, size = _VARIABLES[action]
        return Bound(model.integer(items), model.integer(size))

    return bound_of
