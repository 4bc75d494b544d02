"""Energy meters on Modbus RTU: profiles that describe them, one bus for several of them, signing.

Only the configured backend is loaded: pymodbus and pyserial are imported when a bus is opened.
"""
