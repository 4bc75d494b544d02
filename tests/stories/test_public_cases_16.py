"""Stories of 1.6 along public test cases that no other story covers in its words."""

from typing import Any

import pytest

from agent.sim.csms_model import AuthorizationStatus
from agent.sim.csms_station import CommandResult
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.test_reservation_in_16 import reserve
from tests.stories.words import OTHER_TOKEN, TOKEN, V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


async def sets(csms: Desk, key: str, value: str) -> CommandResult:
    return await csms.station.change_configuration(key, value)


# --- Reservations.


@pytest.mark.requirement("S16-RSV-04", "S16-RSV-05", "TC_049_CS")
async def test_a_reservation_of_the_station_is_used_by_its_id_tag(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await reserve(csms, 0) == "Accepted"
    await csms.sees_status("Reserved")
    await bench.plug_in()
    await bench.swipe(OTHER_TOKEN)
    await world.watch_s(10)
    assert not bench.plant().contactor_closed
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start()
    assert csms.calls("StartTransaction")[0].payload["reservationId"] == 7
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-RSV-05", "TC_046_2_CS")
async def test_a_remote_start_uses_the_reservation_of_its_id_tag(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await reserve(csms, 1) == "Accepted"
    await csms.sees_status("Reserved")
    assert not (await csms.remote_start(OTHER_TOKEN)).accepted
    assert (await csms.remote_start(TOKEN)).accepted
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_start()
    assert csms.calls("StartTransaction")[0].payload["reservationId"] == 7
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement(
    *("S16-RSV-02", "TC_048_1_CS", "TC_048_2_CS", "TC_048_3_CS", "TC_050_1_CS", "TC_050_2_CS"),
    "TC_050_3_CS",
)
@pytest.mark.parametrize("connector", [0, 1])
@pytest.mark.parametrize("state", ["Faulted", "Occupied", "Unavailable"])
async def test_what_cannot_be_reserved_says_in_which_state_it_is(
    world: World, bench: Bench, csms: Desk, state: str, connector: int
) -> None:
    await world.start()
    match state:
        case "Faulted":
            await bench.fault("rcd")
            await csms.sees_status("Faulted")
        case "Unavailable":
            assert (await csms.station.change_availability(False, 1)).accepted
            await csms.sees_status("Unavailable")
        case _:
            await world.charges()
    assert await reserve(csms, connector) == state
    if state == "Occupied":
        await bench.swipe(TOKEN)
        await csms.sees_end()


@pytest.mark.requirement("S16-RSV-02", "TC_048_4_CS", "TC_050_4_CS")
@pytest.mark.parametrize("connector", [0, 1])
async def test_a_station_that_takes_no_reservations_rejects_them(
    world: World, csms: Desk, connector: int
) -> None:
    await world.start({"ReservationCtrlr.Enabled": "false"})
    assert await reserve(csms, connector) == "Rejected"


# --- Locks and cables.


@pytest.mark.requirement("S16-UNL-01", "TC_031_CS")
async def test_an_unknown_connector_has_no_lock(world: World, csms: Desk) -> None:
    await world.start()
    for connector in (0, 2, 99):
        answer = await csms.call("UnlockConnector", {"connectorId": connector})
        assert answer == {"status": "NotSupported"}


@pytest.mark.requirement("S16-UNL-01", "TC_030_CS")
async def test_a_lock_that_does_not_open_is_told(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    await world.charges()
    # Whoever drives the lock is gone, and it stays as it is.
    await world.machine.lose_guard()
    assert (await csms.station.unlock(1)).status == "UnlockFailed"
    await world.machine.restart_guard()
    await csms.sees_end()


@pytest.mark.requirement("S16-UNL-01", "TC_018_2_CS")
async def test_a_fixed_cable_is_not_unlocked_and_goes_on_charging_or_stops(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(cable="attached")
    await world.charges()
    assert (await csms.station.unlock(1)).status == "NotSupported"
    await world.pass_s(5)
    if bench.is_delivering():
        await bench.swipe(TOKEN)
    await csms.sees_end()


@pytest.mark.requirement("S16-STAT-09", "TC_005_3_CS")
async def test_a_car_that_is_unplugged_and_plugged_again_goes_on_in_its_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    for key in ("StopTransactionOnEVSideDisconnect", "UnlockConnectorOnEVSideDisconnect"):
        assert (await sets(csms, key, "false")).accepted
    await world.charges()
    await bench.unplug()
    await csms.sees_status("SuspendedEV")
    assert csms.calls("StopTransaction") == []
    assert bench.plant().lock_engaged
    await bench.plug_in()
    await world.energy_flows()
    await csms.sees_status("Charging")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert len(csms.station.transactions) == 1


# --- Offline.


@pytest.mark.requirement("S16-OFFL-05", "TC_037_2_CS")
async def test_an_id_tag_that_turns_out_invalid_only_loses_the_energy(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**ANYBODY, "TxCtrlr.StopTxOnInvalidId": "false"})
    await csms.goes_down()
    await world.charges_unseen()
    csms.knows(_DEADBEEF=AuthorizationStatus.BLOCKED)
    await csms.comes_back()
    await csms.sees_start(within_s=90)
    await world.energy_ceases()
    await csms.sees_status("SuspendedEVSE")
    await world.pass_s(30)
    assert csms.calls("StopTransaction") == []
    await bench.unplug()
    await csms.sees_end()


# --- Charging profiles.


@pytest.mark.requirement("S16-SC-01", "TC_056_CS", "TC_082_CS")
@pytest.mark.parametrize("during", [False, True])
async def test_a_default_profile_limits_transactions_whether_they_run_or_not(
    world: World, bench: Bench, csms: Desk, during: bool
) -> None:
    await world.start()
    if during:
        await world.charges()
    assert await csms.sets_profile(10) == "Accepted"
    if not during:
        await world.charges()
    await world.until(lambda: offered_a(bench) == 10, "the offer of 10 A")
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-SC-01", "TC_058_2_CS")
async def test_a_profile_for_another_transaction_is_rejected(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    number = int(transaction.transaction_id)
    wrong: Any = {"purpose": "TxProfile", "transactionId": number + 1}
    assert await csms.sets_profile(10, **wrong) == "Rejected"
    assert await csms.sets_profile(10, purpose="TxProfile", transactionId=number) == "Accepted"
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("S16-RTX-05", "TC_060_CS")
async def test_a_remote_start_with_a_profile_that_is_none_of_a_transaction_is_rejected(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await bench.plug_in()
    profile = csms.profile(10)["csChargingProfiles"]
    order = {"connectorId": 1, "idTag": TOKEN, "chargingProfile": profile}
    assert (await csms.call("RemoteStartTransaction", order))["status"] == "Rejected"
    await world.pass_s(10)
    assert not bench.plant().contactor_closed


@pytest.mark.requirement("TC_072_CS")
async def test_of_stacked_profiles_the_highest_counts_while_it_lasts(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await csms.sets_profile(10, number=1, stack_level=0) == "Accepted"
    assert await csms.sets_profile(16, number=2, stack_level=1, duration_s=120) == "Accepted"
    await world.charges()
    await world.until(lambda: offered_a(bench) == 16, "the offer of the higher level")
    await world.until(lambda: offered_a(bench) == 10, "that of the lower one", 200)
    periods = await csms.composite(60)
    assert [period["limit"] for period in periods] == [10]
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


def offered_a(bench: Bench) -> float:
    return float(bench.offered_a())


# --- Reset.


@pytest.mark.requirement("S16-RESET-03")
async def test_a_reset_that_meets_a_transaction_that_does_not_end_is_tried_again(
    world: World,
    bench: Bench,
    csms: Desk,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Shorter than it takes to give a welded contactor up.
    monkeypatch.setattr("agent.services.reset.STOP_TIMEOUT_S", 1.0)
    await world.start()
    assert (await sets(csms, "ResetRetries", "2")).accepted
    await world.charges()
    await bench.fault("contactor_welded")
    begun = world.machine.starts
    assert (await csms.station.reset("Hard")).accepted
    await world.until(lambda: world.machine.starts > begun, "the restart", 120)
    complaints = [r for r in caplog.records if "did not end for its reset" in r.message]
    assert len(complaints) == 3
    world.bills_exactly = False
    await world.machine.stop()
