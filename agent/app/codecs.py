"""The codec of a version, bound to this station where it needs that, and the rules in use."""

from collections.abc import Callable
from importlib import import_module

from agent.config.model import StationConfig
from agent.core.device_model import DeviceModel
from agent.ocpp.codec import Codec, Rules
from agent.ocpp.dispatch import Dispatcher
from agent.ocpp.link import codec_module, load_codec


def station_codec(subprotocol: str, config: StationConfig, model: DeviceModel) -> Codec:
    """Return the whole codec of a version for this station.

    A version whose configuration keys are names for variables offers `with_keys` beside its tables.
    Raises ModuleNotFoundError for an unknown version.
    """
    module = import_module(codec_module(subprotocol))
    if not hasattr(module, "with_keys"):
        return load_codec(subprotocol)
    form = module.AuthorizationKeyForm(config.ocpp16.authorization_key_encoding)
    codec = module.with_keys(model, lambda: form)
    if not isinstance(codec, Codec):
        raise TypeError(f"the package of {subprotocol} does not define a codec")
    return codec


def rule_in_use(dispatcher: Dispatcher, asked: Callable[[Rules], bool]) -> bool:
    """Return a rule of the version that is spoken now, False while none is."""
    line = dispatcher.line
    return line is not None and asked(line.codec.rules)
