"""The latest transactions with their signed records, for the local commands and for disputes."""

import json
import logging
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from agent.core.events import TransactionEvent
from agent.core.session_state import SessionState
from agent.core.signed_values import is_text, record_octets
from agent.core.vocabulary import TransactionPhase
from agent.ports import Settings

KIND = "transaction"
KEPT = 200

log = logging.getLogger(__name__)


class TransactionHistory:
    """One document per transaction that has ended, newest last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def entries(self, newest: int | None = None) -> list[dict[str, Any]]:
        """Return what is remembered, newest first."""
        texts = sorted(self._settings.items(KIND).items(), reverse=True)
        return [json.loads(text) for _, text in texts[:newest]]

    async def note(self, event: TransactionEvent, before: SessionState, public_key: str) -> None:
        """Remember a transaction by its Ended event; forget the oldest beyond what is kept.

        This comes before the event itself is committed: should the daemon die in between, the
        transaction ends again after the restart and the later entry takes the earlier one's place.
        """
        if event.phase is not TransactionPhase.ENDED:
            return
        samples = [s for value in event.meter_values for s in value.samples if s.signed]
        entry = {
            "id": event.transaction_id,
            "evse": event.evse,
            "started_at": _started_at(event, before),
            "ended_at": utc_text(event.at),
            "energy_wh": _energy_wh(event),
            "stopped_reason": event.stopped_reason,
            "records": [_record_text(s.signed.record) for s in samples if s.signed],
            "public_key": public_key,
        }
        key = f"{entry['started_at']} {event.transaction_id}"
        await self._settings.put(KIND, key, json.dumps(entry, separators=(",", ":")))
        for old in sorted(self._settings.items(KIND))[:-KEPT]:
            await self._settings.delete(KIND, old)


def utc_text(at: datetime) -> str:
    """Return an instant as every interface of the station writes it, in UTC with Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record_text(record: str) -> str:
    """Return a record as text, one that is none as `base64:` and its octets."""
    if is_text(record):
        return record
    return f"base64:{b64encode(record_octets(record)).decode('ascii')}"


def _started_at(event: TransactionEvent, before: SessionState) -> str:
    transaction = before.transaction
    begun = event.at if transaction is None else transaction.started_at
    return utc_text(begun)


def _energy_wh(event: TransactionEvent) -> float | None:
    registers = [
        sample.value
        for value in event.meter_values
        for sample in value.samples
        if sample.measurand == "Energy.Active.Import.Register"
    ]
    return None if len(registers) < 2 else float(registers[-1] - registers[0])
