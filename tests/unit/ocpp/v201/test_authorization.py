from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.events import AuthorizationAsked
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType
from agent.ocpp.codec import Call
from agent.ocpp.v201 import CODEC
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
