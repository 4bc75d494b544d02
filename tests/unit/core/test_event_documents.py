import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event_documents import SCHEMA, UnreadableEvent, from_document, to_document
from agent.core.events import MeterValuesEvent, SecurityEvent, StoredEvent, TransactionEvent
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.signed_values import SignedValue
from agent.core.vocabulary import IdToken, TransactionPhase, TriggerReason
from tests.unit.core.event_strategies import stored_events

AT = datetime(2025, 3, 30, 1, 2, 3, 456_789, tzinfo=UTC)
EVENT = TransactionEvent(
    phase=TransactionPhase.ENDED,
    at=AT,
    seq_no=7,
    transaction_id="4c1a",
    trigger=TriggerReason.STOP_AUTHORIZED,
    evse=1,
    register_wh=Decimal("1234.500"),
    id_token=IdToken("DEADBEEF"),
    meter_values=(
        MeterValue(
            AT,
            (
                SampledValue(Decimal(230)),
                SampledValue(Decimal("1234.500"), signed=SignedValue("OCMF|{}|{}")),
            ),
        ),
    ),
)


def kept(event: StoredEvent) -> Any:
    """The document as it comes out of the store."""
    return json.loads(json.dumps(to_document(event), allow_nan=False))


@given(stored_events)
def test_an_event_comes_back_from_its_document_as_it_was(event: StoredEvent) -> None:
    back = from_document(kept(event), SCHEMA)

    assert back == event
    assert type(back) is type(event)


@given(stored_events)
def test_the_document_of_an_event_that_came_back_is_the_same(event: StoredEvent) -> None:
    assert to_document(from_document(kept(event), SCHEMA)) == to_document(event)


def test_a_decimal_keeps_its_trailing_zeros() -> None:
    back = from_document(kept(EVENT), SCHEMA)

    assert isinstance(back, TransactionEvent)
    assert str(back.register_wh) == "1234.500"


@pytest.mark.requirement("J02.FR.21")
@given(st.text(min_size=1))
def test_a_signed_record_is_kept_character_for_character(record: str) -> None:
    sample = SampledValue(Decimal(1), signed=SignedValue(record))
    event = MeterValuesEvent(at=AT, evse=1, meter_values=(MeterValue(AT, (sample,)),))

    back = from_document(kept(event), SCHEMA)

    assert isinstance(back, MeterValuesEvent)
    signed = back.meter_values[0].samples[0].signed
    assert signed is not None
    assert signed.record == record


def test_a_document_is_plain_and_leaves_absent_values_out() -> None:
    event = SecurityEvent(at=AT, kind="SettingSystemTime")

    assert to_document(event) == {
        "event": "SecurityEvent",
        "at": "2025-03-30T01:02:03.456789+00:00",
        "kind": "SettingSystemTime",
        "critical": True,
    }


def test_an_instant_without_zone_is_refused_before_it_is_kept() -> None:
    event = SecurityEvent(at=AT.replace(tzinfo=None), kind="SettingSystemTime")

    with pytest.raises(ValueError, match="time zone"):
        to_document(event)


def test_a_document_of_an_unknown_schema_is_not_guessed_at() -> None:
    with pytest.raises(UnreadableEvent) as caught:
        from_document(kept(EVENT), SCHEMA + 1)

    assert caught.value.field == "schema"


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        ({"event": "NoSuchEvent"}, "event"),
        ({"event": None}, "event"),
        ({"event": ["TransactionEvent"]}, "event"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2025-03-30T01:02:03"}, "at"),
        ({"at": 17}, "at"),
        ({"seq_no": "7"}, "seq_no"),
        ({"seq_no": True}, "seq_no"),
        ({"seq_no": 7.0}, "seq_no"),
        ({"offline": 0}, "offline"),
        ({"register_wh": "1,5"}, "register_wh"),
        ({"register_wh": 1.5}, "register_wh"),
        ({"phase": "Paused"}, "phase"),
        ({"stopped_reason": ""}, "stopped_reason"),
        ({"charging_state": None}, "charging_state"),
        ({"id_token": "DEADBEEF"}, "id_token"),
        ({"id_token": {"value": "DEADBEEF"}}, "id_token.type"),
        ({"meter_values": {}}, "meter_values"),
        ({"meter_values": [{"at": "2025-03-30T00:00:00Z"}]}, "meter_values[0].samples"),
    ],
)
def test_damage_is_named_by_its_field(damage: dict[str, Any], field: str) -> None:
    with pytest.raises(UnreadableEvent, match=r".+: .+") as caught:
        from_document(kept(EVENT) | damage, SCHEMA)

    assert caught.value.field == field


def test_damage_deep_inside_is_named_by_its_path() -> None:
    document = kept(EVENT)
    document["meter_values"][0]["samples"][1]["signed"]["record"] = ""

    with pytest.raises(UnreadableEvent) as caught:
        from_document(document, SCHEMA)

    assert caught.value.field == "meter_values[0].samples[1].signed"


@pytest.mark.parametrize("name", ["at", "phase", "register_wh", "evse", "meter_values", "offline"])
def test_a_missing_field_is_named(name: str) -> None:
    document = kept(EVENT)
    del document[name]

    with pytest.raises(UnreadableEvent, match="missing") as caught:
        from_document(document, SCHEMA)

    assert caught.value.field == name


@pytest.mark.parametrize("document", [None, [], "event", 5, {}])
def test_what_is_no_document_at_all_is_unreadable(document: Any) -> None:
    with pytest.raises(UnreadableEvent):
        from_document(document, SCHEMA)
