"""Installed charging profiles, kept over restarts."""

import json
import logging

from agent.core.documents import UnreadableDocument, read, written
from agent.core.smart_charging import InstalledProfile
from agent.ports import Settings

_KIND = "charging_profile"

log = logging.getLogger(__name__)


class StoredProfiles:
    """One document per profile id."""

    def __init__(self, documents: Settings) -> None:
        self._documents = documents

    def load(self) -> tuple[InstalledProfile, ...]:
        """Return every profile that can be read, in the order of their ids."""
        found = []
        for key, text in sorted(self._documents.items(_KIND).items()):
            try:
                found.append(read(InstalledProfile, json.loads(text)))
            except (UnreadableDocument, ValueError) as error:
                log.error("charging profile %s is unreadable and ignored: %s", key, error)
        return tuple(found)

    async def save(self, profiles: tuple[InstalledProfile, ...]) -> None:
        """Make these profiles the installed ones."""
        wanted = {
            str(installed.profile.id): json.dumps(written(installed), separators=(",", ":"))
            for installed in profiles
        }
        present = self._documents.items(_KIND)
        if changed := {key: text for key, text in wanted.items() if present.get(key) != text}:
            await self._documents.put_many(_KIND, changed)
        for key in present.keys() - wanted.keys():
            await self._documents.delete(_KIND, key)
