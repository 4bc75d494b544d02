"""Work that a service starts and does not wait for; its failures are logged and end only itself."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Starts a task that lives as long as the application at most."""

log = logging.getLogger(__name__)


async def by_itself(work: Coroutine[Any, Any, None]) -> None:
    """Let no order of the CSMS end the daemon, which would come again after the restart."""
    try:
        await work
    except Exception:
        log.exception("%s failed", getattr(work, "__qualname__", work))
