"""Hardware abstraction: ports, backends and the safety guard. Knows nothing of OCPP."""
