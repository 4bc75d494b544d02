"""Work that a service starts and does not wait for; its failures end the program, not silence."""

from collections.abc import Callable, Coroutine
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Starts a task in the application's task group."""
