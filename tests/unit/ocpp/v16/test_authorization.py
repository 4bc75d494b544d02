import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.contracts import ContractEvidence
from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType
from agent.ocpp.codec import Call
from agent.ocpp.v16.codec import CODEC
from tests.unit.ocpp.v16.instances import TOKEN, UNKNOWN, read, silent, told
from tests.wire.official_schemas import check_response

ASKED = AuthorizationAsked(id_token=TOKEN, evse=1)


def judged(info: dict[str, Any]) -> Any:
    reply = check_response(CODEC, "Authorize", {"idTagInfo": info})
    return CODEC.fact(Call("Authorize", {}), ASKED, reply, UNKNOWN)


def test_authorize_asks_for_the_id_tag() -> None:
    assert told(ASKED) == ("Authorize", {"idTag": "04A2B3C4D5E6F7"})


@pytest.mark.requirement("S16-NUM-02")
@pytest.mark.parametrize("value", ["x", "not hex at all", "äöü-20-characters-xx", "0" * 20])
def test_an_id_tag_may_be_any_text_of_up_to_twenty_characters(value: str) -> None:
    assert told(AuthorizationAsked(id_token=IdToken(value))) == ("Authorize", {"idTag": value})


def test_a_longer_token_is_not_asked_for_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    long = AuthorizationAsked(id_token=IdToken("SECRET-TOKEN-OF-36-CHARACTERS-ABCDEF", "Central"))
    assert silent(long)
    assert "36 characters" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Accepted", AuthorizationStatus.ACCEPTED),
        ("Blocked", AuthorizationStatus.BLOCKED),
        ("Expired", AuthorizationStatus.EXPIRED),
        ("Invalid", AuthorizationStatus.INVALID),
        ("ConcurrentTx", AuthorizationStatus.CONCURRENT_TX),
    ],
)
def test_every_verdict_has_its_word_in_the_core(word: str, status: AuthorizationStatus) -> None:
    assert judged({"status": word}) == TokenJudged(IdTokenInfo(status))


def test_the_parent_id_tag_is_the_group_and_the_expiry_date_the_end_of_its_life() -> None:
    info = judged(
        {
            "status": "Accepted",
            "parentIdTag": "FLEET",
            "expiryDate": "2025-06-01T00:00:00.000Z",
        }
    ).info
    assert info.group.same_as(IdToken("fleet"))
    assert info.expires == datetime(2025, 6, 1, tzinfo=UTC)


@pytest.mark.requirement("S16-CONN-21")
def test_an_id_tag_from_the_csms_is_the_same_token_as_the_card_with_that_number() -> None:
    command = read("RemoteStartTransaction", {"idTag": "04a2b3c4d5e6f7"})
    assert command.id_token.same_as(IdToken("04A2B3C4D5E6F7", TokenType.ISO14443))


def test_an_id_tag_from_the_csms_has_the_kind_of_the_station_s_readers() -> None:
    context = replace(UNKNOWN, tag_kind=TokenType.LOCAL)
    started = read("RemoteStartTransaction", {"idTag": "010063E9AE"}, context)
    entry = {"idTag": "010063E9AE", "idTagInfo": {"status": "Accepted"}}
    update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    reservation = {
        "connectorId": 1,
        "expiryDate": "2030-01-01T00:00:00Z",
        "idTag": "010063E9AE",
        "reservationId": 7,
    }
    card = IdToken("010063E9AE", "Local")
    assert started.id_token == card
    assert read("SendLocalList", update, context).entries[0].token == card
    assert read("ReserveNow", reservation, context).reservation.token == card


def test_a_contract_is_asked_for_inside_data_transfer() -> None:
    emaid = IdToken("NLTNM012345678", TokenType.EMAID)
    action, payload = told(
        AuthorizationAsked(id_token=emaid, contract=ContractEvidence(chain="PEM"))
    )
    assert (action, payload["messageId"]) == ("DataTransfer", "Authorize")
    assert json.loads(payload["data"]) == {
        "idToken": {"idToken": "NLTNM012345678", "type": "eMAID"},
        "certificate": "PEM",
    }
