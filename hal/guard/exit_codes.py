"""How the guard's process ends."""

FAILED = 1
WRONG_USAGE = 2
ALREADY_RUNNING = 3
