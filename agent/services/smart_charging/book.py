"""The installed profiles with their memory on the disk."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from agent.core.smart_charging.profiles import Installed
from agent.services.tasks import Spawn

LATER_S = 60.0
"""A limit that is renewed all the time is on the disk within so long: it spares the disk."""

Change = Callable[[Installed], Installed]


class ProfileStore(Protocol):
    """Where installed profiles are kept."""

    def load(self) -> Installed: ...

    async def save(self, profiles: Installed) -> None: ...


class ProfileBook:
    """Owns the installed profiles; `follow` hears of every change at once."""

    def __init__(self, store: ProfileStore, spawn: Spawn) -> None:
        self.installed = store.load()
        self.follow: Callable[[Installed], None] = lambda _installed: None
        self._store = store
        self._spawn = spawn
        self._turn = asyncio.Lock()
        self._unsaved = False
        self._is_saved_later = False

    async def change(self, change: Change) -> None:
        """Make a change that is on the disk before it takes effect."""
        async with self._turn:
            kept = change(self.installed)
            await self._store.save(kept)
        # Meanwhile a transaction may have ended: what is followed is the present, changed.
        self._take(change(self.installed))
        if self.installed != kept:
            self._unsaved = True
            self._spawn(self.flush())

    def change_at_once(self, change: Change, within_s: float = 0.0) -> None:
        """Make a change that takes effect now and is on the disk soon."""
        changed = change(self.installed)
        if changed == self.installed:
            return
        self._take(changed)
        self._unsaved = True
        if not within_s:
            self._spawn(self.flush())
        elif not self._is_saved_later:
            self._is_saved_later = True
            self._spawn(self._flush_later(within_s))

    async def flush(self) -> None:
        """Write what is not written yet."""
        async with self._turn:
            if self._unsaved:
                self._unsaved = False
                await self._store.save(self.installed)

    async def _flush_later(self, within_s: float) -> None:
        await asyncio.sleep(within_s)
        self._is_saved_later = False
        await self.flush()

    def _take(self, installed: Installed) -> None:
        self.installed = installed
        self.follow(installed)
