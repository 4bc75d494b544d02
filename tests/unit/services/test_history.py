"""What is remembered of a transaction, also of one whose signed records are no text."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.core.events import TransactionEvent
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.session import idle_state
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import ReadingContext, TransactionPhase, TriggerReason
from agent.services.history import TransactionHistory

AT = datetime(2026, 3, 2, tzinfo=UTC)
OCTETS = bytes(range(256))
OCMF = 'OCMF|{"FV":"1.3"}|{"SD":"30"}'


class Documents:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.texts.get(key)

    def items(self, kind: str) -> dict[str, str]:
        return self.texts

    async def put(self, kind: str, key: str, text: str) -> None:
        self.texts[key] = text

    async def put_many(self, kind: str, texts: object) -> None:
        raise NotImplementedError

    async def delete(self, kind: str, key: str) -> None:
        del self.texts[key]


def ended(record: str) -> TransactionEvent:
    sample = SampledValue(
        Decimal(1), context=ReadingContext.TRANSACTION_END, signed=SignedValue(record)
    )
    return TransactionEvent(
        phase=TransactionPhase.ENDED,
        at=AT,
        seq_no=3,
        transaction_id="tx",
        trigger=TriggerReason.STOP_AUTHORIZED,
        evse=1,
        register_wh=Decimal(1),
        meter_values=(MeterValue(AT, (sample,)),),
    )


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (OCMF, OCMF),
        (
            OCTETS.decode("utf-8", "surrogateescape"),
            f"base64:{base64.b64encode(OCTETS).decode()}",
        ),
    ],
    ids=["text", "octets"],
)
async def test_a_record_is_remembered_without_losing_a_byte(record: str, kept: str) -> None:
    history = TransactionHistory(Documents())
    await history.note(ended(record), idle_state(1), "30")
    (entry,) = history.entries()
    assert entry["records"] == [kept]
    assert json.dumps(entry, ensure_ascii=False).encode()
