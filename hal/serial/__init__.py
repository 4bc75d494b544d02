"""Token readers on a serial line.

Framing and conversation of each protocol are pure: bytes and the time go in, what the reader says
and bytes to send come out. `reader` puts them on a port.
"""
