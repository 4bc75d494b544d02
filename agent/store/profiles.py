"""Installed charging profiles, kept over restarts."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from agent.core.documents import UnreadableDocument, read, written
from agent.core.smart_charging.profiles import CSMS_SOURCE, Installed, InstalledProfile

_KIND: Final = "charging_profile"
_LONG_AGO: Final = datetime(2024, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


class ProfileDocuments(Protocol):
    """Where texts are kept by kind and key."""

    def items(self, kind: str) -> Mapping[str, str]: ...

    async def change(self, kind: str, texts: Mapping[str, str | None]) -> None: ...


class StoredProfiles:
    """One document per profile id."""

    def __init__(self, documents: ProfileDocuments) -> None:
        self._documents = documents
        self._worded: dict[int, tuple[InstalledProfile, str]] = {}

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
        """Make these profiles the installed ones, all at once: none comes back beside its heir."""
        self._worded = {id(one): (one, self._word(one)) for one in profiles}
        wanted = {str(one.profile.id): text for one, text in self._worded.values()}
        present = self._documents.items(_KIND)
        gone: dict[str, str | None] = dict.fromkeys(present.keys() - wanted.keys())
        changed = {key: text for key, text in wanted.items() if present.get(key) != text}
        if gone or changed:
            await self._documents.change(_KIND, gone | changed)

    def _word(self, installed: InstalledProfile) -> str:
        """Return the document of a profile; long ones are not worded for every change of others."""
        if (known := self._worded.get(id(installed))) is not None:
            return known[1]
        return json.dumps(written(installed), separators=(",", ":"))


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
