"""Room kept back for the moment the disk or the database is full.

On a full file system SQLite cannot even delete: its log has to grow first. So the store holds
a file of the reserve's size, and as many pages below the database's own limit. Both are given
up together for writes that must not fail, and taken back once there is space again.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from agent.store.errors import StoreUnavailable
from agent.store.files import create_private

_LOGGER = logging.getLogger(__name__)
_RETRY_S = 60.0


class Reserve:
    """The reserve file and the page limit of the writer's connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        max_bytes: int,
        reserve_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        """Limit the database to `max_bytes` and hold the reserve if there is room for it."""
        self._connection = connection
        self._path = path
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        self._max_pages = max(max_bytes // self._page_bytes, 16)
        self._next_try_s = clock()
        self.held = False
        self.take_back()

    def give_up(self) -> bool:
        """Free the reserve; False when it is already gone."""
        if not self.held:
            return False
        self.held = False
        self._next_try_s = self._clock() + _RETRY_S
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _LOGGER.warning("%s: cannot free the reserve: %s", self._path, error)
        self._limit_pages(self._max_pages + self._reserve_bytes // self._page_bytes)
        _LOGGER.warning("%s: storage is full, the reserve is in use now", self._path)
        return True

    def take_back(self) -> None:
        """Hold the reserve again if there is room; asks the disk at most once a minute."""
        if self.held or self._clock() < self._next_try_s:
            return
        self._next_try_s = self._clock() + _RETRY_S
        if self._pages_used() > self._max_pages or not self._allocate():
            return
        self.held = True
        self._limit_pages(self._max_pages)

    def _pages_used(self) -> int:
        count, free = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count")
        )
        return count - free

    def _limit_pages(self, pages: int) -> None:
        self._connection.execute(f"PRAGMA max_page_count={pages}")

    def _allocate(self) -> bool:
        """Make the file real on disk, but never with the last free bytes."""
        try:
            if self._path.exists() and self._path.stat().st_size >= self._reserve_bytes:
                return True
            space = os.statvfs(self._path.parent)
            if space.f_bavail * space.f_frsize < 2 * self._reserve_bytes:
                _LOGGER.warning("%s: too little space for the reserve", self._path)
                return False
            create_private(self._path)
            with self._path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, self._reserve_bytes)
        except (OSError, StoreUnavailable) as error:
            _LOGGER.warning("%s: cannot hold the reserve: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            return False
        return True
