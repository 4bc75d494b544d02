"""Stories of meters that sign by themselves: their records reach the CSMS byte for byte."""

import pytest

from hal.api import EnergyMeter
from tests.signing_meter import SimulatedSigningMeter
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.instruments import with_meter
from tests.stories.words import TOKEN, V21, V201, signed_pair_is_valid
from tests.stories.world import World

Meters = dict[int, SimulatedSigningMeter]


@pytest.fixture
async def meters(world: World) -> Meters:
    """A station whose meters sign; they measure on while the station restarts."""
    found: Meters = {}

    def sign(number: int, meter: EnergyMeter) -> EnergyMeter:
        known = found.get(number)
        if known is None:
            known = found[number] = SimulatedSigningMeter(meter)
        known.meter = meter
        return known

    world.machine.fitted = with_meter(sign)
    await world.start()
    return found


def told(csms: Desk, count: int = 1) -> list[tuple[str, bytes]]:
    transaction = list(csms.station.transactions.values())[count - 1]
    return [(value.context, value.record) for value in transaction.signed_values]


@pytest.mark.requirement("J02.FR.21", "E06.FR.11")
async def test_the_meters_own_records_begin_and_end_a_transaction(
    world: World, bench: Bench, csms: Desk, meters: Meters
) -> None:
    await world.charges()
    await world.pass_s(120)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    begin, end = meters[1].records
    assert {record for _, record in told(csms)} == {begin, end}
    assert ("Transaction.Begin", begin) in told(csms)
    assert ("Transaction.End", end) in told(csms)
    proven_wh = signed_pair_is_valid(transaction)
    assert transaction.energy_wh is not None
    assert abs(proven_wh - transaction.energy_wh) < 1


@pytest.mark.parametrize("version", [V201, V21])
async def test_the_public_key_is_the_meters(
    world: World, bench: Bench, csms: Desk, meters: Meters
) -> None:
    await world.charges()
    assert await csms.gets("FiscalMetering@1.PublicKey") == meters[1].key.public_key_hex
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize("power_fails", [False, True])
async def test_the_end_is_signed_by_the_meter_after_a_restart_in_the_middle(
    world: World, bench: Bench, csms: Desk, meters: Meters, power_fails: bool
) -> None:
    await world.charges()
    await world.pass_s(60)
    await world.queue_drains()
    csms.station.expect_boot()
    if power_fails:
        await world.machine.lose_power()
    else:
        await world.machine.restart()
    await csms.is_ready()
    if not power_fails:
        await world.pass_s(30)
        await bench.swipe(TOKEN)
    transaction = await csms.sees_end(within_s=60)
    assert told(csms)[-1] == ("Transaction.End", meters[1].records[-1])
    assert signed_pair_is_valid(transaction) > 0


async def test_a_meter_that_cannot_sign_costs_the_signature_and_not_the_charge(
    world: World, bench: Bench, csms: Desk, meters: Meters
) -> None:
    meters[1].refuses = "the meter's memory is full; read its records out first"
    await world.charges()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    assert transaction.energy_wh
    assert told(csms) == []
    assert meters[1].records == []
    meters[1].refuses = ""
    await bench.unplug()
    await world.pass_s(15)
    await world.charges()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    assert signed_pair_is_valid(await csms.sees_end("Local", 2)) > 0


async def test_a_meter_that_makes_one_record_for_both_tells_it_at_the_end(
    world: World, bench: Bench, csms: Desk, meters: Meters
) -> None:
    meters[1].makes_begin_record = False
    await world.charges()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert told(csms) == [("Transaction.End", meters[1].records[0])]
    (value,) = next(iter(csms.station.transactions.values())).signed_values
    assert value.public_key.endswith(meters[1].key.public_key_hex)
