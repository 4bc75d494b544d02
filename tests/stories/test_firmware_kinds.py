"""Stories of the other kinds of updates: unsigned ones (L02), those of 1.6, and none at all."""

from datetime import timedelta

import pytest

from agent.sim.csms_link import StationRefusedCall
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.slots import image_of
from tests.stories.updates import LOCATION, NEW, Updates
from tests.stories.words import OTHER_TOKEN, V16, V21, V201
from tests.stories.world import World
from tests.virtual_time import utc_now

UNSIGNED = ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]
IN_16 = ["Downloading", "Downloaded", "Installing", "Installed"]
BOTH_2X = pytest.mark.parametrize("version", [V201, V21])
ONLY_16 = pytest.mark.parametrize("version", [V16])


@pytest.fixture
def updates(world: World) -> Updates:
    return Updates(world, allow_unsigned=True)


# --- Unsigned updates of 2.x.


@BOTH_2X
@pytest.mark.requirement("L02.FR.01", "L02.FR.02", "L02.FR.06", "L02.FR.14", "L02.FR.20")
@pytest.mark.requirement("L02.FR.21", "L02")
async def test_an_unsigned_update_is_taken_where_that_is_allowed(
    world: World, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders_unsigned(7) == {"status": "Accepted"}
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert updates.told == UNSIGNED
    assert {call["requestId"] for call in updates.notifications} == {7}


@BOTH_2X
@pytest.mark.requirement("L02.FR.07", "L02.FR.10")
async def test_an_unsigned_update_waits_for_its_dates_too(world: World, updates: Updates) -> None:
    await world.start()
    hour = timedelta(hours=1)
    dates = {"retrieve_at": utc_now() + hour, "install_at": utc_now() + 2 * hour}
    assert (await updates.orders_unsigned(**dates))["status"] == "Accepted"
    await updates.tells("DownloadScheduled")
    await updates.tells("InstallScheduled", 3700)
    await world.pass_s(3300)
    assert updates.slots.installations == 0
    await updates.reboots(600)
    await updates.tells("Installed", 120)


@BOTH_2X
@pytest.mark.requirement("L02.FR.08", "L02.FR.19")
async def test_an_unsigned_download_pauses_and_fails_in_the_end(
    world: World, updates: Updates
) -> None:
    await world.start()
    updates.shelf.images.clear()
    order = {"retries": 1, "retry_interval_s": 10}
    assert (await updates.orders_unsigned(**order))["status"] == "Accepted"
    await updates.tells("DownloadFailed", 120)
    assert updates.told == ["Downloading", "DownloadPaused", "Downloading", "DownloadFailed"]


@BOTH_2X
@pytest.mark.requirement("L02.FR.03", "L02.FR.04", "L02.FR.22")
async def test_an_unsigned_update_waits_for_a_transaction(
    world: World, bench: Bench, csms: Desk, updates: Updates
) -> None:
    await world.start(evses=2)
    await world.charges()
    assert (await updates.orders_unsigned())["status"] == "Accepted"
    await updates.tells("Installing", 60)
    await csms.sees_status("Unavailable", 2)
    await world.pass_s(120)
    assert updates.told[-1] == "Installing"
    await bench.swipe(OTHER_TOKEN, 2)
    await bench.swipe(evse=1)
    await csms.sees_end()
    await updates.reboots()
    await updates.tells("Installed", 120)


@BOTH_2X
@pytest.mark.requirement("L02.FR.15", "L02.FR.16", "L02.FR.17", "L02.FR.18")
async def test_an_unsigned_update_is_replaced_and_asked_for_like_a_signed_one(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert (await updates.orders_unsigned(7))["status"] == "Accepted"
    await updates.tells("Downloading")
    assert await updates.hears_when_asked() == {"status": "Downloading", "requestId": 7}
    assert (await updates.orders_unsigned(8))["status"] == "AcceptedCanceled"
    await updates.reboots()
    await csms.is_ready()
    assert (await updates.orders_unsigned(9))["status"] == "Rejected"
    await updates.tells("Installed", 120)
    assert await updates.hears_when_asked() == {"status": "Idle"}


@BOTH_2X
async def test_a_signed_update_is_verified_also_where_unsigned_ones_are_allowed(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    order = updates.order()
    updates.shelf.images[LOCATION] = image_of("6.6.6")
    assert (await csms.call("UpdateFirmware", order))["status"] == "Accepted"
    await updates.tells("InvalidSignature", 60)


# --- 1.6 in its own words.


@ONLY_16
@pytest.mark.requirement("S16-FW-01", "S16-FW-04", "TC_044_1_CS")
async def test_in_16_an_unsigned_update_is_told_in_its_few_words(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders_unsigned() == {}
    await updates.reboots()
    await updates.tells("Installed", 60)
    assert updates.told == IN_16
    assert updates.slots.starts == ["1.0.0", NEW]
    assert all(set(call) == {"status"} for call in updates.notifications)
    assert csms.calls("SignedFirmwareStatusNotification") == []


@ONLY_16
@pytest.mark.requirement("S16-FW-01")
async def test_in_16_a_download_of_later_is_begun_no_earlier(
    world: World, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders_unsigned(retrieve_at=utc_now() + timedelta(hours=1)) == {}
    await world.pass_s(3500)
    assert (updates.told, updates.shelf.fetches) == ([], 0)
    await updates.tells("Downloading", 200)


@ONLY_16
@pytest.mark.requirement("S16-FW-01", "TC_044_2_CS")
async def test_in_16_a_failed_download_is_told(world: World, updates: Updates) -> None:
    await world.start()
    updates.shelf.images.clear()
    assert await updates.orders_unsigned(retries=0) == {}
    await updates.tells("DownloadFailed", 60)
    assert updates.told == ["Downloading", "DownloadFailed"]


@ONLY_16
@pytest.mark.requirement("S16-FW-01", "TC_044_3_CS")
async def test_in_16_a_failed_installation_is_told(world: World, updates: Updates) -> None:
    await world.start()
    updates.shelf.images[LOCATION] = b"rubbish"
    assert await updates.orders_unsigned() == {}
    await updates.tells("InstallationFailed", 60)
    assert updates.told == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]


@ONLY_16
@pytest.mark.requirement("S16-FW-02")
async def test_in_16_a_transaction_is_waited_for_with_idle_connectors_unavailable(
    world: World, bench: Bench, csms: Desk, updates: Updates
) -> None:
    await world.start(evses=2)
    await world.charges()
    assert await updates.orders_unsigned() == {}
    await csms.sees_status("Unavailable", 2, 60)
    await world.pass_s(120)
    assert updates.told[-1] == "Installing"
    await bench.swipe(evse=1)
    await csms.sees_end()
    await updates.reboots()
    await updates.tells("Installed", 60)


@ONLY_16
@pytest.mark.requirement("S16-FW-03")
async def test_in_16_each_trigger_asks_for_its_own_message(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.hears_when_asked("TriggerMessage") == {"status": "Idle"}
    assert [c.payload for c in csms.calls("SignedFirmwareStatusNotification")] == []
    assert await updates.orders(7, retrieve_at=utc_now() + timedelta(days=1)) == "Accepted"
    await updates.tells("DownloadScheduled")
    signed = await updates.hears_when_asked("ExtendedTriggerMessage")
    assert signed == {"status": "DownloadScheduled", "requestId": 7}
    before = len(csms.calls("FirmwareStatusNotification"))
    trigger = {"requestedMessage": "FirmwareStatusNotification"}
    assert (await csms.call("TriggerMessage", trigger))["status"] == "Accepted"
    await csms.sees("FirmwareStatusNotification", before + 1)
    assert csms.calls("FirmwareStatusNotification")[-1].payload == {"status": "Idle"}


@ONLY_16
async def test_in_16_an_order_that_cannot_be_carried_out_is_an_error(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    with pytest.raises(StationRefusedCall) as caught:
        await updates.orders_unsigned(location="file:///etc/shadow")
    assert caught.value.code == "PropertyConstraintViolation"
    assert updates.told == []


@ONLY_16
@pytest.mark.requirement("L01.FR.20 (1.6)")
async def test_in_16_an_unsigned_order_is_not_supported_by_a_station_that_wants_signatures(
    world: World, csms: Desk
) -> None:
    updates = Updates(world)
    await world.start()
    with pytest.raises(StationRefusedCall) as caught:
        await updates.orders_unsigned()
    assert caught.value.code == "NotSupported"
    await world.pass_s(60)
    assert (updates.told, updates.shelf.fetches) == ([], 0)
    assert await updates.orders(7) == "Accepted"


# --- Without slots.


async def test_a_station_without_slots_says_that_it_has_no_updates(
    world: World, csms: Desk, updates: Updates
) -> None:
    order = updates.order()
    world.machine.sections = ""  # type: ignore[attr-defined]
    world.machine.has_slots(None, None)  # type: ignore[attr-defined]
    await world.start()
    answer = await csms.call(updates.action, order)
    assert answer["status"] == "Rejected"
    assert await updates.hears_when_asked() == {"status": "Idle"}
    if csms.is_16:
        profiles = (await csms.station.get_configuration(["SupportedFeatureProfiles"])).values()
        assert "FirmwareManagement" not in next(iter(profiles))
        with pytest.raises(StationRefusedCall) as caught:
            await updates.orders_unsigned()
        assert caught.value.code == "NotSupported"
    else:
        assert answer["statusInfo"]["reasonCode"] == "UnsupportedRequest"
        variable = "ChargingStation.AllowNewSessionsPendingFirmwareUpdate"
        assert (await csms.station.get_variables([variable]))[0].status == "UnknownVariable"


@BOTH_2X
async def test_what_files_can_be_transferred_by_is_told(
    world: World, csms: Desk, updates: Updates
) -> None:
    world.machine.sections += 'schemes = ["http"]\n'  # type: ignore[attr-defined]
    await world.start()
    told = await csms.gets("OCPPCommCtrlr.FileTransferProtocols")
    assert told == "HTTP,HTTPS", "images come by one, logs go by the other"


@BOTH_2X
async def test_publishing_firmware_is_for_local_controllers(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    order = {"requestId": 1, "location": LOCATION, "checksum": "0" * 32}
    for action, payload in (
        ("PublishFirmware", order),
        ("UnpublishFirmware", {"checksum": "0" * 32}),
    ):
        with pytest.raises(StationRefusedCall) as caught:
            await csms.call(action, payload)
        assert caught.value.code == "NotSupported"
