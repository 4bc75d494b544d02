"""Component files of the device model, turned into the definitions that a station has.

The files lie in the folder `components` beside this module; its README describes their form.
"""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.config.model import Cable, EvseConfig, StationConfig
from agent.core.records import dataclass
from agent.core.variable_definition import (
    CONFIGURATION_VALUE_SIZE,
    LIST_TYPES,
    ComponentKey,
    DataType,
    Mutability,
    TextFormat,
    VariableDefinition,
    VariableKey,
    list_members,
    value_text,
)
from agent.core.vocabulary import Measurand, TxPoint

_FOLDER = Path(__file__).with_name("components")
_MUTABILITY = {
    "ro": Mutability.READ_ONLY,
    "rw": Mutability.READ_WRITE,
    "wo": Mutability.WRITE_ONLY,
}
_FIELDS = frozenset(
    {
        *("name", "instance", "type", "access", "unit", "min", "max", "min_length", "max_length"),
        *("values", "format", "default", "live", "configurable", "reboot_required", "guarded"),
        *("optional", "when"),
    }
)
_NO_PARKING_BAY_SENSOR = frozenset({TxPoint.PARKING_BAY_OCCUPANCY})
_CONNECTOR_ID = 1
_STOP_POINTS = frozenset(TxPoint) - _NO_PARKING_BAY_SENSOR - {TxPoint.DATA_SIGNED}

Facts = Mapping[str, str | int | tuple[str, ...]]
"""What a component file may refer to in braces."""


class Capability(StrEnum):
    """What a station may or may not be able to do; component files ask for it with `when`."""

    OCPP16 = "ocpp16"
    NETWORK_CONFIGURATION = "network_configuration"
    SOCKET_OUTLET = "socket_outlet"
    SIGNED_METERING = "signed_metering"
    SMART_CHARGING = "smart_charging"
    NEWEST_CHARGING = "newest_charging"
    FIRMWARE_MANAGEMENT = "firmware_management"
    REMOTE_TRIGGER = "remote_trigger"
    RESERVATION = "reservation"
    AUTHORIZATION_CACHE = "authorization_cache"
    LOCAL_AUTHORIZATION_LIST = "local_authorization_list"
    CERTIFICATE_MANAGEMENT = "certificate_management"
    EVSE_RESET = "evse_reset"
    FREE_CHARGING = "free_charging"
    MASTER_PASS = "master_pass"  # noqa: S105 - a kind of group id, no secret
    MINIMUM_STATUS_DURATION = "minimum_status_duration"
    QUEUE_ALL_MESSAGES = "queue_all_messages"
    VEHICLE_LINK = "vehicle_link"


_FEATURE_PROFILES = {
    Capability.FIRMWARE_MANAGEMENT: "FirmwareManagement",
    Capability.LOCAL_AUTHORIZATION_LIST: "LocalAuthListManagement",
    Capability.RESERVATION: "Reservation",
    Capability.SMART_CHARGING: "SmartCharging",
    Capability.REMOTE_TRIGGER: "RemoteTrigger",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSupport:
    """What the software and the hardware of a station can do, beyond what its file says.

    `measurands` are those that every EVSE's meter supplies; `phased_measurands` are the items with
    a phase (`Voltage.L1-N`) that OCPP 1.6 may ask for.
    """

    firmware_version: str
    capabilities: frozenset[Capability] = frozenset()
    measurands: tuple[str, ...] = (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value,)
    phased_measurands: tuple[str, ...] = ()
    file_transfer_protocols: tuple[str, ...] = ()
    certificate_entries: int = 20
    charging_profiles: int = 20
    periods_per_schedule: int = 100
    profile_stack_level: int = 10


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a component stands, and the facts that hold there.

    The scopes of an EVSE name also the hardware that it has, those of the station what any has.
    """

    facts: Facts
    evse_id: int | None = None
    connector_id: int | None = None
    scopes: frozenset[str] = frozenset()


class ComponentFileError(Exception):
    """A component file shipped with the software is wrong: it names the file and the entry."""


def definitions_for(
    config: StationConfig, support: StationSupport, folder: Path = _FOLDER
) -> tuple[VariableDefinition, ...]:
    """Return every variable of the station, in report order. Raises ComponentFileError."""
    capabilities = support.capabilities | _configured_capabilities(config)
    places = _places(config, support, capabilities)
    made: list[VariableDefinition] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            for component in tomllib.loads(path.read_text("utf-8"))["component"]:
                made.extend(_expand(component, places, capabilities))
        except (ValueError, KeyError) as error:
            raise ComponentFileError(f"{path.name}: {error}") from error
    return tuple(made)


def _configured_capabilities(config: StationConfig) -> frozenset[Capability]:
    has_socket = any(evse.cable is Cable.SOCKET for evse in config.evses)
    found = {
        Capability.OCPP16: "ocpp1.6" in config.csms.versions,
        Capability.NETWORK_CONFIGURATION: "ocpp2.1" in config.csms.versions,
        Capability.NEWEST_CHARGING: "ocpp2.1" in config.csms.versions,
        Capability.SOCKET_OUTLET: has_socket,
        Capability.VEHICLE_LINK: config.speaks_with_vehicles,
    }
    return frozenset(capability for capability, present in found.items() if present)


def _places(
    config: StationConfig, support: StationSupport, capabilities: frozenset[Capability]
) -> tuple[_Place, ...]:
    anywhere = {f"any_{role.value}" for evse in config.evses for role in evse.hardware}
    facts_of_all = _station_facts(config, support, capabilities)
    station = _Place(facts_of_all, scopes=frozenset({"station", *anywhere}))
    found = [station]
    for evse in config.evses:
        facts = {**station.facts, **_evse_facts(evse)}
        parts = frozenset({"evse", *(role.value for role in evse.hardware)})
        found.append(_Place(facts, evse.id, None, parts))
        scopes = {"connector", "socket"} if evse.cable is Cable.SOCKET else {"connector"}
        found.append(_Place(facts, evse.id, _CONNECTOR_ID, frozenset(scopes)))
    return tuple(found)


def _station_facts(
    config: StationConfig, support: StationSupport, capabilities: frozenset[Capability]
) -> Facts:
    starts = frozenset(TxPoint) - _NO_PARKING_BAY_SENSOR
    if Capability.SIGNED_METERING not in capabilities:
        starts -= {TxPoint.DATA_SIGNED}
    return {
        "vendor": config.station.vendor,
        "model": config.station.model,
        "serial_number": config.station.serial_number,
        "firmware_version": support.firmware_version,
        "identity": config.csms.identity,
        "security_profile": config.csms.security_profile,
        "phases": max(evse.phases for evse in config.evses),
        "connectors": len(config.evses),
        "phase_switching": value_text(any(evse.phase_switching for evse in config.evses)),
        "phase_choice": value_text(all(evse.phase_choice for evse in config.evses)),
        "measurands": support.measurands,
        "phased_measurands": support.measurands + support.phased_measurands,
        "file_transfer_protocols": support.file_transfer_protocols,
        "certificate_entries": support.certificate_entries,
        "charging_profiles": support.charging_profiles,
        "periods_per_schedule": support.periods_per_schedule,
        "profile_stack_level": support.profile_stack_level,
        "tx_start_points": tuple(sorted(starts)),
        "tx_stop_points": tuple(sorted(_STOP_POINTS)),
        "feature_profiles": ",".join(_feature_profiles(capabilities)),
        "phase_rotation_items": len(config.evses) + 1,
        "phase_rotation": ",".join(f"{n}.Unknown" for n in range(len(config.evses) + 1)),
    }


def _evse_facts(evse: EvseConfig) -> Facts:
    return {
        "phases": evse.phases,
        "phase_choice": value_text(evse.phase_choice),
        "connector_type": evse.connector_type,
        "power_w": evse.rated_power_w,
    }


def _feature_profiles(capabilities: frozenset[Capability]) -> Iterator[str]:
    yield "Core"
    for capability, profile in _FEATURE_PROFILES.items():
        if capability in capabilities:
            yield profile


def _expand(
    component: Mapping[str, Any], places: tuple[_Place, ...], capabilities: frozenset[Capability]
) -> Iterator[VariableDefinition]:
    if not _is_wanted(component, capabilities):
        return
    wanted = [v for v in component["variables"] if _is_wanted(v, capabilities)]
    scope = component.get("scope", "station")
    for place in places:
        if scope in place.scopes:
            key = ComponentKey(
                component["name"], component.get("instance"), place.evse_id, place.connector_id
            )
            for variable in wanted:
                yield _definition(key, variable, place.facts)


def _is_wanted(entry: Mapping[str, Any], capabilities: frozenset[Capability]) -> bool:
    condition = entry.get("when")
    if condition is None:
        return True
    present = Capability(condition.removeprefix("!")) in capabilities
    return present is not condition.startswith("!")


def _definition(
    component: ComponentKey, entry: Mapping[str, Any], facts: Facts
) -> VariableDefinition:
    unknown = entry.keys() - _FIELDS
    if unknown:
        raise ValueError(f"{entry['name']}: unknown field {', '.join(sorted(unknown))}")
    data_type = DataType(entry["type"])
    mutability = _MUTABILITY[entry.get("access", "ro")]
    values = _members(_filled(entry.get("values", ()), facts))
    return VariableDefinition(
        component=component,
        variable=VariableKey(entry["name"], entry.get("instance")),
        data_type=data_type,
        mutability=mutability,
        unit=entry.get("unit"),
        min_limit=_limit(entry.get("min"), facts),
        max_limit=_limit(entry.get("max"), facts),
        min_length=entry.get("min_length", 0),
        max_length=entry.get("max_length", CONFIGURATION_VALUE_SIZE),
        values_list=values,
        text_format=TextFormat(entry.get("format", TextFormat.PLAIN)),
        default=_default(entry.get("default", ""), data_type, values, facts),
        live=entry.get("live", False),
        configurable=entry.get("configurable", mutability is Mutability.READ_WRITE),
        reboot_required=entry.get("reboot_required", False),
        guarded=entry.get("guarded", False),
        optional=entry.get("optional", False),
    )


def _filled(value: Any, facts: Facts) -> Any:
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return facts[value[1:-1]]
    return value


def _members(values: Any) -> tuple[str, ...]:
    return list_members(values) if isinstance(values, str) else tuple(values)


def _limit(value: Any, facts: Facts) -> Decimal | None:
    return None if value is None else Decimal(str(_filled(value, facts)))


def _default(value: Any, data_type: DataType, values: tuple[str, ...], facts: Facts) -> str:
    filled = _filled(value, facts)
    if data_type in LIST_TYPES:
        return ",".join(member for member in _members(filled) if member in values)
    return value_text(filled)
