"""Which slots the software is installed into: the backend that the configuration names."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import cast

from agent.config.model import StationConfig
from agent.config.problems import ConfigError, ConfigProblem
from agent.config.update_section import SlotBackend
from agent.ports import Slots


def open_slots(config: StationConfig, now_s: Callable[[], float]) -> Slots | None:
    """Return the slots, None where the CSMS cannot update the software. Raises `ConfigError`."""
    match config.update.backend:
        case SlotBackend.NONE:
            return None
        case SlotBackend.APPLICATION:
            backend = _loaded(config, "agent.update.application_slots").ApplicationSlots
            return cast(Slots, backend(config.update.root, config.station.state_dir, now_s))
        case SlotBackend.RAUC:
            _require(config, "dbus_fast")
            backend = _loaded(config, "agent.update.rauc_slots").RaucSlots
            return cast(Slots, backend(config.station.state_dir))


def _loaded(config: StationConfig, name: str) -> ModuleType:
    """Load a backend with what it needs, which the other stations do without."""
    try:
        return import_module(name)
    except ImportError as error:
        raise _unusable(config, str(error)) from error


def _require(config: StationConfig, library: str) -> None:
    """Find a library that is only loaded when it is used, or the first update would miss it."""
    if find_spec(library) is None:
        raise _unusable(config, f"{library} is not installed; it comes with an extra of stationd")


def _unusable(config: StationConfig, why: str) -> ConfigError:
    reason = f"{config.update.backend.value} cannot be used here: {why}"
    return ConfigError((ConfigProblem(config.file, "update.backend", reason),))
