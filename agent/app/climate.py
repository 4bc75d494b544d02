"""Temperature sensors connected with the device model; loaded where there are some."""

from collections.abc import Callable, Mapping

from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.derating import DeratingCurve
from agent.core.device_model import DeviceModel
from agent.services.evse import EvseService
from agent.services.evse_ports import EvseDescription
from agent.services.temperature import TemperatureRules, Thermometer


def thermometers(f: Foundations, evses: Mapping[int, EvseService]) -> dict[int, Thermometer]:
    """Return the thermometer of each EVSE that has a sensor."""
    return {
        number: Thermometer(evses[number], sensor, _rules_of(f.model, evses[number].description))
        for number, sensor in f.hardware.temperatures.items()
    }


def _rules_of(model: DeviceModel, evse: EvseDescription) -> Callable[[], TemperatureRules]:
    return lambda: temperature_rules(model, evse.evse, evse.max_current_a)


def temperature_rules(model: DeviceModel, evse: int, max_current_a: int) -> TemperatureRules:
    """Return what follows from the temperature of an EVSE as configured now."""
    curve = DeratingCurve(
        start_c=float(model.decimal(sv.temperature(evse, "DeratingStart"))),
        end_c=float(model.decimal(sv.temperature(evse, "DeratingEnd"))),
        limit_c=float(model.decimal(sv.temperature(evse, "Limit"))),
        hysteresis_c=float(model.decimal(sv.temperature(evse, "Hysteresis"))),
        full_a=max_current_a,
    )
    return TemperatureRules(curve, model.decimal(sv.sensor_lost_current(evse)))
