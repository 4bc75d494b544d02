"""The demo CSMS over real WebSockets, against a station that sends raw frames."""

import asyncio
import base64
import json
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.sim.csms import Csms
from agent.sim.csms_command import run_csms
from agent.sim.csms_dialect import LimitPurpose, NotInThisVersion
from agent.sim.csms_link import StationDidNotAnswer, StationNotConnected, StationRefusedCall
from agent.sim.csms_model import AuthorizationStatus, Rule, TransactionRecord
from agent.sim.frames import Call
from agent.sim.misbehaviour import (
    CallHook,
    Ending,
    Plan,
    answer_call_error,
    answer_late,
    answer_twice,
    end_connection,
    lose_answers,
    never_answer,
    refuse_handshake,
    select_subprotocol,
    stop_acknowledging,
)
from tests.integration.raw_station import RawStation, boot, event, register, status
from tests.patience import PATIENT_S

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
ALL = [V16, V201, V21]
BOTH_2 = [V201, V21]


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(ping_interval_s=None) as server:
        yield server


async def booted(station: RawStation, version: str) -> None:
    answer = await station.call("BootNotification", boot(version))
    assert answer["status"] == "Accepted"
    assert await station.call("StatusNotification", status(version)) == {}


def rules(csms: Csms) -> list[Rule]:
    return [fault.rule for fault in csms.faults]


@pytest.mark.parametrize("version", ALL)
async def test_a_station_boots_and_reports_its_status_in_every_version(
    csms: Csms, version: str
) -> None:
    async with RawStation(csms.url, versions=[version]) as raw:
        await booted(raw, version)
        answer = await raw.call("Heartbeat", {})
        station = csms.stations["CS001"]
        assert station.version == version
        assert station.connected
        assert station.boots[0].facts.model == "AC22"
        assert station.statuses == {(1, 1): "Available"}
        assert station.heartbeats == 1
        assert answer["currentTime"].endswith("Z")
        assert csms.faults == []
    await station.wait_for(lambda s: not s.connected, PATIENT_S)


async def test_the_stations_order_of_versions_decides(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201, V16, V21]) as raw:
        assert raw.socket.subprotocol == V201


async def test_a_restricted_csms_speaks_only_its_own_versions() -> None:
    async with (
        Csms(versions=[V16], ping_interval_s=None) as csms,
        RawStation(csms.url) as raw,
    ):
        assert raw.socket.subprotocol == V16


async def test_without_a_common_version_the_handshake_ends_without_subprotocol() -> None:
    async with (
        Csms(versions=[V16], ping_interval_s=None) as csms,
        RawStation(csms.url, versions=[V21]) as raw,
    ):
        assert raw.socket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await raw.receive()


async def test_a_csms_may_prefer_its_own_order() -> None:
    options = {"versions": [V16, V21], "prefers_own_order": True}
    async with Csms(**options, ping_interval_s=None) as csms, RawStation(csms.url) as raw:  # type: ignore[arg-type] # options of two kinds in one dict
        assert raw.socket.subprotocol == V16


async def test_the_identity_is_percent_decoded_from_the_last_segment(csms: Csms) -> None:
    async with RawStation(csms.url, identity="CS%20%2F1", versions=[V16]):
        await csms.wait_for(lambda c: "CS /1" in c.stations, PATIENT_S)


@pytest.mark.parametrize("version", BOTH_2)
async def test_a_2x_transaction_is_recorded_with_its_energy_in_wh(csms: Csms, version: str) -> None:
    async with RawStation(csms.url, versions=[version]) as raw:
        await booted(raw, version)
        token = {"idToken": "DEADBEEF", "type": "ISO14443"}
        begin = [register(1234.5, "Transaction.Begin")]
        evse = {"id": 1, "connectorId": 1}
        answer = await raw.call(
            "TransactionEvent",
            event("Started", 0, 0, idToken=token, evse=evse, sampled=begin),
        )
        assert answer == {"idTokenInfo": {"status": "Accepted"}}
        middle = [register(1.5, "Sample.Periodic", "kWh"), {"value": 16.0, "measurand": "SoC"}]
        await raw.call("TransactionEvent", event("Updated", 1, 10, sampled=middle))
        end = [register(25, "Transaction.End", "Wh", multiplier=2)]
        info = {"stoppedReason": "Remote"}
        await raw.call("TransactionEvent", event("Ended", 2, 20, sampled=end, info=info))
        record = csms.stations["CS001"].transactions["T-1"]
    assert csms.faults == []
    assert (record.begin_wh, record.end_wh) == (Decimal("1234.5"), Decimal(2500))
    assert record.energy_wh == Decimal("1265.5")
    assert (record.evse_id, record.connector_id, record.id_token) == (1, 1, "DEADBEEF")
    assert record.stopped_reason == "Remote"
    assert [e.seq_no for e in record.events] == [0, 1, 2]
    assert record.ended_at == datetime(2026, 1, 1, 10, 0, 20, tzinfo=UTC)
    assert record.duplicates == 0


def start(**more: Any) -> dict[str, Any]:
    payload = {"connectorId": 1, "idTag": "DEADBEEF", "meterStart": 1000}
    return {**payload, "timestamp": "2026-01-01T10:00:00.000Z", **more}


def stop(number: int, **more: Any) -> dict[str, Any]:
    payload = {"transactionId": number, "meterStop": 1500}
    return {**payload, "timestamp": "2026-01-01T10:01:00.000Z", **more}


async def test_a_16_transaction_is_recorded_and_its_resent_start_recognised(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        first = await raw.call("StartTransaction", start())
        again = await raw.call("StartTransaction", start())
        assert first == again == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
        sampled = [{"value": "1.25", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}]
        values = [{"timestamp": "2026-01-01T10:00:30.000Z", "sampledValue": sampled}]
        payload = {"connectorId": 1, "transactionId": 1, "meterValue": values}
        assert await raw.call("MeterValues", payload) == {}
        assert await raw.call("StopTransaction", stop(1, reason="Remote")) == {}
        assert await raw.call("StopTransaction", stop(1, reason="Remote")) == {}
    record = csms.stations["CS001"].transactions["1"]
    assert csms.faults == []
    assert record.duplicates == 2
    assert (record.begin_wh, record.end_wh) == (Decimal(1000), Decimal(1500))
    assert record.samples[0].value == 1250
    assert record.stopped_reason == "Remote"
    assert [e.event_type for e in record.events] == ["Started", "Updated", "Ended"]


async def test_two_16_starts_at_another_time_are_two_transactions(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        await raw.call("StartTransaction", start())
        other = await raw.call("StartTransaction", start(timestamp="2026-01-01T11:00:00.000Z"))
    assert other["transactionId"] == 2
    assert len(csms.stations["CS001"].transactions) == 2


async def test_transactions_outlive_a_restart_of_the_csms_on_the_same_port(csms: Csms) -> None:
    port = csms.port
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        await raw.call("StartTransaction", start())
        await csms.stop()
        with pytest.raises(ConnectionClosed):
            await raw.receive()
    await csms.start()
    assert csms.port == port
    async with RawStation(csms.url, versions=[V16], first_id=100) as raw:
        answer = await raw.call("StartTransaction", start())
        assert answer["transactionId"] == 1
        await raw.call("StopTransaction", stop(1))
    assert csms.faults == []
    assert csms.stations["CS001"].transactions["1"].energy_wh == 500
    assert csms.stations["CS001"].connections == 2


async def test_stop_with_abort_kills_connections_without_a_close_frame(csms: Csms) -> None:
    async with RawStation(csms.url) as raw:
        await csms.wait_for(lambda c: "CS001" in c.stations, PATIENT_S)
        await csms.stop(abort=True)
        with pytest.raises(ConnectionClosed) as caught:
            await raw.receive()
        assert caught.value.rcvd is None


SIGNED = b'OCMF|{"FV":"1.0"}|{"SD":"00"}'
KEY = base64.b64encode(b"oca:base16:asn1:3059").decode()


async def test_signed_values_of_2x_are_kept_byte_for_byte(csms: Csms) -> None:
    signed = {
        "signedMeterData": base64.b64encode(SIGNED).decode(),
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": KEY,
    }
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        begin = {**register(10, "Transaction.Begin"), "signedMeterValue": signed}
        await raw.call("TransactionEvent", event("Started", 0, 0, sampled=[begin]))
    [value] = csms.stations["CS001"].transactions["T-1"].signed_values
    assert csms.faults == []
    assert value.record == SIGNED
    assert (value.context, value.encoding) == ("Transaction.Begin", "OCMF")
    assert value.public_key == "oca:base16:asn1:3059"


@pytest.mark.parametrize("style", ["oca", "hasToBe", "raw"])
async def test_signed_values_of_16_are_read_in_each_known_style(csms: Csms, style: str) -> None:
    name = "signedMeterValue" if style == "hasToBe" else "signedMeterData"
    wrapped = {
        name: base64.b64encode(SIGNED).decode(),
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": "",
    }
    value = SIGNED.decode() if style == "raw" else json.dumps(wrapped)
    sampled = [{"value": value, "format": "SignedData", "context": "Transaction.End"}]
    data = [{"timestamp": "2026-01-01T10:01:00.000Z", "sampledValue": sampled}]
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        await raw.call("StartTransaction", start())
        await raw.call("StopTransaction", stop(1, transactionData=data))
    [signed] = csms.stations["CS001"].transactions["1"].signed_values
    assert signed.record == SIGNED
    assert csms.faults == []


async def test_a_resent_event_is_a_duplicate_and_its_values_count_once(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        payload = event("Started", 0, 0, sampled=[register(10, "Transaction.Begin")])
        await raw.call("TransactionEvent", payload)
        await raw.call("TransactionEvent", {**payload, "offline": True})
    record = csms.stations["CS001"].transactions["T-1"]
    assert csms.faults == []
    assert record.duplicates == 1
    assert len(record.samples) == 1


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ([event("Started", 0, 0), event("Updated", 2, 1)], Rule.SEQUENCE),
        ([event("Started", 1, 0)], Rule.SEQUENCE),
        ([event("Started", 0, 0), event("Updated", 0, 1)], Rule.SEQUENCE),
        ([event("Updated", 0, 0)], Rule.TRANSACTION),
        ([event("Started", 0, 0), event("Started", 1, 1)], Rule.TRANSACTION),
        ([event("Started", 0, 0), event("Ended", 1, 1), event("Updated", 2, 2)], Rule.TRANSACTION),
        ([event("Started", 0, 5), event("Ended", 1, 4)], Rule.TRANSACTION),
        (
            [
                event("Started", 0, 0, sampled=[register(10, "Transaction.Begin")]),
                event("Updated", 1, 1, sampled=[register(9, "Sample.Periodic")]),
            ],
            Rule.METER,
        ),
        (
            [
                event("Started", 0, 0, sampled=[register(10, "Transaction.Begin")]),
                event("Ended", 1, 1),
            ],
            Rule.METER,
        ),
        (
            [event("Started", 0, 0, idToken={"idToken": "XYZ", "type": "ISO14443"})],
            Rule.IDENTIFIER,
        ),
        ([{**event("Started", 0, 0), "timestamp": "2026-01-01T10:00:00.123456Z"}], Rule.TIMESTAMP),
        ([{**event("Started", 0, 0), "timestamp": "2026-01-01T10:00:00.000"}], Rule.TIMESTAMP),
        ([{**event("Started", 0, 0), "timestamp": "2026-01-01T10:00:00+00:00"}], Rule.TIMESTAMP),
        ([{**event("Started", 0, 0), "timestamp": "2026-13-01T10:00:00Z"}], Rule.TIMESTAMP),
        ([{**event("Started", 0, 0), "triggerReason": "DataSigned"}], Rule.SCHEMA),
        ([{**event("Started", 0, 0), "evse": None}], Rule.SCHEMA),
    ],
)
async def test_a_broken_rule_of_transactions_is_recorded_as_exactly_that_fault(
    csms: Csms, events: list[dict[str, Any]], rule: Rule
) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        for payload in events:
            await raw.call("TransactionEvent", payload)
    assert rules(csms) == [rule]


@pytest.mark.parametrize(
    ("version", "code"),
    [(V16, "OccurenceConstraintViolation"), (V201, "OccurrenceConstraintViolation")],
)
async def test_a_request_that_breaks_its_schema_gets_the_versions_own_callerror(
    csms: Csms, version: str, code: str
) -> None:
    async with RawStation(csms.url, versions=[version]) as raw:
        frame = await raw.call("BootNotification", {})
    assert frame[0] == 4
    assert frame[2] == code
    assert rules(csms) == [Rule.SCHEMA]
    assert csms.stations["CS001"].boots == []


async def test_an_odd_iso14443_token_is_refused_in_authorize(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        frame = await raw.call("Authorize", {"idToken": {"idToken": "ABC", "type": "ISO14443"}})
        good = {"idToken": {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"}}
        assert await raw.call("Authorize", good) == {"idTokenInfo": {"status": "Accepted"}}
    assert frame[2] == "PropertyConstraintViolation"
    assert rules(csms) == [Rule.IDENTIFIER]


async def test_known_tokens_get_their_status_and_others_none() -> None:
    tokens = {"good": AuthorizationStatus.ACCEPTED, "poor": AuthorizationStatus.NO_CREDIT}
    async with Csms(tokens=tokens, ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V201]) as raw:
            await booted(raw, V201)
            statuses = [
                (await raw.call("Authorize", {"idToken": {"idToken": t, "type": "Local"}}))
                for t in ("GOOD", "poor", "other")
            ]
        async with RawStation(csms.url, "CS002", versions=[V16]) as raw:
            await booted(raw, V16)
            other = await raw.call("Authorize", {"idTag": "other"})
            poor = await raw.call("Authorize", {"idTag": "poor"})
    assert [s["idTokenInfo"]["status"] for s in statuses] == ["Accepted", "NoCredit", "Unknown"]
    assert other == poor == {"idTagInfo": {"status": "Invalid"}}


@pytest.mark.requirement("B01.FR.08")
@pytest.mark.parametrize("version", ALL)
async def test_nothing_but_boot_notification_is_let_through_before_accepted(
    csms: Csms, version: str
) -> None:
    async with RawStation(csms.url, versions=[version]) as raw:
        frame = await raw.call("Heartbeat", {})
        assert frame[2] == "SecurityError"
        await booted(raw, version)
        assert "currentTime" in await raw.call("Heartbeat", {})
        csms.stations["CS001"].expect_boot()
        await raw.call("Heartbeat", {})
    assert rules(csms) == [Rule.BEFORE_BOOT, Rule.BEFORE_BOOT]


@pytest.mark.requirement("B02.FR.02")
async def test_a_pending_station_may_send_what_it_was_asked_for() -> None:
    async with Csms(boot_script=["Pending", "Accepted"], ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V201]) as raw:
            assert (await raw.call("BootNotification", boot(V201)))["status"] == "Pending"
            asking = asyncio.create_task(csms.stations["CS001"].trigger("Heartbeat"))
            action, payload = await raw.answer({"status": "Accepted"})
            assert (action, payload) == ("TriggerMessage", {"requestedMessage": "Heartbeat"})
            assert (await asking).accepted
            assert "currentTime" in await raw.call("Heartbeat", {})
            assert csms.faults == []
            assert (await raw.call("StatusNotification", status(V201)))[0] == 4
            assert (await raw.call("BootNotification", boot(V201)))["status"] == "Accepted"
            assert await raw.call("StatusNotification", status(V201)) == {}
        assert rules(csms) == [Rule.BEFORE_BOOT]


async def test_a_16_start_before_the_connectors_status_is_a_fault(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V16]) as raw:
        await raw.call("BootNotification", boot(V16))
        await raw.call("StatusNotification", status(V16, connector=0))
        await raw.call("StartTransaction", start())
    assert rules(csms) == [Rule.STATUS_FIRST]


async def test_a_second_call_before_the_first_is_answered_is_a_fault(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        csms.misbehave(answer_late(0.02, {"Heartbeat"}, times=1))
        await raw.send("Heartbeat", {})
        await raw.send("Heartbeat", {})
        answers = [await raw.receive(), await raw.receive()]
    assert [answer[0] for answer in answers] == [3, 3]
    assert rules(csms) == [Rule.ONE_CALL]


async def test_a_call_after_the_stations_own_time_out_is_no_fault() -> None:
    async with Csms(station_timeout_s=0.02, ping_interval_s=None) as csms:
        csms.misbehave(never_answer({"Heartbeat"}, times=1))
        async with RawStation(csms.url, versions=[V201]) as raw:
            await booted(raw, V201)
            await raw.send("Heartbeat", {})
            await asyncio.sleep(0.03)
            await raw.call("Heartbeat", {})
        assert csms.faults == []


async def test_a_message_id_used_twice_is_a_fault_even_after_a_reconnect(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
    async with RawStation(csms.url, versions=[V201]) as raw:
        await raw.call("Heartbeat", {})
    assert rules(csms) == [Rule.MESSAGE_ID]


@pytest.mark.parametrize(
    ("frame", "answer", "rule"),
    [
        ("nonsense", [4, "-1", "RpcFrameworkError"], Rule.FRAME),
        ("[" * 5000, [4, "-1", "RpcFrameworkError"], Rule.FRAME),
        ('[2,"x","Heartbeat",[]]', [4, "x", "RpcFrameworkError"], Rule.FRAME),
        ('[2,"x","Heartbeat",{"a":NaN}]', [4, "-1", "RpcFrameworkError"], Rule.FRAME),
        ('[9,"x"]', [4, "x", "MessageTypeNotSupported"], Rule.FRAME),
        ('[2,"x","Nonsense",{}]', [4, "x", "NotImplemented"], Rule.ACTION),
        ('[2,"x","Reset",{"type":"OnIdle"}]', [4, "x", "NotSupported"], Rule.ACTION),
    ],
)
async def test_a_bad_frame_is_recorded_and_refused(
    csms: Csms, frame: str, answer: list[Any], rule: Rule
) -> None:
    async with RawStation(csms.url, versions=[V21]) as raw:
        await booted(raw, V21)
        await raw.socket.send(frame)
        refusal = await raw.receive()
        assert refusal[:3] == answer
        assert "currentTime" in await raw.call("Heartbeat", {})
    assert rules(csms) == [rule]


async def test_a_message_id_that_is_no_unicode_text_is_answered_all_the_same(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V21]) as raw:
        await booted(raw, V21)
        await raw.socket.send('[2,"\\ud800","Heartbeat",{}]')
        assert (await raw.receive())[:2] == [3, "\ud800"]
    assert csms.faults == []


async def test_binary_frames_and_unasked_answers_are_faults_without_answer(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V21]) as raw:
        await booted(raw, V21)
        await raw.socket.send(b"\x00\x01")
        await raw.socket.send('[3,"never-asked",{}]')
        await raw.socket.send('[5,"x","FormatViolation","",{}]')
        await raw.socket.send('[6,"s","NotifyPeriodicEventStream",{}]')
        assert "currentTime" in await raw.call("Heartbeat", {})
    assert rules(csms) == [Rule.FRAME, Rule.ANSWER, Rule.ANSWER, Rule.SCHEMA]


@pytest.mark.parametrize("version", ALL)
async def test_version_neutral_commands_reach_the_station_in_its_words(
    csms: Csms, version: str
) -> None:
    async with RawStation(csms.url, versions=[version]) as raw:
        await booted(raw, version)
        station = csms.stations["CS001"]
        asking = asyncio.create_task(station.remote_start("DEADBEEF", evse=1, charging_profile=10))
        action, payload = await raw.answer({"status": "Accepted"})
        assert (await asking).accepted
        expected = "RemoteStartTransaction" if version == V16 else "RequestStartTransaction"
        assert action == expected
        assert payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
        asking = asyncio.create_task(
            station.set_charging_limit(0, 16, LimitPurpose.STATION_MAXIMUM)
        )
        action, payload = await raw.answer({"status": "Rejected"})
        assert action == "SetChargingProfile"
        assert "MaxProfile" in json.dumps(payload)
        assert not (await asking).accepted
    assert csms.faults == []


@pytest.mark.parametrize("version", ALL)
async def test_the_other_commands_reach_the_station_too(csms: Csms, version: str) -> None:
    ok = {"status": "Accepted"}
    async with RawStation(csms.url, versions=[version]) as raw:
        await booted(raw, version)
        station = csms.stations["CS001"]
        station.transactions["7"] = TransactionRecord("7", evse_id=1)
        actions = []
        for command in (
            station.remote_stop(station.open_transaction(1) or ""),
            station.remote_stop("7"),
            station.set_charging_limit(1, 6, "TxProfile", transaction="7"),
            station.change_availability(False, evse=1),
            station.trigger("StatusNotification", evse=1),
            station.data_transfer("a.vendor", data="x"),
            station.reset("OnIdle"),
        ):
            asking = asyncio.create_task(command)
            action, _ = await raw.answer(ok)
            actions.append(action)
            assert (await asking).accepted
        clearing = asyncio.create_task(station.clear_charging_profiles())
        for _ in range(1 if version == V16 else 3):
            assert (await raw.answer(ok))[0] == "ClearChargingProfile"
        assert all(result.accepted for result in await clearing)
    assert actions[2:4] == ["SetChargingProfile", "ChangeAvailability"]
    assert csms.faults == []


async def test_configuration_keys_are_read_and_set_in_16(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        station = csms.stations["CS001"]
        reading = asyncio.create_task(station.get_configuration(["A", "B"]))
        entries = [{"key": "A", "readonly": True, "value": "1"}]
        await raw.answer({"configurationKey": entries, "unknownKey": ["B"]})
        assert await reading == {"A": "1"}
        setting = asyncio.create_task(station.change_configuration("A", "2"))
        assert (await raw.answer({"status": "RebootRequired"}))[1] == {"key": "A", "value": "2"}
        assert (await setting).accepted
        with pytest.raises(NotInThisVersion):
            await station.set_variables({"A.B": "1"})
    assert csms.faults == []


async def test_variables_that_are_set_have_their_results_and_a_report_may_be_refused(
    csms: Csms,
) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        station = csms.stations["CS001"]
        setting = asyncio.create_task(station.set_variables({"A.B": "1"}))
        names = {"component": {"name": "A"}, "variable": {"name": "B"}}
        await raw.answer({"setVariableResult": [{"attributeStatus": "Rejected", **names}]})
        assert [result.status for result in await setting] == ["Rejected"]
        asking = asyncio.create_task(station.get_base_report())
        await raw.answer({"status": "NotSupported"})
        assert await asking is None
        password = asyncio.create_task(station.change_password("0123456789abcdef"))
        await raw.answer({"setVariableResult": [{"attributeStatus": "Rejected", **names}]})
        assert not (await password).accepted
        assert station.password is None
    assert csms.faults == []


async def test_a_new_limit_for_the_same_purpose_replaces_the_profile(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        station = csms.stations["CS001"]
        ids = []
        for limit_a, evse in [(10, 1), (6, 1), (8, 2)]:
            asking = asyncio.create_task(station.set_charging_limit(evse, limit_a))
            _, payload = await raw.answer({"status": "Accepted"})
            await asking
            ids.append(payload["chargingProfile"]["id"])
    assert ids == [1, 1, 2]


async def test_variables_are_read_and_set_by_name(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V21]) as raw:
        await booted(raw, V21)
        station = csms.stations["CS001"]
        asking = asyncio.create_task(station.get_variables(["EVSE@1.Power", "A[b].C[d]"]))
        data: list[dict[str, Any]] = [
            {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}},
            {
                "component": {"name": "A", "instance": "b"},
                "variable": {"name": "C", "instance": "d"},
            },
        ]
        results = [
            {"attributeStatus": "Accepted", "attributeValue": "22", **data[0]},
            {"attributeStatus": "UnknownComponent", **data[1]},
        ]
        action, payload = await raw.answer({"getVariableResult": results})
        assert (action, payload) == ("GetVariables", {"getVariableData": data})
        first, second = await asking
        assert (first.name, first.value) == ("EVSE@1.Power", "22")
        assert (second.name, second.status) == ("A[b].C[d]", "UnknownComponent")
        with pytest.raises(NotInThisVersion):
            await station.get_configuration()
    assert csms.faults == []


async def test_a_base_report_is_collected_over_its_parts(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        asking = asyncio.create_task(csms.stations["CS001"].get_base_report())
        _, request = await raw.answer({"status": "Accepted"})
        entry = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
            "variableAttribute": [{"value": "300"}],
        }
        part = {"requestId": request["requestId"], "generatedAt": "2026-01-01T10:00:00Z"}
        await raw.call("NotifyReport", {**part, "seqNo": 0, "tbc": True})
        await raw.call("NotifyReport", {**part, "seqNo": 1, "reportData": [entry]})
        report = await asking
    assert report is not None
    assert report.values == {"OCPPCommCtrlr.HeartbeatInterval": "300"}
    assert csms.faults == []


async def test_an_answer_that_breaks_its_schema_is_a_fault_and_still_returned(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        asking = asyncio.create_task(csms.stations["CS001"].reset("Hard"))
        assert await raw.answer({"status": "Perhaps"}) == ("Reset", {"type": "Hard"})
        assert (await asking).status == "Perhaps"
    assert rules(csms) == [Rule.SCHEMA]


async def test_commands_say_why_they_failed(csms: Csms) -> None:
    with pytest.raises(StationNotConnected):
        await csms.station("CS001").call("Reset", {"type": "Hard"})
    async with RawStation(csms.url, versions=[V16]) as raw:
        await booted(raw, V16)
        station = csms.stations["CS001"]
        with pytest.raises(StationDidNotAnswer, match="Reset"):
            await station.call("Reset", {"type": "Hard"}, timeout_s=0.02)
        late = await raw.receive()
        await raw.socket.send(json.dumps([3, late[1], {"status": "Accepted"}]))
        asking = asyncio.create_task(station.call("Nonsense", {}))
        frame = await raw.receive()
        await raw.socket.send(json.dumps([4, frame[1], "NotImplemented", "no", {}]))
        with pytest.raises(StationRefusedCall) as caught:
            await asking
        assert caught.value.code == "NotImplemented"
        asking = asyncio.create_task(station.call("ClearCache", {}))
        await raw.receive()
    with pytest.raises(StationNotConnected):
        await asking
    assert csms.faults == []


async def test_commands_are_sent_one_at_a_time_and_while_a_call_is_being_answered(
    csms: Csms,
) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        station = csms.stations["CS001"]
        csms.misbehave(answer_late(0.03, {"Heartbeat"}))
        await raw.send("Heartbeat", {})
        await station.wait_for(lambda s: s.received("Heartbeat"), PATIENT_S)
        tasks = [asyncio.create_task(station.unlock(1)), asyncio.create_task(station.unlock(2))]
        first = await raw.receive()
        assert (first[0], first[3]["evseId"]) == (2, 1)
        assert (await raw.receive())[0] == 3
        await raw.socket.send(json.dumps([3, first[1], {"status": "Unlocked"}]))
        assert (await raw.answer({"status": "UnlockFailed"}))[1]["evseId"] == 2
        assert [(await task).status for task in tasks] == ["Unlocked", "UnlockFailed"]
    assert csms.faults == []


async def test_wrong_or_missing_passwords_are_refused_and_recorded() -> None:
    async with Csms(password="a-good-password", ping_interval_s=None) as csms:
        for password in (None, b"another-password"):
            with pytest.raises(InvalidStatus) as caught:
                async with RawStation(csms.url, password=password):
                    pass
            assert caught.value.response.status_code == 401
        async with RawStation(csms.url, password=b"a-good-password"):
            pass
        shown = [handshake.status for handshake in csms.handshakes]
    assert shown == [401, 401, HTTPStatus.SWITCHING_PROTOCOLS]


async def test_a_changed_password_counts_from_the_moment_it_is_accepted() -> None:
    async with Csms(password=bytes.fromhex("00ff10"), ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V16], password=b"\x00\xff\x10") as raw:
            await booted(raw, V16)
            asking = asyncio.create_task(csms.stations["CS001"].change_password("new-password"))
            _, payload = await raw.answer({"status": "Accepted"})
            await asking
        assert bytes.fromhex(payload["value"]) == b"new-password"
        with pytest.raises(InvalidStatus):
            async with RawStation(csms.url, password=b"\x00\xff\x10"):
                pass
        async with RawStation(csms.url, password=b"new-password"):
            pass


async def test_unknown_identities_get_404() -> None:
    async with Csms(identities=frozenset({"CS002"}), ping_interval_s=None) as csms:
        with pytest.raises(InvalidStatus) as caught:
            async with RawStation(csms.url):
                pass
        assert caught.value.response.status_code == 404
        async with RawStation(csms.url, identity="CS002"):
            pass


async def test_lost_answers_make_duplicates_that_are_counted(csms: Csms) -> None:
    csms.station_timeout_s = 0
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        hook = csms.misbehave(lose_answers(1))
        await raw.send("TransactionEvent", event("Started", 0, 0))
        assert await raw.call("TransactionEvent", event("Started", 0, 0)) == {}
    assert hook.count == 1
    assert csms.stations["CS001"].transactions["T-1"].duplicates == 1
    assert csms.faults == []


async def test_a_boot_whose_answer_never_left_binds_no_station(csms: Csms) -> None:
    csms.station_timeout_s = 0
    async with RawStation(csms.url, versions=[V201]) as raw:
        csms.misbehave(never_answer({"BootNotification"}))
        await raw.send("BootNotification", boot(V201))
        assert (await raw.call("Heartbeat", {}))[0] == 4
    assert rules(csms) == [Rule.BEFORE_BOOT]


async def test_a_csms_that_stops_acknowledging_keeps_nothing_until_it_behaves() -> None:
    async with Csms(station_timeout_s=0, ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V201]) as raw:
            await booted(raw, V201)
            hook = csms.misbehave(stop_acknowledging())
            await raw.send("TransactionEvent", event("Started", 0, 0))
            await csms.wait_for(lambda _: hook.count == 1, PATIENT_S)
            assert csms.stations["CS001"].transactions == {}
            csms.behave()
            assert await raw.call("TransactionEvent", event("Started", 0, 0)) == {}
        assert csms.stations["CS001"].transactions["T-1"].duplicates == 0


async def test_doubled_answers_callerrors_and_odd_ids(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        csms.misbehave(answer_twice(times=1))
        message_id = await raw.send("Heartbeat", {})
        assert [(await raw.receive())[1] for _ in range(2)] == [message_id, message_id]
        csms.misbehave(answer_call_error("GenericError", times=1))
        assert (await raw.call("Heartbeat", {}))[2] == "GenericError"
        csms.misbehave(answer_call_error("FormatViolation", times=1, odd_id=lambda _: None))
        await raw.send("Heartbeat", {})
        assert (await raw.receive())[:3] == [4, None, "FormatViolation"]
    assert csms.stations["CS001"].heartbeats == 1


async def test_hooks_compose_and_may_be_written_by_the_test(csms: Csms) -> None:
    seen: list[str] = []

    def note(call: Call, plan: Plan) -> Plan:
        seen.append(call.action)
        return replace(plan, copies=plan.copies + 1)

    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        csms.misbehave(CallHook(note))
        csms.misbehave(answer_late(0.01))
        await raw.send("Heartbeat", {})
        assert [(await raw.receive())[0] for _ in range(2)] == [3, 3]
    assert seen == ["Heartbeat"]


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.ABORT])
async def test_a_connection_may_end_in_the_middle_of_a_call(csms: Csms, ending: Ending) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        csms.misbehave(end_connection(ending, {"TransactionEvent"}, record=True))
        await raw.send("TransactionEvent", event("Started", 0, 0))
        with pytest.raises(ConnectionClosed) as caught:
            await raw.receive()
    assert (caught.value.rcvd is None) == (ending is Ending.ABORT)
    assert "T-1" in csms.stations["CS001"].transactions
    await csms.stations["CS001"].wait_for(lambda s: not s.connected, PATIENT_S)


async def test_handshakes_can_be_refused_or_answered_without_subprotocol(csms: Csms) -> None:
    csms.misbehave(refuse_handshake(503, times=1))
    with pytest.raises(InvalidStatus) as caught:
        async with RawStation(csms.url):
            pass
    assert caught.value.response.status_code == 503
    csms.behave()
    csms.misbehave(select_subprotocol(None, times=1))
    async with RawStation(csms.url) as raw:
        assert raw.socket.subprotocol is None
        await raw.send("BootNotification", boot(V201))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(raw.receive(), 0.03)
    async with RawStation(csms.url) as raw:
        assert raw.socket.subprotocol == V21


async def test_raw_text_and_binary_frames_can_be_sent_to_the_station(csms: Csms) -> None:
    async with RawStation(csms.url, versions=[V201]) as raw:
        await booted(raw, V201)
        csms.stations["CS001"].send_raw("{nonsense")
        csms.stations["CS001"].send_raw(b"\x00")
        assert await raw.socket.recv() == "{nonsense"
        assert await raw.socket.recv() == b"\x00"
        csms.stations["CS001"].drop()
        with pytest.raises(ConnectionClosed):
            await raw.receive()


async def test_the_newest_connection_of_an_identity_replaces_the_older(csms: Csms) -> None:
    async with (
        RawStation(csms.url, versions=[V201]) as old,
        RawStation(csms.url, versions=[V16], first_id=50) as new,
    ):
        await booted(new, V16)
        with pytest.raises(ConnectionClosed):
            await old.receive()
        station = csms.stations["CS001"]
        assert station.connected
        asking = asyncio.create_task(station.reset("Soft"))
        assert (await new.answer({"status": "Accepted"}))[1] == {"type": "Soft"}
        assert (await asking).accepted


async def test_waiting_in_vain_raises_a_timeout_that_names_the_station(csms: Csms) -> None:
    with pytest.raises(TimeoutError, match="CS001"):
        await csms.station("CS001").wait_for(lambda s: s.connected, 0.01)
    with pytest.raises(TimeoutError):
        await csms.wait_for_station("CS001", 0.01)


async def test_without_validation_unreadable_payloads_are_still_faults() -> None:
    async with Csms(validate=False, ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V201]) as raw:
            assert (await raw.call("BootNotification", {"reason": "PowerUp"}))[0] == 4
        assert rules(csms) == [Rule.SCHEMA]


def server_and_client_contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_it_speaks_tls_when_given_a_context(tmp_path: Path) -> None:
    server, client = server_and_client_contexts(tmp_path)
    async with Csms(ssl=server, ping_interval_s=None) as csms:
        assert csms.url.startswith("wss://")
        async with RawStation(csms.url, versions=[V201], tls=client) as raw:
            await booted(raw, V201)
        assert csms.faults == []


async def test_the_command_prints_a_line_per_message_and_ends_on_interrupt() -> None:
    code = "from agent.sim.csms_command import run_csms; raise SystemExit(run_csms(port=0))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    banner = (await process.stdout.readline()).decode()
    url = next(word for word in banner.split() if word.startswith("ws://"))
    async with RawStation(url, versions=[V16]) as raw:
        await booted(raw, V16)
        await raw.call("Authorize", {"idTag": "SECRET1234"})
        await raw.call("Heartbeat", {"odd": 1})
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), PATIENT_S)
    printed = rest.decode()
    assert process.returncode == 0
    assert "CS001 -> BootNotification Example AC22 firmware 1.0" in printed
    assert "CS001 <- BootNotification: Accepted interval 300 s" in printed
    assert "CS001 -> Authorize …1234" in printed
    assert "CS001 !! schema: HeartbeatRequest" in printed
    assert "1 stations, 1 faults" in printed
    assert "SECRET" not in printed


def test_the_command_says_which_port_it_cannot_have(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_csms(port=port) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert f"cannot listen on 127.0.0.1:{port}" in printed


async def test_a_station_that_booted_before_this_csms_began_may_be_trusted() -> None:
    async with Csms(assume_accepted=True, ping_interval_s=None) as csms:
        async with RawStation(csms.url, versions=[V201]) as raw:
            assert "currentTime" in await raw.call("Heartbeat", {})
        assert csms.faults == []
