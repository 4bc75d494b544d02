"""What a station's configuration says, as data: one frozen class for each section of the file.

Units are in the names: A, V, s. Paths are absolute or relative to the working directory; a path in
the file is taken relative to the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, fields
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from agent.config.backend import MOCK_BACKEND, BackendConfig
from agent.config.diagnostics_section import DiagnosticsSection
from agent.config.update_section import UpdateSection
from agent.core.certificates import KeyKind
from agent.core.records import dataclass
from agent.core.variable_access import Assignment
from hal.api import PER_PHASE

if TYPE_CHECKING:
    from agent.config.receivers import ReceiverConfig


class HardwareRole(StrEnum):
    """The keys of an EVSE that choose a hardware backend."""

    PILOT = "pilot"
    CONTACTOR = "contactor"
    METER = "meter"
    READER = "reader"
    PROXIMITY = "proximity"
    LOCK = "lock"
    RCM = "rcm"
    INDICATOR = "indicator"
    TEMPERATURE = "temperature"
    EMERGENCY_STOP = "emergency_stop"
    FAULT_INPUTS = "fault_inputs"
    SHUT_OFF = "shut_off"
    TAMPER = "tamper"


INSTRUMENTS = frozenset(
    {HardwareRole.METER, HardwareRole.READER, HardwareRole.INDICATOR, HardwareRole.TEMPERATURE}
)
"""What the agent itself opens; everything else is a safety line and belongs to the guard."""


class StationRole(StrEnum):
    """What has a hardware backend beside the EVSEs: a contact of somebody else's relay."""

    RELAY = "relay"


class Cable(StrEnum):
    """How an EV is connected: by the station's own cable, or by one put into its socket."""

    ATTACHED = "attached"
    SOCKET = "socket"


class LogLevel(StrEnum):
    """The least important messages that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SignedValueWrapping(StrEnum):
    """How OCPP 1.6 carries a signed meter value."""

    OCA = "oca"
    RAW = "raw"
    HAS_TO_BE = "hasToBe"


class AuthorizationKeyEncoding(StrEnum):
    """What the CSMS writes into 1.6's AuthorizationKey: hexadecimal octets, or the text itself."""

    HEX = "hex"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSection:
    """`[station]`: what BootNotification tells, and where the station keeps its state.

    `supply_current_a` is the current per phase that all EVSEs together may draw; None is no limit
    beyond their own. `firmware_version` None is the version of this software.
    """

    vendor: str
    model: str
    serial_number: str
    state_dir: Path
    firmware_version: str | None = None
    supply_current_a: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareSection:
    """`[hardware]`: the board file whose tables the EVSEs have where they give none themselves."""

    board: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsmsSection:
    """`[csms]`: where the station connects to, as whom, and how securely."""

    url: str
    identity: str
    versions: tuple[str, ...]
    security_profile: int
    allow_insecure: bool = False
    password_file: Path | None = None
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    certificate_key: KeyKind = KeyKind.EC


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRules:
    """What the guard does at one `[[evse]]` beside plain supply; the guard reads the same keys.

    A change of phases takes `phase_pause_s` without PWM. `simplified_pilot_limit_a` caps the offer
    to a vehicle without a full pilot circuit. With `wake_up` a vehicle that stays in B2 for
    `wake_up_after_s` sees state F for `wake_up_s`.
    """

    phase_pause_s: float = 5.0
    simplified_pilot_limit_a: int | None = None
    wake_up: bool = False
    wake_up_after_s: float = 30.0
    wake_up_s: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseConfig:
    """One `[[evse]]` with one connector; `hardware` always has pilot, contactor and meter.

    With `phase_switching` the contactors can connect one phase or three; a session charges on
    `usual_phases` unless a charging profile says otherwise. With contactors of strategy `per_phase`
    a single phase may then be any of the three.
    """

    id: int
    connector_type: str
    cable: Cable
    max_current_a: int
    phases: int
    nominal_voltage_v: int
    ventilation: bool
    phase_switching: bool
    usual_phases: int
    hardware: Mapping[HardwareRole, BackendConfig]
    supply: SupplyRules = field(default_factory=SupplyRules)

    @property
    def phase_choice(self) -> bool:
        """Tell whether a charging profile may choose which phase a single one is."""
        contactor = self.hardware[HardwareRole.CONTACTOR]
        return self.phase_switching and contactor.options.get("strategy") == PER_PHASE

    @property
    def rated_power_w(self) -> int:
        """The power at the rated current and nominal phase-to-neutral voltage."""
        return self.max_current_a * self.phases * self.nominal_voltage_v


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSection:
    """`[guard]`: the safety guard's process.

    Without the daemon the guard holds at most `fallback_limit_a` for `grace_s`, then it stops.
    Members of `group` may connect to the socket besides the guard's own user. In `state_dir` it
    keeps what must outlive it, None is the socket's folder.
    """

    socket: Path
    state_dir: Path | None = None
    group: str | None = None
    grace_s: float = 60.0
    fallback_limit_a: int = 6
    tick_s: float = 0.02
    min_closing_interval_s: float = 10.0
    start_with_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSection:
    """`[bench]`: the socket that drives the mock board.

    With `real_instruments` meters and readers may be real devices beside the simulated lines.
    """

    socket: Path
    real_instruments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalApiSection:
    """`[local_api]`: the socket on which the `stationd` commands ask the daemon."""

    socket: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSection:
    """`[log]`: what the daemon writes to its log, and how many entries its security log keeps."""

    level: LogLevel = LogLevel.INFO
    security_entries: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ocpp16Section:
    """`[ocpp16]`: where back ends read OCPP 1.6 differently.

    `secure_url` is dialled once the key SecurityProfile is raised to 2 or 3; None is the address of
    `csms.url` with wss.
    """

    signed_value_wrapper: SignedValueWrapping = SignedValueWrapping.OCA
    authorization_key_encoding: AuthorizationKeyEncoding = AuthorizationKeyEncoding.HEX
    secure_url: str | None = None


class Voltage(StrEnum):
    """What watts are divided by to get amperes."""

    NOMINAL = "nominal"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartChargingSection:
    """`[smart_charging]`: how limits are followed besides what profiles say.

    After `offline_after_s` without connection each EVSE offers at most `offline_limit_a` (None: no
    such limit). `random_delay_s` spreads changes that a schedule or the grid makes. `time_zone`
    None is the machine's own. `receivers` limit the station or an EVSE from the site.
    """

    offline_limit_a: int | None = None
    offline_after_s: int = 300
    random_delay_s: int = 0
    voltage: Voltage = Voltage.NOMINAL
    time_zone: str | None = None
    receivers: "tuple[ReceiverConfig, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """A whole configuration file, checked.

    `variables` are initial values of the device model, `ocpp16_keys` those given by 1.6 key.
    """

    file: Path
    station: StationSection
    csms: CsmsSection
    evses: tuple[EvseConfig, ...]
    guard: GuardSection
    local_api: LocalApiSection
    hardware: HardwareSection = field(default_factory=HardwareSection)
    bench: BenchSection | None = None
    log: LogSection = field(default_factory=LogSection)
    ocpp16: Ocpp16Section = field(default_factory=Ocpp16Section)
    smart_charging: SmartChargingSection = field(default_factory=SmartChargingSection)
    diagnostics: DiagnosticsSection = field(default_factory=DiagnosticsSection)
    update: UpdateSection = field(default_factory=UpdateSection)
    variables: tuple[Assignment, ...] = ()
    ocpp16_keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def speaks_with_vehicles(self) -> bool:
        """Tell whether a backend speaks ISO 15118; the simulated cars of a bench do."""
        return self.is_mock and self.bench is not None

    @property
    def is_mock(self) -> bool:
        """Tell whether the safety lines are simulated."""
        return all(
            backend.backend == MOCK_BACKEND
            for evse in self.evses
            for role, backend in evse.hardware.items()
            if role not in INSTRUMENTS
        )

    def describe(self) -> tuple[str, ...]:
        """Return lines `key = value` for every setting in force; secrets are in files, not here."""
        return tuple(_described(self))


def _described(config: StationConfig) -> Iterator[str]:
    sections = ("station", "hardware", "csms", "guard", "local_api", "bench", "log", "ocpp16")
    for name in (*sections, "smart_charging", "diagnostics", "update"):
        section = getattr(config, name)
        if section is not None:
            for item in fields(section):
                if item.name == "receivers":
                    continue
                yield f"{name}.{item.name} = {_shown(getattr(section, item.name))}"
    for evse in config.evses:
        yield from _described_evse(evse)
    for receiver in config.smart_charging.receivers:
        yield from _described_receiver(receiver)
    yield from (f'variables."{a.key.notation}" = {_shown(a.value)}' for a in config.variables)
    yield from (f"ocpp16_keys.{key} = {_shown(v)}" for key, v in config.ocpp16_keys.items())


def _described_evse(evse: EvseConfig) -> Iterator[str]:
    prefix = f"evse[{evse.id}]"
    for item in fields(evse):
        if item.name not in {"id", "hardware", "supply"}:
            yield f"{prefix}.{item.name} = {_shown(getattr(evse, item.name))}"
    for item in fields(evse.supply):
        yield f"{prefix}.{item.name} = {_shown(getattr(evse.supply, item.name))}"
    for role, backend in evse.hardware.items():
        yield f"{prefix}.{role} = {_backend(backend)}"


def _described_receiver(receiver: "ReceiverConfig") -> Iterator[str]:
    prefix = f"smart_charging.receiver[{receiver.id}]"
    for name in ("evse", "source", "grid_critical", "debounce_s"):
        yield f"{prefix}.{name} = {_shown(getattr(receiver, name))}"
    yield f"{prefix}.fail_safe = {receiver.fail_safe}"
    yield from (f"{prefix}.{name} = {_backend(it)}" for name, it in receiver.relays.items())
    for state in receiver.states:
        yield f"{prefix}.on {_shown(tuple(sorted(state.on)))} = {state.amount}"


def _backend(backend: BackendConfig) -> str:
    options = "".join(f", {k} = {_shown(v)}" for k, v in backend.options.items())
    return f'{{ backend = "{backend.backend}"{options} }}'


def _shown(value: Any) -> str:
    match value:
        case None:
            return "(none)"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(_shown(member) for member in value)}]"
        case Mapping():
            return f"{{ {', '.join(f'{k} = {_shown(v)}' for k, v in value.items())} }}"
        case _:
            return f'"{value}"'
