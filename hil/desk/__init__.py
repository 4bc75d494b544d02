"""The bench of a real desk: a station on its own board, relays for a car, serial adapters.

None of it has met hardware yet; `hil/README.md` has the circuit.
"""
