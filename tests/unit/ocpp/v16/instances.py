"""The events, names and instants that the tests of the 1.6 codec start from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from agent.core.events import TransactionEvent
from agent.core.vocabulary import IdToken, TransactionPhase, TriggerReason
from agent.ocpp.codec import Codec, CodecContext, SignedValueWrapper
from agent.ocpp.v16.codec import CODEC
from tests.wire.official_schemas import check_calls, check_incoming

NOW: Final = datetime(2025, 5, 17, 12, 0, 0, 123_987, tzinfo=UTC)
SENT_NOW: Final = "2025-05-17T12:00:00.123Z"
TRANSACTION_ID: Final = "9a3f0c1e-8a55-4a9e-9a43-9a5b2f0c7d11"
NUMBER: Final = 4711
TOKEN: Final = IdToken("04A2B3C4D5E6F7")


@dataclass(frozen=True)
class Names:
    """A station with two EVSEs of one connector each, and the numbers that the CSMS gave."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    of_all: int | None = None

    def connector_of(self, evse: int, connector: int) -> int:
        return evse

    def place_of(self, connector: int) -> tuple[int, int] | None:
        return (connector, 1) if connector in self.connectors() else None

    def connectors(self) -> tuple[int, ...]:
        return (1, 2)

    def csms_transaction(self, transaction_id: str) -> int | None:
        return self.numbers.get(transaction_id, self.of_all)

    def transaction_of(self, csms_id: int) -> str | None:
        return next((ours for ours, theirs in self.numbers.items() if theirs == csms_id), None)


def numbered(
    number: int | None, wrapper: SignedValueWrapper = SignedValueWrapper.OCA
) -> CodecContext:
    """A context in which the transaction has this number, or none yet."""
    names = Names({} if number is None else {TRANSACTION_ID: number})
    return CodecContext(directory=names, signed_value_wrapper=wrapper)


UNKNOWN: Final = numbered(None)
KNOWN: Final = numbered(NUMBER)

UPDATED: Final = TransactionEvent(
    phase=TransactionPhase.UPDATED,
    at=NOW,
    seq_no=3,
    transaction_id=TRANSACTION_ID,
    trigger=TriggerReason.CHARGING_STATE_CHANGED,
    evse=2,
    register_wh=Decimal("12340.6"),
)
STARTED: Final = replace(
    UPDATED,
    phase=TransactionPhase.STARTED,
    seq_no=0,
    trigger=TriggerReason.AUTHORIZED,
    id_token=TOKEN,
    starts_billing=True,
)
ENDED: Final = replace(UPDATED, phase=TransactionPhase.ENDED, trigger=TriggerReason.STOP_AUTHORIZED)


def told(event: Any, context: CodecContext = KNOWN, codec: Codec = CODEC) -> Any:
    """The action and payload of the one call that tells `event`, checked against the schema."""
    (call,) = calls = codec.encode(event, context)
    (payload,) = check_calls(codec, calls)
    return call.action, payload


def silent(event: Any, context: CodecContext = KNOWN) -> bool:
    return CODEC.encode(event, context) == ()


def read(action: str, payload: Any, context: CodecContext = KNOWN, codec: Codec = CODEC) -> Any:
    """What a valid CALL is decoded to."""
    return codec.decode(action, check_incoming(codec, action, payload), context)
