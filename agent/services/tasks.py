"""Work that a service starts and does not wait for; its failures are logged and end only itself."""

from collections.abc import Callable, Coroutine
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Starts a task that lives as long as the application at most."""
