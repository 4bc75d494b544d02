"""Status lights connected with the device model; loaded where there are some."""

import math
from collections.abc import Callable, Mapping

from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.device_model import DeviceModel
from agent.core.indication import LightSettings
from agent.services.evse import EvseService
from agent.services.indicator import StatusLight


def status_lights(
    f: Foundations,
    evses: Mapping[int, EvseService],
    online: Callable[[], bool],
    updating: Callable[[], bool],
) -> dict[int, StatusLight]:
    """Return the light of each EVSE that has one."""
    return {
        number: StatusLight(evses[number], light, online, updating, lambda: light_settings(f.model))
        for number, light in f.hardware.indicators.items()
    }


def light_settings(model: DeviceModel) -> LightSettings:
    """Return how the lights are to shine as configured now; a started percent counts as a whole."""
    return LightSettings(
        intensity_percent=math.ceil(model.decimal(sv.LIGHT_INTENSITY)),
        blink_repeat=model.integer(sv.BLINK_REPEAT),
    )
