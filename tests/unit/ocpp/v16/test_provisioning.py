from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, Reset, Verdict, rejected
from agent.core.events import Boot, HeartbeatDue, StationIdentity
from agent.core.facts import ClockTold, Registered
from agent.core.vocabulary import BootReason, RegistrationStatus, ResetKind
from agent.ocpp.codec import Call
from agent.ocpp.v16.codec import CODEC
from tests.unit.ocpp.v16.instances import UNKNOWN, read, told
from tests.wire.official_schemas import check_response

IDENTITY = StationIdentity(
    vendor="Example", model="AC22", serial_number="0001", firmware_version="1.0.0"
)
BOOT = Boot(identity=IDENTITY, reason=BootReason.POWER_UP)


def fact(action: str, reply: dict[str, Any]) -> Any:
    checked = check_response(CODEC, action, reply)
    return CODEC.fact(Call(action, {}), BOOT, checked, UNKNOWN)


def test_boot_notification_tells_who_the_station_is() -> None:
    assert told(BOOT) == (
        "BootNotification",
        {
            "chargePointVendor": "Example",
            "chargePointModel": "AC22",
            "chargePointSerialNumber": "0001",
            "firmwareVersion": "1.0.0",
        },
    )


def test_boot_notification_tells_the_meter_if_it_is_known() -> None:
    identity = replace(IDENTITY, meter_type="EM24", meter_serial_number="M-77")

    _, payload = told(Boot(identity=identity, reason=BootReason.POWER_UP))

    assert (payload["meterType"], payload["meterSerialNumber"]) == ("EM24", "M-77")


def test_names_are_cut_to_their_length_but_a_serial_number_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    identity = StationIdentity(
        vendor="v" * 21,
        model="m" * 21,
        serial_number="s" * 26,
        firmware_version="f" * 51,
        meter_type="t" * 26,
        meter_serial_number="n" * 26,
    )

    _, payload = told(Boot(identity=identity, reason=BootReason.POWER_UP))

    assert payload == {
        "chargePointVendor": "v" * 20,
        "chargePointModel": "m" * 20,
        "firmwareVersion": "f" * 50,
        "meterType": "t" * 25,
    }
    assert "meter_serial_number of 26 characters" in caplog.text


def test_a_serial_number_of_the_full_length_is_told() -> None:
    _, payload = told(
        Boot(identity=replace(IDENTITY, serial_number="s" * 25), reason=BootReason.POWER_UP)
    )
    assert payload["chargePointSerialNumber"] == "s" * 25


def test_empty_optional_fields_are_left_out() -> None:
    identity = replace(IDENTITY, serial_number="", firmware_version="")

    _, payload = told(Boot(identity=identity, reason=BootReason.POWER_UP))

    assert set(payload) == {"chargePointVendor", "chargePointModel"}


@pytest.mark.parametrize("status", RegistrationStatus)
def test_the_answer_to_boot_notification_registers_the_station(status: RegistrationStatus) -> None:
    reply = {"status": status.value, "currentTime": "2025-05-17T12:00:00.000Z", "interval": 90}
    at = datetime(2025, 5, 17, 12, tzinfo=UTC)
    assert fact("BootNotification", reply) == Registered(status, at, 90)


def test_a_heartbeat_is_empty_and_its_answer_tells_the_time() -> None:
    assert told(HeartbeatDue()) == ("Heartbeat", {})
    assert fact("Heartbeat", {"currentTime": "2025-05-17T12:00:00.000Z"}) == ClockTold(
        datetime(2025, 5, 17, 12, tzinfo=UTC)
    )


@pytest.mark.requirement("S16-CONN-20")
@pytest.mark.parametrize("text", ["2025-05-17T14:00:00.026323+02:00", "2025-05-17T12:00:00.026323"])
def test_any_zone_and_any_fraction_is_understood(text: str) -> None:
    clock = CODEC.fact(Call("Heartbeat", {}), HeartbeatDue(), {"currentTime": text}, UNKNOWN)
    assert clock == ClockTold(datetime(2025, 5, 17, 12, 0, 0, 26323, tzinfo=UTC))


def test_an_unreadable_time_states_nothing() -> None:
    clock = CODEC.fact(Call("Heartbeat", {}), HeartbeatDue(), {"currentTime": "noon"}, UNKNOWN)
    assert clock is None


@pytest.mark.parametrize(
    ("word", "kind"), [("Hard", ResetKind.IMMEDIATE), ("Soft", ResetKind.GRACEFUL)]
)
def test_a_hard_reset_is_immediate_and_a_soft_one_graceful(word: str, kind: ResetKind) -> None:
    assert read("Reset", {"type": word}) == Reset(kind)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ACCEPTED, "Accepted"),
        (rejected("NotEnabled"), "Rejected"),
        (Outcome(Verdict.SCHEDULED), "Rejected"),
    ],
)
def test_the_reply_to_reset_is_one_of_two_words(outcome: Outcome, status: str) -> None:
    reply = CODEC.encode_outcome("Reset", outcome, {"type": "Soft"}, UNKNOWN)
    assert check_response(CODEC, "Reset", reply) == {"status": status}
