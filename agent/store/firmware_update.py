"""The firmware update under way, as it lies on the disk.

It is one of the small documents, which every version of this software can open; a version that
does not know it leaves it alone. A step of the update and the statuses that tell of it are written
in one transaction, so that no cut of the power can part them.
"""

import json
import logging
from collections.abc import Sequence
from typing import Final

from agent.core.documents import UnreadableDocument, read, written
from agent.core.events import StoredEvent
from agent.core.firmware_update import FirmwareUpdate
from agent.ports import Settings, StorageRefused
from agent.store.enduring_journal import EnduringJournal
from agent.store.errors import StoreUnavailable
from agent.store.settings import put_document

_KIND: Final = "firmware_update"
_KEY: Final = "latest"

log = logging.getLogger(__name__)


class StoredFirmwareUpdate:
    """Keeps the latest update; `found` is what the last run left, None if there is none."""

    def __init__(self, documents: Settings, journal: EnduringJournal) -> None:
        self.found = _update(documents.get(_KIND, _KEY))
        self._journal = journal

    async def record(self, update: FirmwareUpdate, events: Sequence[StoredEvent]) -> None:
        """Keep an update and queue what is to be told of it, all or nothing. `StorageRefused`."""
        text = json.dumps(written(update), separators=(",", ":"))
        try:
            await self._journal.record_with(
                events, lambda connection: put_document(connection, _KIND, _KEY, text)
            )
        except StoreUnavailable as error:
            raise StorageRefused(str(error)) from error


def _update(text: str | None) -> FirmwareUpdate | None:
    if text is None:
        return None
    try:
        return read(FirmwareUpdate, json.loads(text))
    except (UnreadableDocument, ValueError) as error:
        log.error("the firmware update under way is unreadable and given up: %s", error)
        return None
