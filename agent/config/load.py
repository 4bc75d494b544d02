"""Reads `station.toml`: typed, complete, and with every problem named in one go."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from agent.config.backend import MOCK_BACKEND, BackendConfig, read_backend
from agent.config.cross_checks import (
    check_bench,
    check_csms,
    check_evse,
    check_evse_ids,
    check_files,
    check_mixture,
    check_phases,
    check_reader_ports,
    check_update,
    secure_url_problem,
    time_zone_problem,
    url_problem,
)
from agent.config.diagnostics_section import read_diagnostics
from agent.config.model import (
    AuthorizationKeyEncoding,
    BenchSection,
    Cable,
    CsmsSection,
    EvseConfig,
    GuardSection,
    HardwareRole,
    HardwareSection,
    LocalApiSection,
    LogLevel,
    LogSection,
    Ocpp16Section,
    SignedValueWrapping,
    SmartChargingSection,
    StationConfig,
    StationRole,
    StationSection,
    SupplyRules,
    Voltage,
)
from agent.config.problems import ConfigError
from agent.config.table import Problems, Table, did_you_mean
from agent.config.update_section import read_update
from agent.config.variable_settings import read_ocpp16_keys, read_variables
from agent.core.certificates import KeyKind

if TYPE_CHECKING:
    from agent.config.receivers import ReceiverConfig

BackendCheck = Callable[[HardwareRole | StationRole, BackendConfig], Iterable[str]]
"""Names what is wrong with a backend's name and options; the hardware's registry knows."""

KNOWN_VERSIONS = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
"""The WebSocket subprotocols that a station can offer, in the usual order of preference."""

CONNECTOR_TYPES = (
    *("cType1", "cType2", "cTesla", "sType2", "sType3", "sBS1361", "sCEE-7-7"),
    *("s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A"),
    *("Other1PhMax16A", "Other1PhOver16A", "Other3Ph", "Undetermined", "Unknown"),
)
"""The AC connectors of ConnectorEnumType: this software has no DC charging."""

_REQUIRED_ROLES = frozenset({HardwareRole.PILOT, HardwareRole.CONTACTOR, HardwareRole.METER})
_SOCKET_ROLES = (HardwareRole.PROXIMITY, HardwareRole.LOCK)
_IDENTITY_EXTRAS = frozenset("*-_=+|@.")
_MAX_IDENTITY_LENGTH = 48


def load(
    path: Path,
    *,
    check_backend: BackendCheck | None = None,
    board: str | None = None,
    with_files: bool = True,
) -> StationConfig:
    """Read and check a configuration file. Raises ConfigError with everything that is wrong.

    `check_backend` judges the hardware backends; without it their options are taken as they are.
    `board` takes the place of the board file that the configuration names. Without `with_files`
    passwords, keys and certificates are not looked at, which only the agent's user may read.
    """
    problems = Problems(path)
    raw = _equipped(_parsed(path, problems), path, board, problems)
    config = _read_station(Table(raw, "", problems, path.parent), path)
    _check_across(config, problems)
    if with_files:
        check_files(config, problems.note_first)
    if check_backend is not None:
        _check_backends(config, check_backend, problems)
    check_mixture(config, problems.note_first)
    if problems.all():
        raise ConfigError(problems.all())
    return config


def _parsed(path: Path, problems: Problems) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        problems.note("", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.note("", "is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        problems.note("", f"is not TOML: {error}")
    raise ConfigError(problems.all())


def _equipped(
    raw: Mapping[str, Any], path: Path, board: str | None, problems: Problems
) -> Mapping[str, Any]:
    """Give the EVSEs the tables of their board."""
    if "hardware" not in raw and board is None:
        return raw
    from hal.board_file import BoardFileError, equip  # noqa: PLC0415 - only boards need it

    try:
        return equip(raw, path, board)
    except BoardFileError as error:
        for problem in str(error).splitlines():
            problems.note("hardware.board", problem)
    raise ConfigError(problems.all())


def _read_station(table: Table, file: Path) -> StationConfig:
    station = _station(table.table("station"))
    evses = tuple(_evse(evse) for evse in table.tables("evse"))
    config = StationConfig(
        file=file,
        station=station,
        hardware=_hardware_section(table.table("hardware")),
        csms=_csms(table.table("csms")),
        evses=evses,
        guard=_guard(table.table("guard"), station.state_dir),
        local_api=_local_api(table.table("local_api"), station.state_dir),
        bench=_bench(table.optional_table("bench")),
        log=_log(table.table("log")),
        ocpp16=_ocpp16(table.table("ocpp16")),
        smart_charging=_smart_charging(table.table("smart_charging"), len(evses)),
        diagnostics=read_diagnostics(table.table("diagnostics")),
        update=read_update(table.table("update")),
        variables=read_variables(table.table("variables")),
        ocpp16_keys=MappingProxyType(read_ocpp16_keys(table.table("ocpp16_keys"))),
    )
    table.finish()
    return config


def _check_across(config: StationConfig, problems: Problems) -> None:
    if not problems.concern("csms.security_profile"):
        check_csms(config.csms, problems.note_first)
    if not problems.concern("evse"):
        check_evse_ids(config.evses, problems.note_first)
    for evse in config.evses:
        check_evse(evse, problems.note_first)
        check_phases(evse, problems.note_first)
    check_update(config, problems.note_first)
    check_bench(config, problems.note_first)
    check_reader_ports(config, problems.note_first)


def _check_backends(config: StationConfig, check: BackendCheck, problems: Problems) -> None:
    for evse in config.evses:
        for role, backend in evse.hardware.items():
            for reason in check(role, backend):
                problems.note_first(f"evse[{evse.id}].{role}", reason)
    for receiver in config.smart_charging.receivers:
        for name, backend in receiver.relays.items():
            for reason in check(StationRole.RELAY, backend):
                problems.note_first(f"smart_charging.receiver.{receiver.relay_name(name)}", reason)


def _station(table: Table) -> StationSection:
    section = StationSection(
        vendor=table.text("vendor", check=_printable(20)),
        model=table.text("model", check=_printable(20)),
        serial_number=table.text("serial_number", check=_printable(25)),
        firmware_version=table.optional_text("firmware_version", check=_printable(50)),
        state_dir=table.path("state_dir", "/var/lib/stationd"),
        supply_current_a=table.optional_integer("supply_current_a", low=6, high=1000),
    )
    table.finish()
    return section


def _hardware_section(table: Table) -> HardwareSection:
    section = HardwareSection(board=table.text("board", "") or None)
    table.finish()
    return section


def _csms(table: Table) -> CsmsSection:
    section = CsmsSection(
        url=table.text("url", check=url_problem),
        identity=table.text("identity", check=_identity_problem),
        versions=_versions(table),
        security_profile=table.integer("security_profile", low=0, high=3),
        allow_insecure=table.boolean("allow_insecure", default=False),
        password_file=table.optional_path("password_file"),
        ca_file=table.optional_path("ca_file"),
        client_certificate_file=table.optional_path("client_certificate_file"),
        client_key_file=table.optional_path("client_key_file"),
        certificate_key=table.choice("certificate_key", KeyKind, KeyKind.EC),
    )
    table.finish()
    return section


def _versions(table: Table) -> tuple[str, ...]:
    versions = table.texts("versions", KNOWN_VERSIONS)
    for version in versions:
        if version not in KNOWN_VERSIONS:
            hint = did_you_mean(version, KNOWN_VERSIONS)
            table.note("versions", f'"{version}" is not one of {", ".join(KNOWN_VERSIONS)}{hint}')
    if len(set(versions)) < len(versions):
        table.note("versions", "names a version twice")
    if not versions:
        table.note_first("versions", "must name at least one version")
    return versions


def _evse(table: Table) -> EvseConfig:
    connector_type = _connector_type(table)
    cable = _cable(table, connector_type)
    phases = _phases(table, "phases")
    evse = EvseConfig(
        id=table.integer("id", low=1, high=100),
        connector_type=connector_type,
        cable=cable,
        max_current_a=table.integer("max_current_a", low=6, high=80),
        phases=phases,
        nominal_voltage_v=table.integer("nominal_voltage_v", 230, low=100, high=300),
        ventilation=table.boolean("ventilation", default=False),
        phase_switching=table.boolean("phase_switching", default=False),
        usual_phases=_phases(table, "usual_phases", phases),
        hardware=_hardware(table, cable),
        supply=_supply(table),
    )
    table.finish()
    return evse


def _supply(table: Table) -> SupplyRules:
    return SupplyRules(
        phase_pause_s=table.number("phase_pause_s", 5.0, low=3.0, high=600.0),
        simplified_pilot_limit_a=table.optional_integer("simplified_pilot_limit_a", low=6, high=80),
        wake_up=table.boolean("wake_up", default=False),
        wake_up_after_s=table.number("wake_up_after_s", 30.0, low=30.0, high=3600.0),
        wake_up_s=table.number("wake_up_s", 4.0, low=3.0, high=30.0),
    )


def _connector_type(table: Table) -> str:
    connector_type = table.text("connector_type")
    if connector_type and connector_type not in CONNECTOR_TYPES:
        hint = did_you_mean(connector_type, CONNECTOR_TYPES)
        table.note("connector_type", f"must be one of {', '.join(CONNECTOR_TYPES)}{hint}")
    return connector_type


def _cable(table: Table, connector_type: str) -> Cable:
    """Take the kind of outlet from the connector type: its names begin with s for sockets."""
    usual = Cable.SOCKET if connector_type.startswith("s") else Cable.ATTACHED
    cable = table.choice("cable", Cable, usual)
    if cable is not usual and connector_type[:1] in {"c", "s"}:
        table.note("cable", f'must be "{usual.value}" for connector type {connector_type}')
    return cable


def _phases(table: Table, key: str, default: int | None = None) -> int:
    phases = table.integer(key, default, low=1, high=3)
    if phases == 2 and phases != default:
        table.note(key, "must be 1 or 3")
    return phases


def _hardware(table: Table, cable: Cable) -> Mapping[HardwareRole, BackendConfig]:
    found = {}
    for role in HardwareRole:
        if role in table:
            found[role] = read_backend(table.table(role.value))
        elif role in _REQUIRED_ROLES:
            table.note(role.value, f'is missing: {role.value} = {{ backend = "…" }}')
            found[role] = BackendConfig(backend="")
        else:
            table.table(role.value)
    if cable is Cable.SOCKET and found[HardwareRole.PILOT].backend == MOCK_BACKEND:
        for role in _SOCKET_ROLES:
            found.setdefault(role, BackendConfig(backend=MOCK_BACKEND))
    return MappingProxyType(found)


def _guard(table: Table, state_dir: Path) -> GuardSection:
    section = GuardSection(
        socket=table.path("socket", str(state_dir.absolute() / "guard.sock")),
        state_dir=table.optional_path("state_dir"),
        group=table.text("group", "") or None,
        grace_s=table.number("grace_s", 60.0, low=0.0, high=3600.0),
        fallback_limit_a=table.integer("fallback_limit_a", 6, low=6, high=80),
        tick_s=table.number("tick_s", 0.02, low=0.001, high=0.1),
        min_closing_interval_s=table.number("min_closing_interval_s", 10.0, low=0.0, high=600.0),
        start_with_agent=table.boolean("start_with_agent", default=False),
    )
    table.finish()
    return section


def _local_api(table: Table, state_dir: Path) -> LocalApiSection:
    default = str(state_dir.absolute() / "api.sock")
    section = LocalApiSection(socket=table.path("socket", default))
    table.finish()
    return section


def _bench(table: Table | None) -> BenchSection | None:
    if table is None:
        return None
    section = BenchSection(
        socket=table.path("socket"),
        real_instruments=table.boolean("real_instruments", default=False),
    )
    table.finish()
    return section


def _smart_charging(table: Table, evses: int) -> SmartChargingSection:
    section = SmartChargingSection(
        offline_limit_a=table.optional_integer("offline_limit_a", low=0, high=80),
        offline_after_s=table.integer("offline_after_s", 300, low=0, high=86_400),
        random_delay_s=table.integer("random_delay_s", 0, low=0, high=1800),
        voltage=table.choice("voltage", Voltage, Voltage.NOMINAL),
        time_zone=table.optional_text("time_zone", check=time_zone_problem),
        receivers=_receivers(table.tables("receiver"), evses),
    )
    table.finish()
    return section


def _receivers(tables: tuple[Table, ...], evses: int) -> "tuple[ReceiverConfig, ...]":
    if not tables:
        return ()
    from agent.config.receivers import read_receivers  # noqa: PLC0415 - for who has some

    return read_receivers(tables, evses)


def _log(table: Table) -> LogSection:
    section = LogSection(
        level=table.choice("level", LogLevel, LogLevel.INFO),
        security_entries=table.integer("security_entries", 1000, low=100, high=10_000),
    )
    table.finish()
    return section


def _ocpp16(table: Table) -> Ocpp16Section:
    section = Ocpp16Section(
        signed_value_wrapper=table.choice(
            "signed_value_wrapper", SignedValueWrapping, SignedValueWrapping.OCA
        ),
        authorization_key_encoding=table.choice(
            "authorization_key_encoding", AuthorizationKeyEncoding, AuthorizationKeyEncoding.HEX
        ),
        secure_url=table.optional_text("secure_url", check=secure_url_problem),
    )
    table.finish()
    return section


def _printable(longest: int) -> Callable[[str], str | None]:
    def complaint(text: str) -> str | None:
        if len(text) > longest:
            return f"must have at most {longest} characters, not {len(text)}"
        if not (text.isascii() and text.isprintable()):
            return "must be printable ASCII text"
        return None

    return complaint


def _identity_problem(text: str) -> str | None:
    if len(text) > _MAX_IDENTITY_LENGTH:
        return f"must have at most {_MAX_IDENTITY_LENGTH} characters, not {len(text)}"
    if not all(c.isascii() and (c.isalnum() or c in _IDENTITY_EXTRAS) for c in text):
        return f"may consist of letters, digits and {''.join(sorted(_IDENTITY_EXTRAS))} only"
    return None
