"""How the guard's process ends."""

FAILED = 1
ALREADY_RUNNING = 3
