"""Stories of reservations (H01-H04): made, used, given back, lost, and kept over restarts."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from agent.sim.csms_model import AuthorizationStatus, format_timestamp
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V21, V201
from tests.stories.world import World
from tests.virtual_time import utc_now

pytestmark = pytest.mark.parametrize("version", [V201, V21])

FAMILY = "FAMILY"
ACCEPTED = AuthorizationStatus.ACCEPTED
NO_CHECK = {"AuthCtrlr.AuthorizeRemoteStart": "false"}
AN_HOUR_S = 3600.0
KINDS = ("evse", "type", "any")


async def reserve(  # noqa: PLR0913 - a reservation has so many fields
    csms: Desk,
    number: int,
    *,
    token: str = TOKEN,
    group: str | None = None,
    evse: int | None = None,
    connector_type: str | None = None,
    for_s: float = AN_HOUR_S,
) -> str:
    """Reserve a place; return the status."""
    payload: Payload = {
        "id": number,
        "expiryDateTime": format_timestamp(utc_now() + timedelta(seconds=for_s)),
        "idToken": {"idToken": token, "type": "ISO14443"},
        **({} if group is None else {"groupIdToken": {"idToken": group, "type": "Central"}}),
        **({} if evse is None else {"evseId": evse}),
        **({} if connector_type is None else {"connectorType": connector_type}),
    }
    return str((await csms.call("ReserveNow", payload))["status"])


async def reserve_a(csms: Desk, kind: str, number: int = 1, **more: object) -> str:
    """Reserve EVSE 1, a socket of its type, or any place."""
    place: dict[str, object] = {"evse": {"evse": 1}, "type": {"connector_type": "sType2"}}.get(
        kind, {}
    )
    return await reserve(csms, number, **place, **more)  # type: ignore[arg-type]


async def cancel(csms: Desk, number: int = 1) -> str:
    return str((await csms.call("CancelReservation", {"reservationId": number}))["status"])


def updates(csms: Desk) -> list[tuple[int, str]]:
    calls = (call.payload for call in csms.calls("ReservationStatusUpdate"))
    return [(call["reservationId"], call["reservationUpdateStatus"]) for call in calls]


def reservation_ids(csms: Desk) -> list[int]:
    """Return the reservation ids of all transaction events that have one."""
    events = (call.payload for call in csms.calls("TransactionEvent"))
    return [event["reservationId"] for event in events if "reservationId" in event]


async def is_refused(world: World, bench: Bench, token: str, evse: int = 1) -> None:
    """Try to charge and get nothing."""
    await bench.plug_in(evse)
    await world.pass_s(1)
    await bench.swipe(token, evse)
    await world.pass_s(10)
    assert not bench.plant(evse).contactor_closed
    await bench.unplug(evse)
    await world.pass_s(2)


async def stops(world: World, bench: Bench, csms: Desk, token: str, evse: int = 1) -> None:
    await bench.swipe(token, evse)
    await csms.sees_end("Local")
    await bench.unplug(evse)
    await world.pass_s(2)


# --- Made and used.


@pytest.mark.requirement(
    *("H01", "H01.FR.03", "H01.FR.15", "H01.FR.23", "H03", "H03.FR.01", "H03.FR.09", "H03.FR.10"),
    *("E01.FR.13", "E02.FR.03", "G01.FR.06", "G01.FR.09", "G03.FR.09"),
)
@pytest.mark.parametrize("evses", [1, 2])
async def test_a_reserved_evse_waits_for_its_token(
    world: World, bench: Bench, csms: Desk, evses: int
) -> None:
    await world.start(evses=evses)
    assert await reserve(csms, 7, evse=1) == "Accepted"
    await csms.sees_status("Reserved")
    await is_refused(world, bench, OTHER_TOKEN)
    assert csms.statuses_told()[-1] == "Reserved"
    await bench.plug_in()
    await world.pass_s(5)
    assert csms.statuses_told()[-1] == "Reserved"
    await bench.swipe(TOKEN, 1)
    await csms.sees_status("Occupied")
    await world.energy_flows()
    await csms.sees_start()
    first = csms.calls("TransactionEvent")[0].payload
    assert first["reservationId"] == 7
    await stops(world, bench, csms, TOKEN)
    await csms.sees_status("Available")
    assert reservation_ids(csms) == [7]
    assert await cancel(csms, 7) == "Rejected"
    assert updates(csms) == []
    if evses > 1:
        assert csms.statuses_told(2) == ["Available"]
    await world.charges(OTHER_TOKEN)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local", count=2)
    assert reservation_ids(csms) == [7]


@pytest.mark.requirement("E03.FR.03", "E01.FR.13", "H01.FR.15", "H03.FR.09", "H03.FR.10")
@pytest.mark.parametrize("start_point", ["Authorized", "PowerPathClosed", "EVConnected"])
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.hil
async def test_a_token_before_the_cable_uses_the_reservation(
    world: World, bench: Bench, csms: Desk, start_point: str, evses: int
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": start_point}, evses=evses)
    assert await reserve(csms, 7, evse=1) == "Accepted"
    await csms.sees_status("Reserved")
    await bench.swipe(TOKEN, 1)
    await world.until(
        lambda: csms.statuses_told()[-1] != "Reserved", "the reservation to be used up"
    )
    assert csms.statuses_told()[-1] == ("Occupied" if start_point == "Authorized" else "Available")
    await world.pass_s(2)
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    await world.pass_s(2)
    told = [call.payload for call in csms.calls("TransactionEvent")]
    with_token = next(event for event in told if "idToken" in event)
    assert with_token["reservationId"] == 7
    assert reservation_ids(csms) == [7]
    await stops(world, bench, csms, TOKEN)


@pytest.mark.requirement("E02.FR.03", "E01.FR.13", "G01.FR.09")
async def test_a_transaction_that_begins_with_the_cable_tells_the_reservation_with_the_token(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": "EVConnected"})
    assert await reserve(csms, 7, evse=1) == "Accepted"
    await csms.sees_status("Reserved")
    await bench.plug_in()
    await csms.sees_start()
    await world.pass_s(2)
    assert csms.statuses_told()[-1] == "Reserved"
    assert reservation_ids(csms) == []
    await bench.swipe(TOKEN, 1)
    await world.energy_flows()
    await csms.sees_status("Occupied")
    await csms.until(lambda: reservation_ids(csms), "the reservation")
    told = next(c.payload for c in csms.calls("TransactionEvent") if "reservationId" in c.payload)
    assert told["idToken"]["idToken"] == TOKEN
    assert told["triggerReason"] == "Authorized"
    await stops(world, bench, csms, TOKEN)
    assert reservation_ids(csms) == [7]


@pytest.mark.requirement("H03.FR.02", "H03.FR.03", "H01.FR.15", "H03.FR.09")
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", ["type", "any"])
async def test_a_place_of_choice_is_used_wherever_the_token_comes(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int
) -> None:
    await world.start(evses=evses)
    assert await reserve_a(csms, kind, 3) == "Accepted"
    await world.charges(TOKEN, evses)
    assert reservation_ids(csms) == [3]
    assert await cancel(csms, 3) == "Rejected"
    await bench.swipe(TOKEN, evses)
    await csms.sees_end("Local")


@pytest.mark.requirement("H03.FR.04", "H03.FR.05", "H03.FR.06", "H03.FR.08")
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
async def test_another_token_of_the_group_may_use_the_reservation(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int
) -> None:
    await world.start(evses=evses)
    for number in range(1, evses + 1):
        place: dict[str, object] = {"evse": number} if kind == "evse" else {}
        place |= {"connector_type": "sType2"} if kind == "type" else {}
        status = await reserve(csms, number, group=FAMILY, **place)  # type: ignore[arg-type]
        assert status == "Accepted"
    await csms.sees_status("Reserved")
    await is_refused(world, bench, "0A0B0C0E")
    assert len(csms.calls("Authorize")) == 1
    assert csms.statuses_told()[-1] == "Reserved"
    csms.answers_group(FAMILY)
    await world.charges(OTHER_TOKEN)
    assert len(csms.calls("Authorize")) == 2
    assert reservation_ids(csms) == [1]
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")


# --- Refused.


@pytest.mark.requirement("H01.FR.11", "H01.FR.12", "H01.FR.14")
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_kept_is_refused_with_the_reason(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int
) -> None:
    await world.start(evses=evses)
    for evse in range(1, evses + 1):
        await bench.fault("estop", evse)
        await csms.sees_status("Faulted", evse)
    assert await reserve_a(csms, kind) == "Faulted"
    for evse in range(1, evses + 1):
        await bench.repair("estop", evse)
        await csms.sees_status("Available", evse)
    assert (await csms.station.change_availability(False)).accepted
    await csms.sees_status("Unavailable", evses)
    assert await reserve_a(csms, kind) == "Unavailable"
    assert (await csms.station.change_availability(True)).accepted
    await csms.sees_status("Available", evses)
    for evse in range(1, evses + 1):
        await bench.plug_in(evse)
        await csms.sees_status("Occupied", evse)
    assert await reserve_a(csms, kind) == "Occupied"
    for evse in range(1, evses + 1):
        await bench.unplug(evse)
        await csms.sees_status("Available", evse)
        assert await reserve(csms, evse, evse=evse) == "Accepted"
        await csms.sees_status("Reserved", evse)
    assert await reserve_a(csms, kind, 9) == "Occupied"
    assert csms.statuses_told().count("Reserved") == 1


@pytest.mark.requirement("H01.FR.11")
async def test_a_running_transaction_is_in_the_way_of_a_reservation(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges(OTHER_TOKEN)
    for kind in KINDS:
        assert await reserve_a(csms, kind) == "Occupied"
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement("H01.FR.01")
@pytest.mark.parametrize("kind", KINDS)
async def test_reservations_can_be_switched_off(world: World, csms: Desk, kind: str) -> None:
    await world.start(evses=2)
    assert await csms.gets("ReservationCtrlr.Available") == "true"
    assert await csms.sets("ReservationCtrlr.Enabled", "false") == "Accepted"
    assert await reserve_a(csms, kind) == "Rejected"
    assert await csms.sets("ReservationCtrlr.Enabled", "true") == "Accepted"
    assert await reserve_a(csms, kind) == "Accepted"


@pytest.mark.requirement("H01.FR.18", "H01.FR.19", "H01.FR.04", "H01.FR.06")
@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("evses", [1, 2])
async def test_reservations_without_an_evse_are_an_offer_of_the_operator(
    world: World, csms: Desk, evses: int, *, offered: bool
) -> None:
    word = str(offered).lower()
    await world.start({"ReservationCtrlr.NonEvseSpecific": word}, evses=evses)
    assert await csms.gets("ReservationCtrlr.NonEvseSpecific") == word
    for kind in ("any", "type"):
        assert await reserve_a(csms, kind) == ("Accepted" if offered else "Rejected")
    assert await reserve_a(csms, "evse") == "Accepted"


async def test_a_reservation_of_what_does_not_exist_is_refused(world: World, csms: Desk) -> None:
    await world.start()
    assert await reserve(csms, 1, evse=9) == "Rejected"
    assert await reserve(csms, 1, connector_type="cCCS2") == "Rejected"
    assert await reserve(csms, 1, evse=1, connector_type="cCCS2") == "Rejected"
    assert await reserve(csms, 1, evse=1, for_s=-1) == "Rejected"
    assert csms.statuses_told() == ["Available"]


# --- Replaced, counted, given back.


@pytest.mark.requirement("H01.FR.02")
@pytest.mark.parametrize("evses", [1, 2])
async def test_the_same_id_replaces_a_reservation(
    world: World, bench: Bench, csms: Desk, evses: int
) -> None:
    await world.start(evses=evses)
    assert await reserve(csms, 5, evse=1) == "Accepted"
    await csms.sees_status("Reserved")
    assert await reserve(csms, 5, token=OTHER_TOKEN, evse=evses) == "Accepted"
    await csms.sees_status("Reserved", evses)
    await is_refused(world, bench, TOKEN, evses)
    if evses > 1:
        await csms.sees_status("Available", 1)
    await world.charges(OTHER_TOKEN, evses)
    assert reservation_ids(csms) == [5]
    await bench.swipe(OTHER_TOKEN, evses)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("H01.FR.04", "H01.FR.06", "H01.FR.11", "H01.FR.20", "H01.FR.24", "H02.FR.05", "H02.FR.06")
)
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", ["type", "any"])
async def test_as_many_reservations_as_free_evses_reserve_them_all(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int
) -> None:
    await world.start(evses=evses)
    for number in range(1, evses + 1):
        assert csms.statuses_told(evses)[-1] == "Available"
        assert await reserve_a(csms, kind, number) == "Accepted"
        await world.pass_s(2)
    for evse in range(1, evses + 1):
        assert csms.statuses_told(evse) == ["Available", "Reserved"]
    assert await reserve_a(csms, kind, 9) == "Occupied"
    await is_refused(world, bench, OTHER_TOKEN)
    assert await cancel(csms, 1) == "Accepted"
    for evse in range(1, evses + 1):
        await csms.sees_status("Available", evse)
    await world.charges(OTHER_TOKEN)
    if evses > 1:
        await csms.sees_status("Reserved", 2)
    await stops(world, bench, csms, OTHER_TOKEN)
    for evse in range(1, evses + 1):
        await csms.sees_status("Available", evse)


@pytest.mark.requirement("H01.FR.07", "H01.FR.09", "H03.FR.02", "H03.FR.03")
@pytest.mark.parametrize("kind", ["type", "any"])
async def test_one_evse_is_kept_free_while_others_come_and_go(
    world: World, bench: Bench, csms: Desk, kind: str
) -> None:
    await world.start(evses=2)
    assert await reserve_a(csms, kind, 4) == "Accepted"
    await bench.plug_in(1)
    await csms.sees_status("Occupied", 1)
    await csms.sees_status("Reserved", 2)
    await bench.swipe(OTHER_TOKEN, 1)
    await world.energy_flows(1)
    await is_refused(world, bench, "0A0B0C0E", 2)
    assert csms.statuses_told(2)[-1] == "Reserved"
    await world.charges(TOKEN, 2)
    assert reservation_ids(csms) == [4]
    await bench.swipe(TOKEN, 2)
    await csms.sees_end("Local", count=2)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local", count=1)


@pytest.mark.requirement("H01.FR.09", "H01.FR.24", "H03.FR.02")
async def test_a_reserved_type_leaves_other_types_alone(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(connector_types=["sType2", "sType3", "sType2"])
    assert await reserve(csms, 1, connector_type="sType3") == "Accepted"
    await csms.sees_status("Reserved", 2)
    assert await reserve(csms, 2, connector_type="sType3") == "Occupied"
    assert await reserve(csms, 3, connector_type="sType2") == "Accepted"
    await world.pass_s(2)
    assert csms.statuses_told(1) == csms.statuses_told(3) == ["Available"]
    await world.charges(OTHER_TOKEN, 1)
    await csms.sees_status("Reserved", 3)
    await is_refused(world, bench, OTHER_TOKEN, 2)
    await world.charges(TOKEN, 2)
    assert reservation_ids(csms) == [1]
    await bench.swipe(TOKEN, 2)
    await csms.sees_end("Local", count=2)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local", count=1)


@pytest.mark.requirement("H02", "H02.FR.01", "H02.FR.02", "H02.FR.03", "H02.FR.04")
@pytest.mark.parametrize("evses", [1, 2])
async def test_a_cancelled_reservation_frees_its_evse(
    world: World, bench: Bench, csms: Desk, evses: int
) -> None:
    await world.start(evses=evses)
    assert await reserve(csms, 8, evse=evses) == "Accepted"
    await csms.sees_status("Reserved", evses)
    assert await cancel(csms, 99) == "Rejected"
    assert csms.statuses_told(evses)[-1] == "Reserved"
    assert await cancel(csms, 8) == "Accepted"
    await csms.sees_status("Available", evses)
    assert await cancel(csms, 8) == "Rejected"
    await world.charges(OTHER_TOKEN, evses)
    assert reservation_ids(csms) == []
    await bench.swipe(OTHER_TOKEN, evses)
    await csms.sees_end("Local")
    assert updates(csms) == []


# --- Over.


@pytest.mark.requirement("H04", "H04.FR.01", "H04.FR.02", "H04.FR.03")
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_reservation_that_nobody_uses_expires(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int
) -> None:
    await world.start(evses=evses)
    for number in range(1, evses + 1):
        place: Sequence[int] = [number] if kind == "evse" else []
        more: dict[str, object] = {"evse": place[0]} if place else {}
        more |= {"connector_type": "sType2"} if kind == "type" else {}
        status = await reserve(csms, number, for_s=120, **more)  # type: ignore[arg-type]
        assert status == "Accepted"
    for evse in range(1, evses + 1):
        await csms.sees_status("Reserved", evse)
    await world.pass_s(100)
    assert updates(csms) == []
    await world.pass_s(22)
    assert updates(csms) == [(number, "Expired") for number in range(1, evses + 1)]
    for evse in range(1, evses + 1):
        await csms.sees_status("Available", evse)
    await world.charges(OTHER_TOKEN)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")
    assert reservation_ids(csms) == []


@pytest.mark.requirement("H01.FR.16", "H01.FR.17")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["Faulted", "Unavailable"])
async def test_an_evse_that_fails_ends_its_reservation(
    world: World, bench: Bench, csms: Desk, kind: str, how: str
) -> None:
    await world.start()
    assert await reserve_a(csms, kind, 6) == "Accepted"
    await csms.sees_status("Reserved")
    if how == "Faulted":
        await bench.fault("estop")
    else:
        assert (await csms.station.change_availability(False, 1)).accepted
    await csms.sees_status(how)
    await csms.sees("ReservationStatusUpdate")
    assert updates(csms) == [(6, "Removed")]
    if how == "Faulted":
        await bench.repair("estop")
    else:
        assert (await csms.station.change_availability(True, 1)).accepted
    await csms.sees_status("Available")
    assert await cancel(csms, 6) == "Rejected"


@pytest.mark.requirement("H01.FR.16", "H01.FR.07", "H01.FR.20")
async def test_of_reservations_without_evse_only_those_go_that_no_evse_is_left_for(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert await reserve(csms, 1) == "Accepted"
    await bench.fault("estop", 1)
    await csms.sees_status("Reserved", 2)
    assert updates(csms) == []
    await bench.repair("estop", 1)
    await csms.sees_status("Available", 2)
    assert await reserve(csms, 2, token=OTHER_TOKEN) == "Accepted"
    await csms.sees_status("Reserved", 1)
    await bench.fault("estop", 2)
    await csms.sees("ReservationStatusUpdate")
    assert updates(csms) == [(2, "Removed")]
    await csms.sees_status("Reserved", 1)


@pytest.mark.requirement("H01.FR.17", "H04.FR.01")
async def test_ends_of_reservations_are_told_after_a_time_offline(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert await reserve(csms, 1, evse=1) == "Accepted"
    assert await reserve(csms, 2, evse=2, for_s=60) == "Accepted"
    await csms.sees_status("Reserved", 2)
    await csms.goes_down()
    await bench.fault("estop", 1)
    await world.pass_s(70)
    await csms.comes_back()
    await csms.sees("ReservationStatusUpdate", 2, within_s=120)
    assert updates(csms) == [(1, "Removed"), (2, "Expired")]


@pytest.mark.requirement("H03.FR.11")
async def test_a_reservation_used_for_nothing_is_told_where_there_is_a_word_for_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "20"})
    assert await reserve(csms, 1, evse=1) == "Accepted"
    await csms.sees_status("Reserved")
    await bench.swipe(TOKEN, 1)
    await csms.sees_status("Available")
    await world.pass_s(30)
    expected = [(1, "NoTransaction")] if csms.version == V21 else []
    assert updates(csms) == expected
    await world.charges(OTHER_TOKEN)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")
    assert updates(csms) == expected


# --- Restarts.


@pytest.mark.requirement("B01.FR.13", "B11.FR.05")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["reset", "restart", "power cut"])
async def test_a_reservation_outlives_the_computer(
    world: World, bench: Bench, csms: Desk, kind: str, how: str
) -> None:
    evses = 2
    await world.start(evses=evses)
    for number in range(1, evses + 1):
        assert await reserve_a(csms, kind if number == 1 else "any", number) == "Accepted"
    await csms.sees_status("Reserved", evses)
    if how == "reset":
        assert (await csms.station.reset("Immediate")).accepted
    else:
        csms.station.expect_boot()
        await (world.machine.restart() if how == "restart" else world.machine.lose_power())
    await csms.sees_boot(count=2)
    before = {evse: len(csms.statuses_told(evse)) for evse in range(1, evses + 1)}
    await csms.is_ready()
    await world.pass_s(5)
    for evse, count in before.items():
        assert set(csms.statuses_told(evse)[count:]) == {"Reserved"}
    await is_refused(world, bench, OTHER_TOKEN)
    await world.charges(TOKEN)
    assert reservation_ids(csms) == [1]
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement("B01.FR.13", "H04.FR.01")
async def test_a_reservation_that_expired_meanwhile_is_told_after_the_start(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert await reserve(csms, 1, evse=1, for_s=60) == "Accepted"
    await csms.sees_status("Reserved")
    csms.station.expect_boot()
    await world.machine.lose_power(for_s=100)
    await csms.sees("ReservationStatusUpdate")
    assert updates(csms) == [(1, "Expired")]
    await csms.sees_status("Available")


# --- Remote start.


@pytest.mark.requirement("F01.FR.21", "F01.FR.22", "F02.FR.23", "F02.FR.24", "H01.FR.15")
@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cable_first", [True, False])
async def test_a_remote_start_for_another_token_is_refused_at_a_reserved_evse(
    world: World, bench: Bench, csms: Desk, kind: str, evses: int, *, cable_first: bool
) -> None:
    await world.start(NO_CHECK, evses=evses)
    for number in range(1, evses + 1):
        assert await reserve_a(csms, kind if number == 1 else "any", number) == "Accepted"
    await csms.sees_status("Reserved", evses)
    if cable_first:
        await bench.plug_in()
    await world.pass_s(2)
    for evse in range(1, evses + 1):
        refused = await csms.remote_start_checked(OTHER_TOKEN, evse)
        assert refused.status == "Rejected"
        assert refused.payload["statusInfo"]["reasonCode"] == "EvseReserved"
    grouped = await remote_start(csms, OTHER_TOKEN, group=FAMILY)
    assert grouped == "Rejected"
    for number in range(1, evses + 1):
        assert await cancel(csms, number) == "Accepted"
    if cable_first:
        await bench.unplug()
    await csms.sees_status("Available")
    assert await reserve_a(csms, "evse", 11, group=FAMILY) == "Accepted"
    await csms.sees_status("Reserved")
    if cable_first:
        await bench.plug_in()
    assert await remote_start(csms, OTHER_TOKEN) == "Rejected"
    assert await remote_start(csms, OTHER_TOKEN, group="OTHERS") == "Rejected"
    assert await remote_start(csms, OTHER_TOKEN, group=FAMILY) == "Accepted"
    await world.pass_s(2)
    if not cable_first:
        await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    assert reservation_ids(csms) == [11]
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F02.FR.06", "H01.FR.15")
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("evses", [1, 2])
async def test_a_remote_start_uses_the_reservation_of_its_token(
    world: World, bench: Bench, csms: Desk, evses: int, *, checked: bool
) -> None:
    await world.start({"AuthCtrlr.AuthorizeRemoteStart": str(checked).lower()}, evses=evses)
    assert await reserve(csms, 12, evse=evses) == "Accepted"
    await csms.sees_status("Reserved", evses)
    assert await remote_start(csms, TOKEN, evse=None) == "Accepted"
    await csms.sees_status("Available", evses)
    await bench.plug_in(evses)
    await world.energy_flows(evses)
    await csms.sees_start()
    first = csms.calls("TransactionEvent")[0].payload
    assert first["reservationId"] == 12
    assert first["triggerReason"] == "RemoteStart"
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")
    assert reservation_ids(csms) == [12]


async def remote_start(
    csms: Desk, token: str, *, group: str | None = None, evse: int | None = 1
) -> str:
    payload: Payload = {
        "idToken": {"idToken": token, "type": "ISO14443"},
        "remoteStartId": 99,
        **({} if evse is None else {"evseId": evse}),
        **({} if group is None else {"groupIdToken": {"idToken": group, "type": "Central"}}),
    }
    return str((await csms.call("RequestStartTransaction", payload))["status"])


# --- A reader for several EVSEs.


@pytest.mark.requirement("H03.FR.03", "H01.FR.15", "E03.FR.03")
@pytest.mark.parametrize("start_point", ["Authorized", "PowerPathClosed"])
@pytest.mark.parametrize("reservations", [1, 2])
async def test_a_token_at_a_shared_reader_uses_its_reservation_where_its_car_comes(
    world: World, bench: Bench, csms: Desk, start_point: str, reservations: int
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": start_point}, evses=2)
    for number in range(1, reservations + 1):
        assert await reserve(csms, number) == "Accepted"
    await world.pass_s(2)
    await bench.operate("swipe", token=TOKEN, evses=[1, 2])
    await world.pass_s(5)
    await bench.plug_in(2)
    await world.energy_flows(2)
    await csms.sees_start()
    await csms.until(lambda: reservation_ids(csms), "the reservation")
    assert reservation_ids(csms) == [1]
    await world.pass_s(2)
    await bench.swipe(TOKEN, 2)
    await csms.sees_end("Local")


@pytest.mark.requirement("H03.FR.01")
async def test_a_token_at_a_shared_reader_is_meant_for_the_evse_reserved_for_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=3)
    assert await reserve(csms, 1, token=OTHER_TOKEN, evse=1) == "Accepted"
    assert await reserve(csms, 2, evse=3) == "Accepted"
    await csms.sees_status("Reserved", 3)
    await bench.operate("swipe", token=TOKEN, evses=[1, 2, 3])
    await csms.sees_status("Available", 3)
    await bench.plug_in(3)
    await world.energy_flows(3)
    await csms.sees_start()
    assert reservation_ids(csms) == [2]
    assert csms.statuses_told(1)[-1] == "Reserved"
    await bench.swipe(TOKEN, 3)
    await csms.sees_end("Local")
