"""OCPP 1.6J: its tables, its names for the device model, and the rules that only it has."""
