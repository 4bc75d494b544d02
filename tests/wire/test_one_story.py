"""One session, told by all three versions: words differ, energy, times and signatures do not."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agent.core.events import DomainEvent, TransactionEvent
from agent.ocpp.codec import Call, Codec, CodecContext
from agent.ocpp.directory import StationDirectory
from agent.ocpp.v16.codec import CODEC as V16
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC as V201
from tests.wire import scenes
from tests.wire.official_schemas import check_calls
from tests.wire.test_golden_v16 import PLACES, Numbers

CODECS = (V16, V201, V21)
STORY: tuple[DomainEvent, ...] = (
    scenes.PLUG_IN,
    scenes.ASKED,
    scenes.STARTED,
    scenes.AUTHORIZED,
    scenes.CHARGES,
    scenes.POWER_PATH_CLOSED,
    scenes.PERIODIC,
    scenes.LIMIT_CHANGED,
    replace(scenes.ENDED, seq_no=5),
    scenes.PLUG_OUT,
)
NUMBER = 4711


def tell(codec: Codec, event: DomainEvent, numbers: Numbers) -> list[tuple[str, Any]]:
    context = CodecContext(directory=StationDirectory(PLACES, numbers))
    calls = codec.encode(event, context)
    return list(zip((c.action for c in calls), check_calls(codec, calls), strict=True))


def told(codec: Codec) -> list[tuple[str, Any]]:
    numbers, frames = Numbers(), []
    for event in STORY:
        frames += tell(codec, event, numbers)
        if isinstance(event, TransactionEvent) and event.starts_billing:
            numbers.given[event.transaction_id] = NUMBER
    return frames


def samples(payload: Any) -> Iterator[dict[str, Any]]:
    for name in ("meterValue", "transactionData"):
        for value in payload.get(name, ()):
            for sample in value["sampledValue"]:
                yield {"timestamp": value["timestamp"], **sample}


def record(sample: dict[str, Any]) -> bytes | None:
    signed = sample.get("signedMeterValue")
    if sample.get("format") == "SignedData":
        signed = json.loads(sample["value"])
    return None if signed is None else b64decode(signed["signedMeterData"])


def readings(codec: Codec) -> list[tuple[str, str, str | None, str, Decimal]]:
    """Every number at the end of the story: when, of what, where, why, how much."""
    _, last = [
        frame for frame in told(codec) if frame[0] in ("StopTransaction", "TransactionEvent")
    ][-1]
    return [
        (s["timestamp"], s["measurand"], s.get("phase"), s["context"], Decimal(str(s["value"])))
        for s in samples(last)
        if s.get("format") != "SignedData"
    ]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.schemas)
def test_every_version_tells_one_start_one_end_and_the_token(codec: Codec) -> None:
    frames = told(codec)
    text = json.dumps(frames)
    starts = [p for a, p in frames if a == "StartTransaction" or p.get("eventType") == "Started"]
    ends = [p for a, p in frames if a == "StopTransaction" or p.get("eventType") == "Ended"]
    assert len(starts) == len(ends) == 1
    assert scenes.TOKEN.value in text
    assert ends[0]["timestamp"] == "2025-05-17T06:47:30.000Z"


def test_every_version_tells_the_same_readings() -> None:
    assert readings(V16) == readings(V201) == readings(V21)
    assert len(readings(V16)) == 7


def test_every_version_carries_the_same_signed_records() -> None:
    records = [
        {r for _, payload in told(codec) for s in samples(payload) if (r := record(s)) is not None}
        for codec in CODECS
    ]
    assert records[0] == records[1] == records[2]
    assert len(records[0]) == 2


def test_1_6_bills_the_same_energy_within_one_wh() -> None:
    frames = dict(told(V16))
    energy_wh = frames["StopTransaction"]["meterStop"] - frames["StartTransaction"]["meterStart"]
    registers = [r[-1] for r in readings(V201) if r[1] == "Energy.Active.Import.Register"]
    assert abs(energy_wh - (registers[-1] - registers[0])) <= 1
    assert registers[-1] - registers[0] == scenes.ENDED.register_wh - scenes.STARTED.register_wh


def test_1_6_has_fewer_words_and_keeps_their_order() -> None:
    assert [action for action, _ in told(V16)] == [
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StatusNotification",
        "MeterValues",
        "StopTransaction",
        "StatusNotification",
    ]


def test_2_x_tells_the_change_of_the_limit() -> None:
    triggers = [p["triggerReason"] for a, p in told(V201) if a == "TransactionEvent"]
    assert "ChargingRateChanged" in triggers
    assert [a for a, _ in told(V201)] == [a for a, _ in told(V21)]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.schemas)
def test_the_same_event_told_twice_is_the_same_message(codec: Codec) -> None:
    for event in STORY:
        assert tell(codec, event, Numbers()) == tell(codec, event, Numbers())
    assert all(isinstance(c, Call) for e in STORY for c in codec.encode(e, _context()))


def test_the_version_may_change_while_a_transaction_waits_in_the_queue() -> None:
    # The start went out in 1.6, the rest is told in 2.0.1, and the other way round.
    numbers = Numbers()
    numbers.given[scenes.TRANSACTION_ID] = NUMBER
    assert tell(V201, scenes.ENDED, numbers)[0][1]["transactionInfo"]["transactionId"]
    ((action, payload),) = tell(V16, replace(scenes.ENDED, offline=True), Numbers())
    assert (action, payload["transactionId"]) == ("StopTransaction", -1)
    assert payload["transactionData"]


def _context() -> CodecContext:
    return CodecContext(directory=StationDirectory(PLACES, Numbers()))
