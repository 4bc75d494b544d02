"""Updates on a device with real systemd: good ones, bad ones, with a session, across reboots."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device.container import wait_until
from device.product import CRASHES, HANGS
from device.station import AGENT, GUARD, Station

pytestmark = pytest.mark.timeout(900)


def confirm(device: Station) -> None:
    """Wait until the version on trial has proven itself."""
    wait_until(lambda: device.slots()["on_trial"] is None, 120.0, "the trial ends")


def test_a_signed_update_replaces_the_agent_and_does_not_end_the_session(
    installed: Station, record_property: Callable[[str, object], None]
) -> None:
    installed.charge()
    transaction = installed.transaction()
    guard = installed.container.property(GUARD, "MainPID")
    began = time.monotonic()
    bundle = installed.product.bundle("0.2.0")
    downtime_s = installed.seconds_without_agent(lambda: installed.update(bundle))
    record_property("install_and_switch_s", round(time.monotonic() - began, 1))
    record_property("downtime_s", round(downtime_s, 1))
    assert installed.running_version() == "0.2.0"
    time.sleep(15)
    assert installed.slots()["on_trial"] == "b"
    assert installed.container.property(GUARD, "MainPID") == guard
    assert installed.running_slot(GUARD) == "a"
    assert installed.is_supplied()
    assert installed.transaction() == transaction


def test_no_slot_is_overwritten_while_the_guard_still_holds_the_session(
    installed: Station,
) -> None:
    bundle = installed.bring(installed.product.bundle("0.2.1"))
    done = installed.container.run("stationd", "update", "install", bundle, check=False)
    assert done.returncode == 1
    assert "on trial" in done.stderr
    assert installed.is_supplied()


def test_the_guard_moves_to_the_new_version_once_the_vehicle_has_left(installed: Station) -> None:
    installed.bench("plug_out", "--evse", "1")
    wait_until(lambda: installed.running_slot(GUARD) == "b", 30.0, "the guard moves on")
    confirm(installed)
    assert installed.slots()["confirmed"] == "b"
    installed.charge()
    installed.leave()


@pytest.mark.parametrize(
    ("version", "broken"),
    [("0.3.0", {"agent/app/__init__.py": CRASHES}), ("0.3.1", {"agent/app/__init__.py": HANGS})],
    ids=["crashes", "hangs"],
)
def test_a_version_that_does_not_start_is_fallen_back_from(
    installed: Station,
    version: str,
    broken: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    installed.write_drop_in(AGENT, "fast", "[Service]\nTimeoutStartSec=15s\n")
    installed.update(installed.product.bundle(version, broken))
    began = time.monotonic()
    wait_until(lambda: installed.slots()["failed"] is not None, 240.0, "it is fallen back from")
    installed.await_agent()
    record_property("fall_back_s", round(time.monotonic() - began, 1))
    assert installed.running_version() == "0.2.0"
    assert "never found healthy" in str(installed.slots()["failure"])
    installed.remove_drop_ins(AGENT)


def test_a_version_that_finds_itself_unhealthy_is_fallen_back_from(installed: Station) -> None:
    installed.update(installed.product.bundle("0.3.2"))
    wait_until(lambda: installed.running_version() == "0.3.2", 60.0, "it is tried")
    installed.await_agent()
    installed.as_agent("give_up('the guard does not answer')")
    wait_until(lambda: installed.running_version() == "0.2.0", 60.0, "it is fallen back from")
    installed.await_agent()
    assert installed.slots()["failure"] == "the guard does not answer"


def test_a_version_that_is_not_found_healthy_in_time_is_fallen_back_from(
    installed: Station,
) -> None:
    installed.stop_csms()
    installed.update(installed.product.bundle("0.3.3"))
    wait_until(lambda: installed.running_version() == "0.3.3", 60.0, "it is tried")
    timer = installed.container.property("stationd-trial.timer", "ActiveState")
    installed.container.run("systemctl", "start", "stationd-trial.service")
    wait_until(lambda: installed.running_version() == "0.2.0", 60.0, "it is fallen back from")
    assert timer == "active"
    assert "in time" in str(installed.slots()["failure"])
    installed.start_csms()


def test_a_reboot_in_the_middle_of_a_trial_counts_as_a_try(installed: Station) -> None:
    installed.stop_csms()
    installed.update(installed.product.bundle("0.4.0"))
    wait_until(lambda: installed.running_version() == "0.4.0", 60.0, "it is tried")
    left = installed.slots()["starts_left"]
    installed.container.reboot()
    installed.start_csms()
    installed.await_agent()
    assert installed.running_version() == "0.4.0"
    assert installed.slots()["starts_left"] in (int(str(left)) - 1, None)
    confirm(installed)
    assert installed.slots()["confirmed"] == "a"


def test_an_unsigned_bundle_is_refused_on_the_device_and_nothing_changes(
    installed: Station, tmp_path: Path
) -> None:
    before = installed.slots()
    bad = tmp_path / "bad.bundle"
    good = installed.product.bundle("0.5.0").read_bytes()
    bad.write_bytes(good[:5000] + bytes([good[5000] ^ 1]) + good[5001:])
    path = installed.bring(bad)
    done = installed.container.run("stationd", "update", "install", path, check=False)
    assert done.returncode == 1
    assert "signature" in done.stderr
    after = installed.slots()
    assert after["runs"] == before["runs"] == after["confirmed"]


def test_the_agent_itself_cannot_touch_the_slots_or_their_state(installed: Station) -> None:
    for path in ("/opt/stationd/slots/a/x", "/opt/stationd/x", "/var/lib/stationd-slots/x"):
        words = ("setpriv", "--reuid=stationd", "--regid=stationd", "--clear-groups", "touch", path)
        assert installed.container.run(*words, check=False).returncode == 1


def test_no_transaction_was_lost_on_the_way(installed: Station) -> None:
    """Three sessions ran, one of them over an update."""
    facts = json.loads(installed.container.text("stationd", "transactions", "--json"))
    found = facts["transactions"]
    assert len(found) >= 2
    assert all(each["energy_wh"] is not None for each in found), found
