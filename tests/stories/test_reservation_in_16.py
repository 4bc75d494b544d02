"""Stories of reservations in OCPP 1.6, where connector 0 stands for any connector."""

from datetime import timedelta

import pytest

from agent.sim.csms_model import format_timestamp
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World
from tests.virtual_time import utc_now

pytestmark = pytest.mark.parametrize("version", [V16])


async def reserve(
    csms: Desk, connector: int, *, parent: str | None = None, for_s: float = 3600.0
) -> str:
    payload: Payload = {
        "connectorId": connector,
        "expiryDate": format_timestamp(utc_now() + timedelta(seconds=for_s)),
        "idTag": TOKEN,
        "reservationId": 7,
        **({} if parent is None else {"parentIdTag": parent}),
    }
    return str((await csms.call("ReserveNow", payload))["status"])


async def cancel(csms: Desk) -> str:
    return str((await csms.call("CancelReservation", {"reservationId": 7}))["status"])


@pytest.mark.requirement("S16-RSV-02", "S16-RSV-03", "S16-RSV-05", "S16-TXN-01", "TC_046_1_CS")
@pytest.mark.hil
async def test_a_reserved_connector_waits_for_its_id_tag(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert await reserve(csms, 1) == "Accepted"
    await csms.sees_status("Reserved", 1)
    await bench.plug_in(1)
    await bench.swipe(OTHER_TOKEN, 1)
    await world.watch_s(10)
    assert not bench.plant(1).contactor_closed
    await bench.swipe(TOKEN, 1)
    await world.energy_flows(1)
    await csms.sees_start()
    assert csms.calls("StartTransaction")[0].payload["reservationId"] == 7
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")
    assert await cancel(csms) == "Rejected"


@pytest.mark.requirement("S16-RSV-01", "S16-RSV-03", "S16-RSV-06", "TC_053_CS")
async def test_the_parent_id_tag_may_use_the_reservation_as_well(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await reserve(csms, 1) == "Accepted"
    assert await reserve(csms, 1, parent="FAMILY") == "Accepted"
    await csms.sees_status("Reserved", 1)
    csms.answers_group("FAMILY")
    await world.charges(OTHER_TOKEN)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    "S16-RSV-04", "S16-RSV-05", "S16-RSV-06", "TC_047_CS", "TC_051_CS", "TC_052_CS"
)
async def test_connector_zero_keeps_one_connector_free(world: World, csms: Desk) -> None:
    await world.start()
    assert await reserve(csms, 0) == "Accepted"
    await csms.sees_status("Reserved", 1)
    assert await cancel(csms) == "Accepted"
    await csms.sees_status("Available", 1)
    assert await reserve(csms, 0, for_s=30) == "Accepted"
    await csms.sees_status("Reserved", 1)
    await csms.sees_status("Available", 1, within_s=60)
    assert await reserve(csms, 9) == "Rejected"
    assert await cancel(csms) == "Rejected"


@pytest.mark.requirement("S16-RSV-04", "S16-RSV-05")
async def test_of_two_connectors_a_reservation_of_connector_zero_binds_the_one_that_is_left(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    assert await reserve(csms, 0) == "Accepted"
    await world.pass_s(5)
    assert [csms.station.statuses[n, 1] for n in (1, 2)] == ["Available"] * 2
    await world.charges(OTHER_TOKEN)
    await csms.sees_status("Reserved", 2)
    await bench.swipe(OTHER_TOKEN, 1)
    await csms.sees_end("Local")
    await bench.unplug()
    await csms.sees_status("Available", 1)
    await csms.sees_status("Available", 2)
    assert await cancel(csms) == "Accepted"
