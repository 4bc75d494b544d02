"""Pure rules of a charging station in OCPP 2.1 vocabulary: no I/O, no clock, no library."""
