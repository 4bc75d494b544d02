"""Installed charging profiles, kept over restarts."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from agent.core.documents import UnreadableDocument, read, written
from agent.core.smart_charging.profiles import CSMS_SOURCE, Installed, InstalledProfile
from agent.ports import Settings

_KIND: Final = "charging_profile"
_LONG_AGO: Final = datetime(2024, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


class StoredProfiles:
    """One document per profile id."""

    def __init__(self, documents: Settings) -> None:
        self._documents = documents

    def load(self) -> Installed:
        """Return every profile that can be read, in the order of their ids."""
        found = []
        for key, text in sorted(self._documents.items(_KIND).items()):
            try:
                found.append(read(InstalledProfile, _renewed(json.loads(text))))
            except (UnreadableDocument, ValueError) as error:
                log.error("charging profile %s is unreadable and ignored: %s", key, error)
        return tuple(found)

    async def save(self, profiles: Installed) -> None:
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


def _renewed(document: Any) -> Any:
    """Return a document of version 0.1 in the form of today: it had one schedule and no date."""
    match document:
        case {"evse": evse, "profile": {"schedule": dict(schedule), **profile}}:
            return {
                "evse": evse,
                "profile": {**profile, "schedules": [{**schedule, "id": 0}]},
                "installed_at": schedule.get("start", _LONG_AGO.isoformat()),
                "source": CSMS_SOURCE,
                "seed": 0,
            }
        case _:
            return document
