"""How the simulated EVSEs are built, read from the configuration's tables."""

from collections.abc import Mapping

from hal.api import PER_PHASE, HardwareError
from hal.mock.wire import EvseSettings

SOCKET_CABLE_A = 32
MAX_EVSE = 0xFFFF
MAX_CURRENT_A = 80

_KNOWN = frozenset({"max_current_a", "phases", "cable", "connector_type", "nominal_voltage_v"})


def read_settings(
    evse_tables: Mapping[int, Mapping[str, Mapping[str, object]]],
) -> dict[int, EvseSettings]:
    """Return each EVSE's build; raises `HardwareError` naming the EVSE and the key."""
    return {evse: _one(evse, tables) for evse, tables in evse_tables.items()}


def _one(evse: int, tables: Mapping[str, Mapping[str, object]]) -> EvseSettings:
    if not 0 < evse <= MAX_EVSE:
        raise HardwareError(f"EVSE {evse}: ids are 1..{MAX_EVSE}")
    settings = tables.get("settings", {})
    unknown = settings.keys() - _KNOWN
    if unknown:
        raise HardwareError(f"EVSE {evse}: unknown settings {', '.join(sorted(unknown))}")
    cable_a = _cable_a(evse, settings.get("cable", _usual_cable(settings)))
    return EvseSettings(
        max_current_a=int(_number(evse, settings, "max_current_a", 32, MAX_CURRENT_A)),
        phases=int(_number(evse, settings, "phases", 3, 3)),
        nominal_voltage_v=_number(evse, settings, "nominal_voltage_v", 230.0, 1000.0),
        cable_a=cable_a,
        has_lock=cable_a is not None or "lock" in tables,
        has_shut_off="shut_off" in tables,
        per_phase=tables.get("contactor", {}).get("strategy") == PER_PHASE,
    )


def _usual_cable(settings: Mapping[str, object]) -> str:
    """Return what the connector type implies: OCPP's names of sockets begin with s."""
    is_socket = str(settings.get("connector_type", "sType2")).startswith("s")
    return "socket" if is_socket else "attached"


def _cable_a(evse: int, cable: object) -> int | None:
    if cable == "socket":
        return SOCKET_CABLE_A
    if cable == "attached":
        return None
    if cable in (13, 20, 32, 63) and isinstance(cable, int):
        return cable
    raise HardwareError(
        f"EVSE {evse}: settings.cable is 'attached', 'socket' or the rating of a loose cable "
        f"(13, 20, 32, 63), not {cable!r}"
    )


def _number(
    evse: int, settings: Mapping[str, object], key: str, default: float, highest: float
) -> float:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= highest:
        raise HardwareError(f"EVSE {evse}: settings.{key} is 1..{highest:g}, not {value!r}")
    return value
