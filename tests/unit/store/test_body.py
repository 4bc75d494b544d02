import json
import zlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event_documents import to_document
from agent.core.events import TransactionEvent
from agent.core.meter_values import MeterValue, SampledValue
from agent.core.vocabulary import ChargingState, Measurand, TransactionPhase, TriggerReason
from agent.store.body import DamagedBodyError, pack, unpack
from agent.store.dictionary import WORDS

ADLER = 2295563068
AT = datetime(2027, 5, 17, 6, 30, 12, 345000, tzinfo=UTC)
SAMPLES = (
    SampledValue(Decimal("2187.904")),
    SampledValue(Decimal("7211.5"), Measurand.POWER_ACTIVE_IMPORT),
    *(
        SampledValue(Decimal(f"1{n}.9{n}"), Measurand.CURRENT_IMPORT, phase=f"L{n}")
        for n in (1, 2, 3)
    ),
    *(SampledValue(Decimal(f"23{n}.{n}"), Measurand.VOLTAGE, phase=f"L{n}-N") for n in (1, 2, 3)),
)


@given(st.binary(max_size=20_000))
def test_a_body_comes_back_as_it_was_packed(body: bytes) -> None:
    assert unpack(pack(body)) == body


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_flipped_bit_never_yields_another_body(body: bytes, data: st.DataObject) -> None:
    stored = bytearray(pack(body))
    position = data.draw(st.integers(0, len(stored) - 1))
    stored[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(stored))
    except DamagedBodyError:
        return
    assert found == body  # a few header bits carry no meaning


def test_a_cut_off_body_is_called_damaged() -> None:
    with pytest.raises(DamagedBodyError):
        unpack(pack(b"a body of some length")[:-3])


def test_bytes_behind_a_body_are_called_damage() -> None:
    with pytest.raises(DamagedBodyError):
        unpack(pack(b"a body of some length") + b"\0")


def test_a_body_stored_without_the_dictionary_is_read() -> None:
    body = b'{"event":"TransactionEvent","phase":"Updated"}'
    assert unpack(zlib.compress(body)) == body


def test_a_body_stored_with_another_dictionary_is_called_damaged() -> None:
    compressor = zlib.compressobj(zdict=b"other words")
    stored = compressor.compress(b"other words") + compressor.flush()
    with pytest.raises(DamagedBodyError):
        unpack(stored)


def test_the_dictionary_never_changes() -> None:
    assert zlib.adler32(WORDS) == ADLER
    assert len(WORDS) < 1 << 12, "a usual body and the dictionary fit into the window together"


def test_a_sample_takes_a_sixth_of_its_text() -> None:
    document = to_document(
        TransactionEvent(
            phase=TransactionPhase.UPDATED,
            at=AT,
            seq_no=7,
            transaction_id="b1d1d2f4-6d0c-4f05-a5c7-37f1a3c3a4a0",
            trigger=TriggerReason.METER_VALUE_PERIODIC,
            evse=1,
            register_wh=Decimal("2187.904"),
            charging_state=ChargingState.CHARGING,
            time_spent_charging_s=305,
            phases_used=3,
            meter_values=(MeterValue(AT, SAMPLES),),
        )
    )
    body = json.dumps(document, separators=(",", ":")).encode()
    assert len(pack(body)) <= len(body) / 6
