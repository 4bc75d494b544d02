"""How long tests in real time wait for what must come."""

from typing import Final

PATIENT_S: Final = 90.0
"""A limit that no working station reaches, however slow and busy the machine is."""
