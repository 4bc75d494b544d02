"""Stories of where transactions start and stop, and of tokens refused meanwhile (E01-E06)."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World


@pytest.mark.requirement("E02.FR.06", "E02.FR.20", "E01.FR.02", "E06.FR.02", "E02.FR.01")
async def test_a_transaction_from_plug_to_plug_spans_the_authorization(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "EVConnected"})
    await bench.plug_in()
    await csms.sees_status("Preparing")
    await world.pass_s(5)
    assert len(csms.station.transactions) == (0 if csms.is_16 else 1)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    transaction = await csms.sees_start()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(5)
    assert not transaction.ended
    await bench.unplug()
    await csms.sees_end("Local")
    if not csms.is_16:
        triggers = csms.triggers(transaction)
        assert triggers[:2] == ["CablePluggedIn", "Authorized"]
        assert "StopAuthorized" in triggers


@pytest.mark.requirement("E02.FR.06", "E06.FR.02")
async def test_a_car_that_leaves_without_a_token_is_a_transaction_without_energy(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "EVConnected"})
    await bench.plug_in()
    await world.pass_s(10)
    await bench.unplug()
    await world.pass_s(5)
    if csms.is_16:
        assert csms.station.transactions == {}
    else:
        assert (await csms.sees_end("EVDisconnected")).energy_wh == 0


@pytest.mark.requirement("E01.FR.03", "E06.FR.03", "E03.FR.01")
async def test_a_transaction_can_start_with_the_token(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "Authorized"})
    await bench.swipe(TOKEN)
    transaction = await csms.sees_start()
    await world.pass_s(10)
    await bench.plug_in()
    await world.energy_flows()
    await world.pass_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    if not csms.is_16:
        assert transaction.evse_id == 1


@pytest.mark.requirement("E01.FR.06", "E06.FR.07")
async def test_a_transaction_can_start_and_stop_with_the_energy(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {"TxCtrlr.TxStartPoint": "EnergyTransfer", "TxCtrlr.TxStopPoint": "EnergyTransfer"}
    )
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    transaction = await csms.sees_start()
    await world.pass_s(60)
    await bench.car_pauses()
    await csms.sees_end("Other" if csms.is_16 else "StoppedByEV")
    assert transaction.id_token == TOKEN


@pytest.mark.requirement("E05", "E05.FR.10", "E05.FR.05", "S16-OFFL-05")
async def test_a_token_that_is_refused_when_the_transaction_starts_ends_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.refuses_at_start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("DeAuthorized")
    await world.energy_ceases()
    if not csms.is_16:
        assert csms.triggers(transaction)[-1] == "Deauthorized"


@pytest.mark.requirement("E05.FR.02", "S16-OFFL-05")
async def test_a_refused_token_suspends_where_the_operator_does_not_stop(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.StopTxOnInvalidId": "false"})
    csms.refuses_at_start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    transaction = await csms.sees_start()
    await world.energy_ceases()
    await world.pass_s(20)
    assert not bench.is_delivering()
    assert not transaction.ended
    await csms.sees_status("SuspendedEVSE")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("E05.FR.03", "S16-OFFL-06")
async def test_a_refused_token_gets_the_energy_that_the_operator_grants(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": "200"})
    csms.refuses_at_start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.energy_ceases(within_s=120)
    await csms.sees_status("SuspendedEVSE")
    assert 200 <= bench.delivered_wh() < 260
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
