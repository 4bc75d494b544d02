"""The latest transactions with their signed records, for the local commands and for disputes."""

import json
import logging
from typing import Any

from agent.core.events import TransactionEvent
from agent.core.session_state import SessionState
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
        """Remember a transaction by its Ended event; forget the oldest beyond what is kept."""
        if event.phase is not TransactionPhase.ENDED:
            return
        samples = [s for value in event.meter_values for s in value.samples if s.signed]
        entry = {
            "id": event.transaction_id,
            "evse": event.evse,
            "started_at": _started_at(event, before),
            "ended_at": event.at.isoformat(timespec="milliseconds"),
            "energy_wh": _energy_wh(event),
            "stopped_reason": event.stopped_reason,
            "records": [s.signed.record for s in samples if s.signed],
            "public_key": public_key,
        }
        key = f"{event.at.timestamp():017.3f} {event.transaction_id}"
        await self._settings.put(KIND, key, json.dumps(entry, separators=(",", ":")))
        for old in sorted(self._settings.items(KIND))[:-KEPT]:
            await self._settings.delete(KIND, old)


def _started_at(event: TransactionEvent, before: SessionState) -> str:
    transaction = before.transaction
    begun = event.at if transaction is None else transaction.started_at
    return begun.isoformat(timespec="milliseconds")


def _energy_wh(event: TransactionEvent) -> float | None:
    registers = [
        sample.value
        for value in event.meter_values
        for sample in value.samples
        if sample.measurand == "Energy.Active.Import.Register"
    ]
    return None if len(registers) < 2 else float(registers[-1] - registers[0])
