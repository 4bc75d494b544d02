"""OCPP 1.6J: its tables, its names for the device model, and the rules that only it has.

`codec.CODEC` lacks the configuration keys; `codec.with_keys` returns the whole codec of a station.
"""
