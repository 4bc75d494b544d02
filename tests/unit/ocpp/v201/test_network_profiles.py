from typing import Any

import pytest

from agent.core.commands import ACCEPTED, Outcome, Refusal, Verdict, rejected
from agent.core.network_profiles import NetworkProfile, SetNetworkProfile
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC
from tests.wire.official_schemas import ONLINE, check_response

DATA = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://csms.example/ocpp",
    "messageTimeout": 45,
    "securityProfile": 2,
    "ocppInterface": "Wired0",
}
APN = {"apn": "internet", "apnAuthentication": "NONE"}
VPN = {"server": "vpn", "user": "u", "password": "p", "key": "k", "type": "IPSec"}


def read(**data: Any) -> SetNetworkProfile:
    payload = {"configurationSlot": 2, "connectionData": {**DATA, **data}}
    command = CODEC.decode("SetNetworkProfile", payload, ONLINE)
    assert isinstance(command, SetNetworkProfile)
    return command


@pytest.mark.requirement("B09.FR.01")
@pytest.mark.parametrize(("word", "version"), [("OCPP20", "ocpp2.0.1"), ("OCPP16", "ocpp1.6")])
def test_a_profile_is_read(word: str, version: str) -> None:
    assert read(ocppVersion=word) == SetNetworkProfile(
        2,
        NetworkProfile(
            url="wss://csms.example/ocpp",
            security_profile=2,
            interface="Wired0",
            message_timeout_s=45,
            version=version,
        ),
    )


@pytest.mark.requirement("B09.FR.02")
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"ocppTransport": "SOAP"}, "SOAP is not supported"),
        ({"ocppVersion": "OCPP15"}, "OCPP15 is not spoken"),
        ({"apn": APN}, "no cellular link"),
        ({"vpn": VPN}, "no VPN"),
    ],
)
def test_what_the_platform_cannot_do_is_named(data: dict[str, Any], problem: str) -> None:
    assert problem in (read(**data).unusable or "")


@pytest.mark.requirement("B09.FR.01")
def test_a_later_version_brings_identity_and_password_and_no_version() -> None:
    data = {**DATA, "identity": "CS-7", "basicAuthPassword": "0123456789abcdef"}
    del data["ocppVersion"]
    payload = {"configurationSlot": 0, "connectionData": data}
    command = V21.decode("SetNetworkProfile", payload, ONLINE)
    assert isinstance(command, SetNetworkProfile)
    assert command.unusable is None
    assert (command.profile.identity, command.profile.password, command.profile.version) == (
        *("CS-7", "0123456789abcdef"),
        None,
    )


@pytest.mark.requirement("B09.FR.01", "B09.FR.02", "B09.FR.03")
@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (ACCEPTED, {"status": "Accepted"}),
        (
            rejected("InvalidConfSlot", "no"),
            {
                "status": "Rejected",
                "statusInfo": {"reasonCode": "InvalidConfSlot", "additionalInfo": "no"},
            },
        ),
        (
            Outcome(Verdict.FAILED, Refusal("InternalError")),
            {"status": "Failed", "statusInfo": {"reasonCode": "InternalError"}},
        ),
    ],
)
def test_the_verdict_is_told(outcome: Outcome, reply: dict[str, Any]) -> None:
    assert CODEC.encode_outcome("SetNetworkProfile", outcome, {}, ONLINE) == reply
    check_response(CODEC, "SetNetworkProfile", reply)
