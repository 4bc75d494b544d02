"""Stories of charging with priority, ordered by the CSMS or on site (K21, K22), in 2.1."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V21])


async def use_priority(csms: Desk, transaction_id: str, *, activate: bool = True) -> str:
    request = {"transactionId": transaction_id, "activate": activate}
    return str((await csms.call("UsePriorityCharging", request))["status"])


def told(csms: Desk) -> list[bool]:
    return [call.payload["activated"] for call in csms.calls("NotifyPriorityCharging")]


async def set_profiles(csms: Desk) -> None:
    for limit, more in (
        (8, {"number": 1}),
        (24, {"number": 2, "purpose": "ChargingStationMaxProfile"}),
        (30, {"number": 3, "purpose": "PriorityCharging", "evse": 0}),
    ):
        assert await csms.sets_profile(limit, **more) == "Accepted"


@pytest.mark.requirement(
    *("K21", "K21.FR.01", "K21.FR.02", "K21.FR.03", "K21.FR.04", "K21.FR.05", "K21.FR.06"),
    *("K21.FR.07", "K21.FR.08"),
)
async def test_the_csms_lets_a_transaction_charge_with_priority(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    assert await use_priority(csms, "unknown") == "Rejected"
    assert await use_priority(csms, transaction.transaction_id) == "NoProfile"
    await set_profiles(csms)
    await world.until(lambda: bench.offered_a() == 8.0, "the default")
    await world.pass_s(6)
    assert await use_priority(csms, transaction.transaction_id) == "Accepted"
    await world.until(lambda: bench.offered_a() == 24.0, "priority", within_s=1)
    await csms.sees("NotifyPriorityCharging")
    await world.machine.restart()
    await csms.is_ready(within_s=60)
    await world.until(lambda: bench.offered_a() == 24.0, "priority after the restart")
    assert await use_priority(csms, transaction.transaction_id, activate=False) == "Accepted"
    await world.until(lambda: bench.offered_a() == 8.0, "the default again")
    await csms.sees("NotifyPriorityCharging", 2)
    assert await use_priority(csms, transaction.transaction_id, activate=False) == "Accepted"
    await world.pass_s(5)
    assert told(csms) == [True, False]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K22", "K22.FR.01", "K22.FR.02", "K22.FR.03", "K22.FR.04", "K22.FR.05")
async def test_somebody_on_site_wants_priority(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    reply = await bench.orders("priority", evse=1, on=True)
    assert "no transaction" in str(reply["error"])
    await world.charges()
    reply = await bench.orders("priority", evse=1, on=True)
    assert "no PriorityCharging profile" in str(reply["error"])
    await set_profiles(csms)
    await world.until(lambda: bench.offered_a() == 8.0, "the default")
    await world.pass_s(6)
    assert await bench.orders("priority", evse=1, on=True) == {"ok": True}
    await world.until(lambda: bench.offered_a() == 24.0, "priority", within_s=1)
    await csms.sees("NotifyPriorityCharging")
    await world.pass_s(6)
    assert await bench.orders("priority", evse=1, on=False) == {"ok": True}
    await world.until(lambda: bench.offered_a() == 8.0, "the default again")
    await csms.sees("NotifyPriorityCharging", 2)
    assert told(csms) == [True, False]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("K21.FR.04")
async def test_priority_ends_with_its_transaction(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    transaction = await world.charges()
    await set_profiles(csms)
    assert await use_priority(csms, transaction.transaction_id) == "Accepted"
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await bench.unplug()
    await world.pass_s(5)
    await world.charges()
    await world.until(lambda: bench.offered_a() == 8.0, "the default in the next transaction")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)
