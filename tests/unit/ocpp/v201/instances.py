"""The events and instants that the tests of this folder start from."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from agent.core.events import TransactionEvent
from agent.core.vocabulary import TransactionPhase, TriggerReason
from agent.ocpp.codec import Codec, CodecContext
from agent.ocpp.v201.codec import CODEC
from tests.wire.official_schemas import ONLINE, check_calls, check_incoming

NOW: Final = datetime(2025, 5, 17, 12, 0, 0, 123_987, tzinfo=UTC)
SENT_NOW: Final = "2025-05-17T12:00:00.123Z"
TRANSACTION_ID: Final = "9a3f0c1e-8a55-4a9e-9a43-9a5b2f0c7d11"
UPDATED: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=NOW,
    seq_no=3,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.CHARGING_STATE_CHANGED,
    evse=1,
    register_wh=Decimal(0),
)
ENDED: Final = replace(UPDATED, phase=TransactionPhase.ENDED, trigger=TriggerReason.STOP_AUTHORIZED)


def told(event: Any, context: CodecContext = ONLINE, codec: Codec = CODEC) -> Any:
    """The payload of the one call that tells `event`, checked against the schema."""
    (payload,) = check_calls(codec, codec.encode(event, context))
    return payload


def read(action: str, payload: Any, codec: Codec = CODEC) -> Any:
    """What a valid CALL is decoded to."""
    return codec.decode(action, check_incoming(codec, action, payload), ONLINE)
