"""The device model of this software on this station, with its initial values."""

from agent.config.components import Capability, StationSupport
from agent.config.initial_values import device_model_for
from agent.config.model import StationConfig
from agent.config.problems import ConfigError, ConfigProblem
from agent.config.secret_files import read_password
from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.smart_charging.profiles import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL
from agent.core.variable_access import Assignment
from agent.core.vocabulary import Measurand

CAPABILITIES = frozenset(
    {
        Capability.SIGNED_METERING,
        Capability.SMART_CHARGING,
        Capability.REMOTE_TRIGGER,
        Capability.FREE_CHARGING,
        Capability.EVSE_RESET,
        Capability.CERTIFICATE_MANAGEMENT,
        Capability.AUTHORIZATION_CACHE,
        Capability.LOCAL_AUTHORIZATION_LIST,
        Capability.MASTER_PASS,
        Capability.RESERVATION,
        Capability.MINIMUM_STATUS_DURATION,
    }
)
_PHASED = tuple(
    f"{measurand}.{phase}"
    for measurand, phases in (
        (Measurand.CURRENT_IMPORT.value, ("L1", "L2", "L3")),
        (Measurand.VOLTAGE.value, ("L1-N", "L2-N", "L3-N")),
    )
    for phase in phases
)


def device_model(config: StationConfig, version: str) -> DeviceModel:
    """Return the device model before any change by the CSMS; raises `ConfigError`."""
    support = StationSupport(
        firmware_version=config.station.firmware_version or version,
        capabilities=CAPABILITIES | _of_updates(config),
        file_transfer_protocols=_file_transfer_protocols(config),
        measurands=tuple(m.value for m in Measurand),
        phased_measurands=_PHASED,
        charging_profiles=MAX_PROFILES,
        periods_per_schedule=MAX_PERIODS,
        profile_stack_level=MAX_STACK_LEVEL,
    )
    model = device_model_for(config, support)
    if config.csms.password_file is not None:
        password = read_password(config.csms.password_file)
        model.set_initial([Assignment(sv.BASIC_AUTH_PASSWORD, password)])
    if config.ocpp16_keys:
        _take_keys(config, model)
    return model


def _of_updates(config: StationConfig) -> frozenset[Capability]:
    offered = config.update.is_offered
    return frozenset({Capability.FIRMWARE_MANAGEMENT}) if offered else frozenset()


def _file_transfer_protocols(config: StationConfig) -> tuple[str, ...]:
    """Return how files can really be transferred, logs and firmware (FileTransferProtocols)."""
    schemes = {scheme.value.upper() for scheme in config.diagnostics.schemes}
    if config.update.is_offered:
        schemes |= {scheme.value.upper() for scheme in config.update.schemes}
    return tuple(sorted(schemes))


def _take_keys(config: StationConfig, model: DeviceModel) -> None:
    from agent.ocpp.v16.keys import initial_assignments  # noqa: PLC0415 - only if keys are given

    assignments, problems = initial_assignments(model, config.ocpp16_keys)
    found = [ConfigProblem(config.file, f"ocpp16_keys.{p.key}", p.reason) for p in problems]
    if not found:
        found = [
            ConfigProblem(config.file, f"ocpp16_keys ({p.key.notation})", p.reason)
            for p in model.set_initial(assignments)
        ]
    if found:
        raise ConfigError(tuple(found))
