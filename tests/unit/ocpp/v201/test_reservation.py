from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.reservation import (
    CancelReservation,
    Reservation,
    ReservationEnd,
    ReservationEnded,
    ReserveNow,
    ReserveOutcome,
    ReserveStatus,
)
from agent.core.vocabulary import IdToken
from agent.ocpp.codec import CallRejected
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC as V201
from tests.unit.ocpp.v201.instances import NOW, read, told
from tests.wire.official_schemas import ONLINE, check_response

ORDER: dict[str, Any] = {
    "id": 7,
    "expiryDateTime": "2025-05-17T13:00:00+01:00",
    "idToken": {"idToken": "04A1", "type": "ISO14443"},
}
EXPIRES_AT = datetime(2025, 5, 17, 12, tzinfo=UTC)
BOTH = pytest.mark.parametrize("codec", [V201, V21], ids=lambda codec: codec.schemas)


@BOTH
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"evseId": 2}, {"evse": 2}),
        ({"connectorType": "sType2"}, {"connector_type": "sType2"}),
        (
            {"groupIdToken": {"idToken": "FAMILY", "type": "Central"}},
            {"group": IdToken("FAMILY", "Central")},
        ),
    ],
)
def test_a_reservation_names_its_token_and_its_place(
    codec: Any, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    reservation = Reservation(id=7, expires_at=EXPIRES_AT, token=IdToken("04A1"), **expected)
    assert read("ReserveNow", ORDER | more, codec) == ReserveNow(reservation)


def test_a_type_of_connector_that_only_the_newer_version_can_name_is_read() -> None:
    order = read("ReserveNow", ORDER | {"connectorType": "cMCS"}, V21)
    assert order.reservation.connector_type == "cMCS"


@BOTH
def test_an_expiry_that_is_no_instant_is_refused(codec: Any) -> None:
    with pytest.raises(CallRejected):
        codec.decode("ReserveNow", ORDER | {"expiryDateTime": "tomorrow"}, ONLINE)


@BOTH
def test_a_cancellation_names_the_reservation(codec: Any) -> None:
    assert read("CancelReservation", {"reservationId": 7}, codec) == CancelReservation(7)


@BOTH
@pytest.mark.parametrize("status", ReserveStatus)
def test_the_answer_says_what_came_of_it(codec: Any, status: ReserveStatus) -> None:
    reply = codec.encode_outcome("ReserveNow", ReserveOutcome(status), ORDER, ONLINE)
    assert reply == {"status": status.value}
    refused = ReserveOutcome(status, "UnknownEvse", "there is no EVSE 9")
    reply = codec.encode_outcome("ReserveNow", refused, ORDER, ONLINE)
    check_response(codec, "ReserveNow", reply)
    assert reply["statusInfo"]["reasonCode"] == "UnknownEvse"


@pytest.mark.requirement("H01.FR.16", "H04.FR.01", "H03.FR.11")
@pytest.mark.parametrize("end", ReservationEnd)
def test_the_end_of_a_reservation_is_told_where_there_is_a_word_for_it(
    end: ReservationEnd,
) -> None:
    event = ReservationEnded(at=NOW, reservation_id=7, end=end)
    expected = {"reservationId": 7, "reservationUpdateStatus": end.value}
    assert told(event, codec=V21) == expected
    if end is ReservationEnd.NO_TRANSACTION:
        assert V201.encode(event, ONLINE) == ()
    else:
        assert told(event) == expected
