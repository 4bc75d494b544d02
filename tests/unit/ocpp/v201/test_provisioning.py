from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, Refusal, Reset, Verdict, rejected
from agent.core.events import Boot, HeartbeatDue, StationIdentity
from agent.core.facts import ClockTold, Registered
from agent.core.vocabulary import BootReason, RegistrationStatus, ResetKind
from agent.ocpp.codec import Call
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import read, told
from tests.wire.official_schemas import ONLINE, check_response

IDENTITY = StationIdentity(
    vendor="Example", model="AC22", serial_number="0001", firmware_version="1.2.3"
)
BOOT = Boot(identity=IDENTITY, reason=BootReason.WATCHDOG)


@pytest.mark.requirement("B01.FR.01", "B01.FR.09")
def test_the_station_introduces_itself_and_says_why_it_started() -> None:
    assert told(BOOT) == {
        "reason": "Watchdog",
        "chargingStation": {
            "vendorName": "Example",
            "model": "AC22",
            "serialNumber": "0001",
            "firmwareVersion": "1.2.3",
        },
    }


@pytest.mark.parametrize("reason", BootReason)
def test_every_boot_reason_has_a_word(reason: BootReason) -> None:
    assert told(Boot(identity=IDENTITY, reason=reason))["reason"] == reason.value


def test_names_are_cut_to_the_length_of_their_fields() -> None:
    identity = StationIdentity(
        vendor="v" * 60, model="m" * 30, serial_number="s" * 30, firmware_version="f" * 60
    )

    station = told(Boot(identity=identity, reason=BootReason.POWER_UP))["chargingStation"]

    assert {name: len(text) for name, text in station.items()} == {
        "vendorName": 50,
        "model": 20,
        "serialNumber": 25,
        "firmwareVersion": 50,
    }


def test_unknown_optional_names_are_left_out() -> None:
    identity = StationIdentity(vendor="v", model="m", serial_number="", firmware_version="")

    station = told(Boot(identity=identity, reason=BootReason.POWER_UP))["chargingStation"]

    assert station == {"vendorName": "v", "model": "m"}


@pytest.mark.requirement("B01.FR.04")
@pytest.mark.parametrize("status", RegistrationStatus)
def test_the_answer_to_boot_tells_status_time_and_interval(status: RegistrationStatus) -> None:
    reply = {
        "status": status.value,
        "currentTime": "2025-05-17T12:00:00.000Z",
        "interval": 300,
        "statusInfo": {"reasonCode": "NoError"},
    }
    check_response(CODEC, "BootNotification", reply)

    fact = CODEC.fact(Call("BootNotification", {}), BOOT, reply, ONLINE)

    assert fact == Registered(status, datetime(2025, 5, 17, 12, tzinfo=UTC), 300)


def test_a_boot_answer_with_an_unreadable_time_still_counts() -> None:
    reply = {"status": "Accepted", "currentTime": "now", "interval": 60}

    fact = CODEC.fact(Call("BootNotification", {}), BOOT, reply, ONLINE)

    assert fact == Registered(RegistrationStatus.ACCEPTED, None, 60)


@pytest.mark.requirement("G02.FR.02", "G02.FR.06")
def test_a_heartbeat_brings_the_time() -> None:
    heartbeat = Call("Heartbeat", {})
    reply = {"currentTime": "2025-05-17T14:00:00+02:00"}

    assert told(HeartbeatDue()) == {}
    assert CODEC.fact(heartbeat, HeartbeatDue(), reply, ONLINE) == ClockTold(
        datetime(2025, 5, 17, 12, tzinfo=UTC)
    )
    assert CODEC.fact(heartbeat, HeartbeatDue(), {"currentTime": "?"}, ONLINE) is None


@pytest.mark.requirement("B11.FR.01", "B12.FR.01", "B12.FR.02")
@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({"type": "Immediate"}, Reset(ResetKind.IMMEDIATE)),
        ({"type": "OnIdle"}, Reset(ResetKind.ON_IDLE)),
        ({"type": "OnIdle", "evseId": 2}, Reset(ResetKind.ON_IDLE, 2)),
        ({"type": "OnIdle", "evseId": 2.0}, Reset(ResetKind.ON_IDLE, 2)),
    ],
)
def test_a_reset_is_of_the_station_or_an_evse(payload: dict[str, Any], command: Reset) -> None:
    assert read("Reset", payload) == command


@pytest.mark.requirement("B11.FR.06", "B11.FR.07")
@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (ACCEPTED, {"status": "Accepted"}),
        (Outcome(Verdict.SCHEDULED), {"status": "Scheduled"}),
        (
            rejected("FwUpdateInProgress", "installing"),
            {
                "status": "Rejected",
                "statusInfo": {"reasonCode": "FwUpdateInProgress", "additionalInfo": "installing"},
            },
        ),
        (
            Outcome(Verdict.NOT_IMPLEMENTED, Refusal("UnsupportedRequest")),
            {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}},
        ),
    ],
)
def test_the_reply_to_reset_tells_the_verdict(outcome: Outcome, reply: dict[str, Any]) -> None:
    assert CODEC.encode_outcome("Reset", outcome, {}, ONLINE) == reply
    check_response(CODEC, "Reset", reply)
