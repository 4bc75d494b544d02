from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.certificates import CertificateHashData, HashAlgorithm
from agent.core.contracts import ContractEvidence, StatusRequest
from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType
from agent.ocpp.codec import Call
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import told
from tests.wire.official_schemas import ONLINE, check_response

ASKED = AuthorizationAsked(id_token=IdToken("04A2B3C4"), evse=1)


def judged(info: dict[str, Any]) -> Any:
    reply = {"idTokenInfo": info}
    check_response(CODEC, "Authorize", reply)
    return CODEC.fact(Call("Authorize", {}), ASKED, reply, ONLINE)


@pytest.mark.requirement("C01.FR.02")
def test_a_token_is_asked_for_by_value_and_type() -> None:
    assert told(ASKED) == {"idToken": {"idToken": "04A2B3C4", "type": "ISO14443"}}


@pytest.mark.parametrize(
    ("token_type", "word"),
    [
        (TokenType.EVCCID, "MacAddress"),
        (TokenType.DIRECT_PAYMENT, "Local"),
        (TokenType.VIN, "Local"),
        (TokenType.NO_AUTHORIZATION, "NoAuthorization"),
        (TokenType.EMAID, "eMAID"),
    ],
)
def test_kinds_of_token_that_the_version_lacks_get_its_nearest_word(
    token_type: TokenType, word: str
) -> None:
    payload = told(AuthorizationAsked(id_token=IdToken("1", token_type)))

    assert payload["idToken"]["type"] == word


def test_a_token_that_does_not_fit_is_not_asked_for() -> None:
    assert CODEC.encode(AuthorizationAsked(id_token=IdToken("4" * 37)), ONLINE) == ()


@pytest.mark.requirement("C01.FR.21")
def test_a_verdict_tells_status_group_expiry_and_where_it_holds() -> None:
    fact = judged(
        {
            "status": "Accepted",
            "cacheExpiryDateTime": "2026-01-01T00:00:00.000Z",
            "groupIdToken": {
                "idToken": "FLEET",
                "type": "Central",
                "additionalInfo": [{"additionalIdToken": "7", "type": "driver"}],
            },
            "evseId": [1, 2],
            "chargingPriority": 3,
            "language1": "en",
            "personalMessage": {"format": "UTF8", "content": "hello"},
        }
    )

    assert fact == TokenJudged(
        IdTokenInfo(
            AuthorizationStatus.ACCEPTED,
            group=IdToken("FLEET", "Central"),
            expires=datetime(2026, 1, 1, tzinfo=UTC),
            evse_ids=(1, 2),
            charging_priority=3,
            language1="en",
        )
    )


@pytest.mark.parametrize("status", AuthorizationStatus)
def test_every_verdict_is_understood(status: AuthorizationStatus) -> None:
    assert judged({"status": status.value}) == TokenJudged(IdTokenInfo(status))


def test_an_unreadable_expiry_is_taken_as_absent(caplog: pytest.LogCaptureFixture) -> None:
    reply = {"idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": "never"}}

    fact = CODEC.fact(Call("Authorize", {}), ASKED, reply, ONLINE)

    assert fact == TokenJudged(IdTokenInfo(AuthorizationStatus.ACCEPTED))
    assert "cacheExpiryDateTime" in caplog.text


# --- Contracts.

HASH_DATA = CertificateHashData(HashAlgorithm.SHA256, "0a" * 32, "0b" * 32, "c0ffee")
CONTRACT = replace(
    ASKED,
    id_token=IdToken("NLTNM012345678", TokenType.EMAID),
    contract=ContractEvidence((StatusRequest(HASH_DATA, "http://ocsp.example/mo"),)),
)


@pytest.mark.requirement("C07.FR.01", "C07.FR.02", "C07.FR.06")
def test_a_contract_is_asked_for_with_what_ocsp_needs_and_its_chain_if_need_be() -> None:
    payload = told(CONTRACT)
    assert payload["idToken"] == {"idToken": "NLTNM012345678", "type": "eMAID"}
    assert payload["iso15118CertificateHashData"] == [
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "0a" * 32,
            "issuerKeyHash": "0b" * 32,
            "serialNumber": "c0ffee",
            "responderURL": "http://ocsp.example/mo",
        }
    ]
    assert "certificate" not in payload
    for_csms = replace(CONTRACT, contract=ContractEvidence((), "PEM"))
    assert told(for_csms).keys() == {"idToken", "certificate"}
    too_long = replace(CONTRACT, contract=ContractEvidence((), "P" * 5501))
    assert CODEC.encode(too_long, ONLINE) == ()


@pytest.mark.requirement("C07.FR.01")
@pytest.mark.parametrize("status", ["CertificateExpired", "CertificateRevoked", "CertChainError"])
def test_a_contract_with_a_bad_certificate_is_refused_whatever_is_said_of_the_token(
    status: str,
) -> None:
    reply = {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": status}
    check_response(CODEC, "Authorize", reply)
    fact = CODEC.fact(Call("Authorize", {}), CONTRACT, reply, ONLINE)
    assert fact == TokenJudged(IdTokenInfo(AuthorizationStatus.INVALID))
    good = {**reply, "certificateStatus": "Accepted"}
    fact = CODEC.fact(Call("Authorize", {}), CONTRACT, good, ONLINE)
    assert fact == TokenJudged(IdTokenInfo(AuthorizationStatus.ACCEPTED))


@pytest.mark.requirement("C01.FR.17", "C04.FR.05", "C05.FR.04")
def test_a_language_that_is_no_tag_of_rfc_5646_counts_as_absent() -> None:
    info = {"status": "Accepted", "language1": "en-GB", "language2": "english_"}
    fact = judged(info)
    assert (fact.info.language1, fact.info.language2) == ("en-GB", None)
