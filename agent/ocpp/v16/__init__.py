"""OCPP 1.6J: its tables, its names for the device model, and the rules that only it has.

`CODEC` lacks the configuration keys; `with_keys` returns the whole codec of a station.
"""

from agent.ocpp.v16.codec import CODEC, with_keys

__all__ = ["CODEC", "with_keys"]
