"""Stand-ins for devices at the ends of wires, for unit tests and for the hardware bench."""
