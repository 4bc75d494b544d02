"""The device model as a configuration makes it: definitions, standing rules and initial values."""

from collections.abc import Iterable

from agent.config.components import StationSupport, definitions_for
from agent.config.model import HardwareRole, StationConfig
from agent.config.problems import ConfigError, ConfigProblem
from agent.config.table import did_you_mean
from agent.core.device_model import DeviceModel
from agent.core.variable_access import Assignment, ValueProblem
from agent.core.variable_rules import derating_rule, transaction_points_rule


def device_model_for(config: StationConfig, support: StationSupport) -> DeviceModel:
    """Return the device model with the initial values of `[variables]`. Raises ConfigError.

    Rules that need the running station, and values given by 1.6 key, are added by the caller.
    """
    heated = [evse.id for evse in config.evses if HardwareRole.TEMPERATURE in evse.hardware]
    rules = [transaction_points_rule(), *map(derating_rule, heated)]
    model = DeviceModel(definitions_for(config, support), rules)
    unusable = [p for a in config.variables if (p := _unusable(model, a)) is not None]
    problems = unusable or model.set_initial(config.variables)
    if problems:
        raise ConfigError(_as_config_problems(config, problems))
    return model


def _unusable(model: DeviceModel, assignment: Assignment) -> ValueProblem | None:
    if not model.has(assignment.key):
        known = [definition.key.notation for definition in model.definitions()]
        hint = did_you_mean(assignment.key.notation, known)
        return ValueProblem(assignment.key, f"this station has no such variable{hint}")
    if not model.definition(assignment.key).configurable:
        return ValueProblem(assignment.key, "cannot be set in the configuration file")
    return None


def _as_config_problems(
    config: StationConfig, problems: Iterable[ValueProblem]
) -> tuple[ConfigProblem, ...]:
    return tuple(
        ConfigProblem(config.file, f'variables."{p.key.notation}"', p.reason) for p in problems
    )
