"""Stories of charging sessions (E01-E10): who starts them, what suspends and what ends them."""

import pytest

from agent.sim.csms_model import AuthorizationStatus
from agent.sim.misbehaviour import answer_call_error
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, UNKNOWN_TOKEN, signed_pair_is_valid
from tests.stories.world import World

ACCEPTED, BLOCKED = AuthorizationStatus.ACCEPTED, AuthorizationStatus.BLOCKED


@pytest.mark.requirement(
    *("E02", "E07", "C01.FR.01", "C01.FR.02", "C01.FR.03", "C01.FR.04", "E01.FR.05"),
    *("E02.FR.01", "E02.FR.05", "E02.FR.14", "E07.FR.01", "E07.FR.07", "E07.FR.12"),
    *("E06.FR.03", "E06.FR.11", "G01.FR.03", "G01.FR.04", "S16-AUTH-01", "S16-AUTH-02"),
    *("S16-AUTH-04", "S16-TXN-01", "S16-TXN-02", "S16-TXN-03", "S16-TXN-04", "S16-TXN-06"),
    *("S16-STAT-01", "TC_003_CS", "TC_068_CS"),
)
@pytest.mark.hil
async def test_a_driver_plugs_in_taps_charges_taps_and_leaves(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.plug_in()
    await csms.sees_status("Preparing")
    await world.watch_s(3)
    assert not bench.plant().contactor_closed
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.energy_flows()
    transaction = await csms.sees_start()
    await csms.sees_status("Charging")
    assert bench.plant().lock_engaged
    await world.charge_s(600)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await csms.sees_status("Finishing")
    await world.until(lambda: not bench.plant().lock_engaged, "the cable to be unlocked")
    await bench.unplug()
    await csms.sees_status("Available")
    assert transaction.id_token == TOKEN
    assert len(csms.calls("Authorize")) == 1
    assert abs(signed_pair_is_valid(transaction) - bench.delivered_wh()) < 1
    if csms.is_16:
        told = ["Available", "Preparing", "SuspendedEV", "Charging", "Finishing", "Available"]
        assert csms.statuses_told() == told
    else:
        assert csms.statuses_told() == ["Available", "Occupied", "Available"]
        assert csms.states(transaction)[-2:] == ["Charging", "EVConnected"]


@pytest.mark.requirement(
    *("E03", "E03.FR.01", "E03.FR.06", "E01.FR.16", "C01.FR.02", "S16-STAT-01"),
    *("S16-TXN-02", "TC_004_1_CS"),
)
@pytest.mark.hil
async def test_a_driver_taps_first_and_plugs_in_then(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.watch_s(10)
    assert csms.statuses_told()[-1] == ("Preparing" if csms.is_16 else "Available")
    await bench.plug_in()
    await world.energy_flows()
    transaction = await csms.sees_start()
    assert transaction.id_token == TOKEN
    assert transaction.evse_id == 1
    await world.charge_s(60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("C01.FR.26", "S16-AUTH-08", "E03", "TC_004_2_CS")
async def test_a_token_without_a_cable_is_forgotten_after_the_connection_timeout(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "20"})
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.pass_s(25)
    await csms.sees_status("Available")
    await bench.plug_in()
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    assert csms.station.transactions == {}


@pytest.mark.requirement("E03.FR.05", "E01.FR.03", "F02.FR.07")
async def test_a_transaction_that_waits_for_the_cable_ends_with_timeout(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "20", "TxCtrlr.TxStartPoint": "Authorized"})
    await bench.swipe(TOKEN)
    transaction = await csms.sees_start()
    await world.pass_s(15)
    assert not transaction.ended
    await csms.sees_end("Other" if csms.is_16 else "Timeout")
    if not csms.is_16:
        assert csms.triggers(transaction)[-1] == "EVConnectTimeout"


@pytest.mark.requirement("S16-STAT-05")
async def test_a_cable_without_a_token_waits_and_can_still_be_used_later(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "20"})
    await bench.plug_in()
    await csms.sees_status("Preparing")
    await world.pass_s(25)
    await csms.sees_status("Finishing")
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()
    await world.pass_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("C01.FR.01", "E02.FR.20", "S16-AUTH-01", "TC_023_CS")
@pytest.mark.parametrize("status", [AuthorizationStatus.BLOCKED, AuthorizationStatus.UNKNOWN])
@pytest.mark.hil
async def test_a_token_that_the_csms_refuses_gets_no_energy(
    world: World, bench: Bench, csms: Desk, status: AuthorizationStatus
) -> None:
    csms.knows(_DEADBEEF=status)
    await world.start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.watch_s(20)
    assert not bench.plant().contactor_closed
    assert bench.offered_a() == 0
    assert csms.station.transactions == {}


@pytest.mark.requirement("C01.FR.01", "S16-AUTH-01")
async def test_an_authorize_answered_with_an_error_is_no_permission_and_is_not_repeated(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(answer_call_error("PropertyConstraintViolation", {"Authorize"}))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees("Authorize")
    await world.pass_s(60)
    assert not bench.plant().contactor_closed
    assert len(csms.calls("Authorize")) == 1
    csms.csms.behave()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("C01.FR.23", "E07", "S16-AUTH-05")
@pytest.mark.hil
async def test_a_stranger_cannot_stop_a_running_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(10)
    await bench.swipe(OTHER_TOKEN)
    await csms.sees("Authorize", 2)
    await world.watch_s(20)
    assert bench.is_delivering()
    assert not transaction.ended
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("C01.FR.03", "E07.FR.01", "E07.FR.02", "S16-AUTH-05", "S16-NUM-04", "TC_069_CS"),
)
@pytest.mark.hil
async def test_a_token_of_the_same_group_stops_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.answers_group("FLEET")
    await world.start()
    transaction = await world.charges()
    await world.charge_s(10)
    await bench.swipe(OTHER_TOKEN)
    await csms.sees_end("Local")
    if not csms.is_16:
        assert csms.triggers(transaction)[-1] == "StopAuthorized"
    else:
        assert csms.calls("StopTransaction")[0].payload["idTag"] == OTHER_TOKEN


@pytest.mark.requirement("C01.FR.02", "C01.FR.23")
@pytest.mark.hil
async def test_an_unknown_token_at_a_running_transaction_changes_nothing(
    world: World, bench: Bench, csms: Desk
) -> None:
    csms.knows(_DEADBEEF=ACCEPTED)
    await world.start()
    await world.charges()
    await bench.swipe(UNKNOWN_TOKEN)
    await world.watch_s(10)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("E09", "E09.FR.01", "E09.FR.05", "E06.FR.02", "S16-TXN-05", "S16-TXN-07", "S16-STAT-09")
)
@pytest.mark.hil
async def test_pulling_the_plug_at_the_car_ends_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(60)
    await bench.unplug()
    await world.energy_ceases()
    await csms.sees_end("EVDisconnected")
    await csms.sees_status("Available")
    if csms.is_16:
        assert "idTag" not in csms.calls("StopTransaction")[0].payload
    else:
        assert csms.triggers(transaction)[-1] == "EVCommunicationLost"
    await bench.plug_in()
    await world.watch_s(10)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("E10", "S16-TXN-08", "S16-STAT-09")
@pytest.mark.hil
async def test_a_car_that_was_unplugged_may_come_back_when_the_operator_wants_it_so(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"TxCtrlr.StopTxOnEVSideDisconnect": "false"}, cable="attached")
    transaction = await world.charges()
    await world.charge_s(60)
    await bench.unplug()
    await world.energy_ceases()
    await csms.sees_status("SuspendedEV")
    await world.watch_s(20)
    assert not transaction.ended
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_status("Charging")
    await world.charge_s(60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert len(csms.station.transactions) == 1


@pytest.mark.requirement("E10.FR.02", "E10")
async def test_a_car_that_does_not_come_back_in_time_ends_the_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {"TxCtrlr.StopTxOnEVSideDisconnect": "false", "TxCtrlr.EVConnectionTimeOut": "30"},
        cable="attached",
    )
    await world.charges()
    await world.pass_s(30)
    await bench.unplug()
    await csms.sees_end(within_s=45)
    await csms.sees_status("Available")


@pytest.mark.requirement("E01.FR.18", "E01.FR.19", "S16-STAT-04")
@pytest.mark.hil
async def test_a_car_that_pauses_is_suspended_by_the_ev_and_goes_on(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(30)
    await bench.car_pauses()
    await world.energy_ceases()
    await csms.sees_status("SuspendedEV")
    await world.watch_s(60)
    await bench.car_resumes()
    await world.energy_flows()
    await csms.sees_status("Charging")
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    if not csms.is_16:
        states = [state for state in csms.states(transaction) if state != "EVConnected"]
        assert states[-3:] == ["Charging", "SuspendedEV", "Charging"]


@pytest.mark.requirement("E01.FR.08", "E07", "S16-CONN-08")
async def test_three_sessions_in_a_row_are_three_transactions(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    for number in (1, 2, 3):
        await world.charges()
        await world.pass_s(30)
        await bench.swipe(TOKEN)
        await csms.sees_end("Local", number)
        await bench.unplug()
        await csms.sees_status("Available")
        await world.pass_s(15)
    assert len(csms.station.transactions) == 3


@pytest.mark.hil
async def test_the_same_car_charges_again_without_being_plugged_anew(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.watch_s(15)
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start(2)
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("E01.FR.14", "C01.FR.21", "S16-NUM-01", "S16-NUM-02")
async def test_two_cars_charge_at_two_evses_and_each_pays_its_own(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await world.charges(TOKEN, 1)
    await world.charges(OTHER_TOKEN, 2)
    await world.pass_s(120)
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local", 1)
    assert bench.is_delivering(2)
    await world.pass_s(60)
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", 2)
    first, second = csms.station.transactions.values()
    assert (first.id_token, second.id_token) == (TOKEN, OTHER_TOKEN)
    assert second.energy_wh is not None
    assert first.energy_wh is not None
    assert second.energy_wh > first.energy_wh


async def test_a_token_at_a_shared_reader_starts_where_a_car_waits_and_stops_where_it_charges(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(evses=2)
    await bench.plug_in(2)
    await world.pass_s(1)
    await bench.swipe(TOKEN)
    await world.energy_flows(2)
    assert (await csms.sees_start()).evse_id == 2
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("C02", "C02.FR.01")
@pytest.mark.hil
async def test_a_station_without_authorization_charges_whoever_plugs_in(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"AuthCtrlr.Enabled": "false"})
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    await world.charge_s(30)
    await bench.unplug()
    await csms.sees_end("EVDisconnected")
    assert csms.calls("Authorize") == []
