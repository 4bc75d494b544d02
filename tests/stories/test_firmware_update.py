"""Stories of firmware updates: ordered, fetched, verified, installed, tried and confirmed (L01)."""

from datetime import timedelta

import pytest

from agent.sim.frames import Call, CallResult, parse
from tests.stories.desk import Desk
from tests.stories.slots import image_of
from tests.stories.updates import CODE, LOCATION, NEW, ROOT, SIGNER, Updates
from tests.stories.words import V21, V201, frames_from_station
from tests.stories.world import World
from tests.throw_away_ca import Recipe, issue, revocation_list
from tests.virtual_time import START, utc_now

STRAIGHT = [
    "Downloading",
    "Downloaded",
    "SignatureVerified",
    "Installing",
    "InstallRebooting",
    "Installed",
]
BOTH_2X = pytest.mark.parametrize("version", [V201, V21])


@pytest.fixture
def updates(world: World) -> Updates:
    return Updates(world)


@pytest.mark.requirement(
    *("L01.FR.01", "L01.FR.04", "L01.FR.05", "L01.FR.09", "L01.FR.10", "L01.FR.12", "L01.FR.20"),
    *("L01.FR.21", "L01.FR.28", "L01.FR.31", "L01.FR.32"),
    *("L01.FR.01 (1.6)", "L01.FR.04 (1.6)", "L01.FR.05 (1.6)", "L01.FR.12 (1.6)"),
    *("L01.FR.15 (1.6)", "L01.FR.21 (1.6)", "L01.FR.32 (1.6)", "L01.FR.34 (1.6)"),
    *("L01", "TC_080_CS"),
)
async def test_an_update_is_told_step_by_step_and_ends_in_the_new_version(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert updates.told == STRAIGHT
    assert {call["requestId"] for call in updates.notifications} == {7}
    assert csms.station.boots[-1].facts.firmware_version == NEW
    if not csms.is_16:
        assert csms.station.boots[-1].facts.reason == "FirmwareUpdate"
    await csms.until(lambda: "FirmwareUpdated" in updates.security_events, "the security event")
    assert updates.slots.starts == ["1.0.0", NEW]
    assert not list((world.machine.folder / "state" / "update").iterdir()), "the image is gone"


async def test_an_order_is_answered_before_anything_is_told_of_it(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    before = len(frames_from_station(csms.station))
    assert await updates.orders() == "Accepted"
    await updates.tells("Downloading")
    answer, news = (parse(text) for text in frames_from_station(csms.station)[before:][:2])
    assert isinstance(answer, CallResult)
    assert isinstance(news, Call)
    assert news.action.endswith("FirmwareStatusNotification")
    await updates.reboots()
    await updates.tells("Installed", 120)


@pytest.mark.requirement("TC_L_02_CS", "TC_L_03_CS")
@pytest.mark.requirement("L01.FR.13", "L01.FR.16", "L01.FR.13 (1.6)", "L01.FR.16 (1.6)")
async def test_an_update_of_later_waits_for_both_its_dates(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    hour = timedelta(hours=1)
    order = await updates.orders(retrieve_at=utc_now() + hour, install_at=utc_now() + 2 * hour)
    assert order == "Accepted"
    await updates.tells("DownloadScheduled")
    await world.pass_s(3500)
    assert (updates.told, updates.shelf.fetches) == (["DownloadScheduled"], 0)
    await updates.tells("InstallScheduled", 300)
    assert updates.told[1:] == [*STRAIGHT[:3], "InstallScheduled"]
    assert updates.slots.installations == 0
    await world.pass_s(3300)
    assert updates.slots.installations == 0
    await updates.reboots(600)
    await updates.tells("Installed", 120)


async def test_dates_that_have_passed_mean_now(world: World, csms: Desk, updates: Updates) -> None:
    await world.start()
    ago = utc_now() - timedelta(days=1)
    assert await updates.orders(retrieve_at=ago, install_at=ago) == "Accepted"
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert updates.told == STRAIGHT


# --- What is refused before anything is done.


@pytest.mark.requirement("L01.FR.02", "L01.FR.21", "L01.FR.22", "L01.FR.12", "TC_L_05_CS")
@pytest.mark.requirement("L01.FR.02 (1.6)", "L01.FR.23 (1.6)", "L01.FR.12 (1.6)")
@pytest.mark.parametrize(
    "signer",
    [
        issue("Thief", issue("Other Root", recipe=Recipe(ca=True, start=START)), CODE),
        issue("Late", ROOT, Recipe(usages=CODE.usages, start=START - timedelta(400), days=90)),
        issue("Early", ROOT, Recipe(usages=CODE.usages, start=START + timedelta(400), days=90)),
        issue("Server", ROOT, Recipe(start=START - timedelta(1))),
    ],
    ids=["of another root", "expired", "not valid yet", "not for code"],
)
async def test_a_certificate_that_proves_nothing_is_refused_at_once(
    world: World, csms: Desk, updates: Updates, signer: object
) -> None:
    await world.start()
    assert await updates.orders(certificate=signer.pem) == "InvalidCertificate"  # type: ignore[attr-defined]
    await csms.until(
        lambda: "InvalidFirmwareSigningCertificate" in updates.security_events, "the event"
    )
    await world.pass_s(60)
    assert (updates.told, updates.shelf.fetches) == ([], 0)


@pytest.mark.requirement("L01.FR.21", "L01.FR.23 (1.6)", "L01.FR.02 (1.6)")
async def test_a_revoked_certificate_is_refused_as_such(
    world: World, csms: Desk, updates: Updates
) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    revoked = revocation_list(ROOT, SIGNER).public_bytes(Encoding.PEM)
    (updates.maker_dir / "maker.crl").write_bytes(revoked)
    await world.start()
    assert await updates.orders() == "RevokedCertificate"
    await csms.until(
        lambda: "InvalidFirmwareSigningCertificate" in updates.security_events, "the event"
    )


async def test_a_list_of_revocations_that_is_damaged_lets_nobody_in(
    world: World, csms: Desk, updates: Updates
) -> None:
    (updates.maker_dir / "maker.crl").write_text("no list")
    await world.start()
    assert await updates.orders() == "InvalidCertificate"


@BOTH_2X
async def test_the_csms_may_install_the_root_of_the_manufacturer(
    world: World, csms: Desk, updates: Updates
) -> None:
    (updates.maker_dir / "root.pem").unlink()
    await world.start()
    assert await updates.orders() == "InvalidCertificate"
    order = {"certificateType": "ManufacturerRootCertificate", "certificate": ROOT.pem}
    assert (await csms.call("InstallCertificate", order))["status"] == "Accepted"
    assert await updates.orders() == "Accepted"


@BOTH_2X
@pytest.mark.requirement("L01.FR.09", "TC_L_18_CS")
async def test_an_image_without_signature_is_not_taken(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert (await updates.orders_unsigned())["status"] == "Rejected"
    assert await updates.orders(signature=None) == "Rejected"
    assert await updates.orders(certificate=None) == "InvalidCertificate"
    await world.pass_s(60)
    assert (updates.told, updates.shelf.fetches) == ([], 0)


async def test_a_location_that_is_not_allowed_is_refused_and_cancels_nothing(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders(7) == "Accepted"
    await updates.tells("Downloading")
    for location in ("dummy://dummy", "file:///etc/shadow", "ftp://files.example/x", "x"):
        assert await updates.orders(8, location=location) == "Rejected"
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert {call["requestId"] for call in updates.notifications} == {7}


# --- What goes wrong later.


@pytest.mark.requirement("L01.FR.03", "L01.FR.03 (1.6)", "TC_L_06_CS", "TC_081_CS")
@pytest.mark.parametrize(
    "image",
    [
        image_of("6.6.6"),
        image_of(NEW)[:-1],
        image_of(NEW) + b".",
        bytes([image_of(NEW)[0] ^ 1]) + image_of(NEW)[1:],
        b"",
    ],
    ids=["another", "truncated", "extended", "one bit flipped", "empty"],
)
async def test_an_image_that_was_changed_is_not_installed(
    world: World, csms: Desk, updates: Updates, image: bytes
) -> None:
    await world.start()
    order = updates.order()
    updates.shelf.images[LOCATION] = image
    assert (await csms.call(updates.action, order))["status"] == "Accepted"
    await updates.tells("InvalidSignature", 60)
    await csms.until(lambda: "InvalidFirmwareSignature" in updates.security_events, "the event")
    assert updates.told == ["Downloading", "Downloaded", "InvalidSignature"]
    assert updates.slots.installations == 0
    assert not list((world.machine.folder / "state" / "update").iterdir())


@pytest.mark.requirement("L01.FR.02", "L01.FR.12", "L01.FR.02 (1.6)", "L01.FR.12 (1.6)")
async def test_a_signer_whose_root_is_gone_meanwhile_proves_nothing_any_more(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders() == "Accepted"
    await updates.tells("Downloading")
    (updates.maker_dir / "root.pem").unlink()
    await updates.tells("InvalidSignature", 60)
    await csms.until(
        lambda: "InvalidFirmwareSigningCertificate" in updates.security_events, "the event"
    )
    assert updates.slots.installations == 0


@pytest.mark.requirement("L01.FR.14", "L01.FR.13 (1.6)")
async def test_a_download_that_breaks_off_goes_on_after_a_while(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.shelf.breaks_off = 2
    assert await updates.orders(retries=2, retry_interval_s=60) == "Accepted"
    await updates.tells("DownloadPaused", 20)
    await world.pass_s(50)
    assert updates.shelf.fetches == 1
    await updates.reboots(300)
    await updates.tells("Installed", 120)
    assert updates.told == ["Downloading", "DownloadPaused"] * 2 + STRAIGHT


@pytest.mark.requirement("L01.FR.30", "L01.FR.31 (1.6)", "TC_L_07_CS")
@pytest.mark.parametrize("retries", [0, 2])
async def test_after_the_last_retry_the_download_has_failed(
    world: World, csms: Desk, updates: Updates, retries: int
) -> None:
    await world.start()
    location = "https://files.example/nothing"
    answer = await updates.orders(location=location, retries=retries, retry_interval_s=10)
    assert answer == "Accepted"
    await updates.tells("DownloadFailed", 120)
    assert updates.shelf.fetches == 1 + retries
    assert updates.told == ["Downloading", "DownloadPaused"] * retries + [
        "Downloading",
        "DownloadFailed",
    ]


async def test_a_file_that_is_too_large_is_not_tried_again(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.shelf.is_too_large = True
    assert await updates.orders(retries=5) == "Accepted"
    await updates.tells("DownloadFailed", 60)
    assert updates.shelf.fetches == 1


@pytest.mark.requirement("L01.FR.29", "L01.FR.30 (1.6)", "TC_L_08_CS")
async def test_an_image_that_the_slots_refuse_fails_its_verification(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.shelf.images[LOCATION] = b"rubbish, and yet signed"
    assert await updates.orders() == "Accepted"
    await updates.tells("InstallVerificationFailed", 60)
    await csms.until(lambda: "InvalidFirmwareSignature" in updates.security_events, "the event")
    assert updates.told == [*STRAIGHT[:4], "InstallVerificationFailed"]
    assert updates.slots.starts == ["1.0.0"]


async def test_a_disk_that_is_full_fails_the_installation_and_the_next_order_may_succeed(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.slots.disk_is_full = True
    assert await updates.orders(7) == "Accepted"
    await updates.tells("InstallationFailed", 60)
    updates.slots.disk_is_full = False
    assert await updates.orders(8) == "Accepted"
    await updates.reboots()
    await updates.tells("Installed", 120)
    assert [call["requestId"] for call in updates.notifications] == [7] * 5 + [8] * 6


async def test_slots_that_refuse_to_switch_leave_the_old_version_running(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.slots.refuses_to_switch = True
    assert await updates.orders() == "Accepted"
    await updates.tells("InstallationFailed", 120)
    assert (world.machine.starts, updates.slots.version) == (1, "1.0.0")
    await world.charges()
    await world.bench.swipe()
    await csms.sees_end()


async def test_a_version_that_does_not_come_up_is_told_as_failed_by_the_old_one(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    updates.shelf.images[LOCATION] = image_of(NEW, hangs=True)
    assert await updates.orders(9) == "Accepted"
    await updates.reboots()
    await updates.tells("InstallationFailed", 120)
    assert updates.slots.starts == ["1.0.0", NEW, NEW, NEW, "1.0.0"]
    assert updates.notifications[-1]["requestId"] == 9
    assert csms.station.boots[-1].facts.firmware_version == "1.0.0"
    assert "FirmwareUpdated" not in updates.security_events


async def test_a_version_without_a_guard_gives_itself_up(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders(9) == "Accepted"
    await updates.reboots()
    await csms.is_ready()
    await world.machine.lose_guard()
    await world.until(lambda: not world.machine.is_running, "the fall-back", 400)
    csms.station.expect_boot()
    await world.machine.restart_guard()
    await updates.tells("InstallationFailed", 120)
    assert updates.slots.starts == ["1.0.0", NEW, "1.0.0"]


async def test_a_site_that_is_offline_keeps_a_good_version_and_tells_it_later(
    world: World, csms: Desk, updates: Updates
) -> None:
    await world.start()
    assert await updates.orders() == "Accepted"
    await updates.tells("Installing", 60)
    await csms.goes_down()
    await world.pass_s(300)
    assert (await updates.slots.standing()).on_trial
    await world.pass_s(400)
    assert not (await updates.slots.standing()).on_trial
    assert updates.slots.version == NEW
    csms.station.expect_boot()
    await csms.comes_back()
    await updates.tells("Installed", 120)
    assert updates.told == STRAIGHT
