from datetime import UTC, datetime
from decimal import Decimal

from agent.core.events import TransactionEvent
from agent.core.meter_values import MeterValue
from agent.core.vocabulary import TransactionPhase, TriggerReason
from tests.benchmarks.drain import LONG_ENOUGH, Ledger, expected_calls, identity_of, rate_per_s
from tests.benchmarks.loopback_csms import Arrival, Payload

AT = datetime(2026, 5, 17, tzinfo=UTC)


def event(
    phase: TransactionPhase, *, billing: bool = False, sampled: bool = False
) -> TransactionEvent:
    return TransactionEvent(
        phase=phase,
        at=AT,
        seq_no=0,
        transaction_id="t",
        trigger=TriggerReason.AUTHORIZED,
        evse=1,
        register_wh=Decimal(1),
        starts_billing=billing,
        meter_values=(MeterValue(AT, ()),) if sampled else (),
    )


def told(seq_no: int, connection: int = 1, at_s: float = 0.0) -> Arrival:
    payload: Payload = {"transactionInfo": {"transactionId": "t"}, "seqNo": seq_no}
    return Arrival(at_s, connection, "TransactionEvent", payload)


def test_an_event_that_comes_twice_is_known_once() -> None:
    ledger = Ledger(3)
    for seq_no in (0, 1, 1):
        ledger.note(told(seq_no))
    assert (ledger.known, ledger.resent) == (2, 1)


def test_other_messages_are_no_events() -> None:
    ledger = Ledger(1)
    ledger.note(Arrival(0.0, 1, "Heartbeat", {}))
    assert (ledger.known, ledger.arrivals) == (0, 0)


def test_each_message_of_a_transaction_has_its_identity() -> None:
    start: Payload = {"timestamp": "T1", "meterStart": 5, "idTag": "A"}
    value: Payload = {"transactionId": 1, "meterValue": [{"timestamp": "T2"}]}
    other: Payload = {"transactionId": 1, "meterValue": [{"timestamp": "T3"}]}
    found = [
        identity_of("StartTransaction", start),
        identity_of("StartTransaction", start | {"meterStart": 6}),
        identity_of("MeterValues", value),
        identity_of("MeterValues", other),
        identity_of("StopTransaction", {"transactionId": 1}),
        identity_of("StopTransaction", {"transactionId": 2}),
    ]
    assert None not in found
    assert len(set(found)) == len(found)


def test_every_event_is_a_call_in_2_x_and_only_some_are_in_1_6() -> None:
    events = [
        event(TransactionPhase.STARTED),
        event(TransactionPhase.UPDATED, billing=True),
        event(TransactionPhase.UPDATED),
        event(TransactionPhase.UPDATED, sampled=True),
        event(TransactionPhase.ENDED),
    ]
    assert expected_calls(events, "ocpp2.0.1") == 5
    assert expected_calls(events, "ocpp1.6") == 3


def test_the_rate_leaves_restarts_and_short_lives_out() -> None:
    first = [number / 1000 for number in range(LONG_ENOUGH + 1)]
    second = [100 + number / 1000 for number in range(LONG_ENOUGH + 1)]
    assert round(rate_per_s([first, second, [50.0, 51.0]])) == 1000


def test_without_a_long_connection_there_is_no_rate() -> None:
    assert rate_per_s([[1.0, 2.0]]) == 0.0
    assert Ledger(1).rate_per_s == 0.0
