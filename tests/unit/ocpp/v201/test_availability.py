from typing import Any

import pytest

from agent.core.commands import ACCEPTED, ChangeAvailability, Outcome, Verdict
from agent.core.events import EvseChanged
from agent.core.snapshot import EvseSnapshot
from agent.ocpp.v201.codec import CODEC
from tests.unit.ocpp.v201.instances import NOW, SENT_NOW, read, told
from tests.wire.official_schemas import ONLINE, check_response

IDLE = EvseSnapshot()


def changed(before: EvseSnapshot | None, after: EvseSnapshot) -> EvseChanged:
    return EvseChanged(at=NOW, evse=2, connector=1, before=before, after=after)


@pytest.mark.requirement("G01.FR.01", "G01.FR.03", "E02.FR.05")
def test_a_plug_in_is_news() -> None:
    assert told(changed(IDLE, EvseSnapshot(plugged_in=True))) == {
        "timestamp": SENT_NOW,
        "connectorStatus": "Occupied",
        "evseId": 2,
        "connectorId": 1,
    }


@pytest.mark.requirement("G01.FR.04", "G01.FR.05", "G01.FR.07")
@pytest.mark.parametrize(
    ("after", "status"),
    [
        (IDLE, "Available"),
        (EvseSnapshot(operative=False), "Unavailable"),
        (EvseSnapshot(reserved=True), "Reserved"),
        (EvseSnapshot(faults=frozenset({"rcd"})), "Faulted"),
    ],
)
def test_every_state_has_its_word(after: EvseSnapshot, status: str) -> None:
    assert told(changed(EvseSnapshot(plugged_in=True), after))["connectorStatus"] == status


@pytest.mark.parametrize(
    "after",
    [
        EvseSnapshot(plugged_in=True, authorized=True),
        EvseSnapshot(plugged_in=True, in_transaction=True, ev_ready=True),
        EvseSnapshot(plugged_in=True, faults=frozenset({"reader_lost"})),
    ],
)
def test_what_the_connector_state_does_not_show_is_no_news(after: EvseSnapshot) -> None:
    assert CODEC.encode(changed(EvseSnapshot(plugged_in=True), after), ONLINE) == ()


@pytest.mark.requirement("B01.FR.05", "B04.FR.01")
def test_without_a_before_the_present_state_is_told() -> None:
    assert told(changed(None, IDLE))["connectorStatus"] == "Available"


@pytest.mark.requirement("G03.FR.01", "G04.FR.01", "G04.FR.02")
@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({"operationalStatus": "Inoperative"}, ChangeAvailability(operative=False)),
        (
            {"operationalStatus": "Operative", "evse": {"id": 1}},
            ChangeAvailability(operative=True, evse=1),
        ),
        (
            {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}},
            ChangeAvailability(operative=True, evse=1, connector=2),
        ),
    ],
)
def test_availability_is_changed_for_station_evse_or_connector(
    payload: dict[str, Any], command: ChangeAvailability
) -> None:
    assert read("ChangeAvailability", payload) == command


@pytest.mark.requirement("G03.FR.02", "G03.FR.05", "G04.FR.06")
def test_the_reply_tells_whether_the_change_waits() -> None:
    for outcome, status in ((ACCEPTED, "Accepted"), (Outcome(Verdict.SCHEDULED), "Scheduled")):
        reply = CODEC.encode_outcome("ChangeAvailability", outcome, {}, ONLINE)
        assert check_response(CODEC, "ChangeAvailability", reply) == {"status": status}
