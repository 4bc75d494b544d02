"""Stories of network profiles: moving to another CSMS, falling back, and never below security."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.sim.csms import Csms
from agent.sim.frames import Call, Payload
from agent.sim.misbehaviour import CallHook, Plan
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import IDENTITY, TOKEN, V21, V201
from tests.stories.world import World
from tests.virtual_time import utc_now

SLOT = 2
PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ACTIVE = "OCPPCommCtrlr.ActiveNetworkProfile"

pytestmark = pytest.mark.parametrize("version", [V201, V21])


def profile(url: str, version: str, *, level: int = 0, **data: object) -> Payload:
    """Word SetNetworkProfile's connection data."""
    word = {"ocppVersion": "OCPP20"} if version == V201 else {}
    return {
        **word,
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 20,
        "securityProfile": level,
        "ocppInterface": "Wired0",
        **data,
    }


async def set_profile(csms: Desk, data: Payload, slot: int = SLOT) -> tuple[str, str | None]:
    answer = await csms.call(
        "SetNetworkProfile", {"configurationSlot": slot, "connectionData": data}
    )
    return answer["status"], answer.get("statusInfo", {}).get("reasonCode")


@asynccontextmanager
async def another_csms() -> AsyncIterator[Csms]:
    """A second CSMS, which must have seen no fault when the story ends."""
    csms = Csms(ping_interval_s=None, now=utc_now, boot_interval_s=86_400)
    await csms.start()
    try:
        yield csms
        assert [fault.message for fault in csms.faults] == []
    finally:
        await csms.stop()


async def unused_url() -> str:
    """The address of a CSMS that is gone."""
    csms = Csms(ping_interval_s=None)
    await csms.start()
    url = csms.url
    await csms.stop()
    return url


async def boots(csms: Desk, count: int) -> None:
    """Wait for so many registrations, through rounds of attempts."""
    await csms.until(lambda: len(csms.station.boots) >= count, f"{count} boots", 600)


@pytest.mark.requirement(
    *("B09", "B09.FR.01", "B10", "B10.FR.01", "B10.FR.04", "B10.FR.06", "TC_B_45_CS"),
)
async def test_the_station_moves_to_another_csms_after_a_reboot(
    world: World, bench: Bench, csms: Desk, version: str
) -> None:
    await world.start()
    async with another_csms() as other:
        there = other.station(IDENTITY)
        assert await set_profile(csms, profile(other.url, version)) == ("Accepted", None)
        assert await csms.gets(ACTIVE) == "1"
        assert await csms.sets(PRIORITY, "2,1") == "RebootRequired"
        await world.pass_s(30)
        assert csms.station.connected
        assert there.connections == 0
        assert (await csms.station.reset("Immediate")).accepted
        await there.wait_for(lambda s: (1, 1) in s.status_since_boot, 120)
        assert not csms.station.connected
        result = await there.get_variables([ACTIVE, PRIORITY])
        assert [one.value for one in result] == ["2", "2,1"]
        await bench.plug_in()
        await bench.swipe(TOKEN)
        await world.energy_flows()
        await bench.swipe(TOKEN)
        await there.wait_for(lambda s: all(t.ended for t in s.transactions.values()), 60)
        assert len(there.transactions) == 1
        await bench.unplug()
        world.bills_exactly = False
        await world.machine.stop()


@pytest.mark.requirement("B10", "B10.FR.03", "B10.FR.07", "B10.FR.10", "TC_B_47_CS", "TC_B_49_CS")
async def test_a_csms_that_cannot_be_reached_is_left_for_the_old_one_with_all_transactions(
    world: World, bench: Bench, csms: Desk, version: str
) -> None:
    variables = {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "3",
    }
    await world.start(variables)
    assert (await set_profile(csms, profile(await unused_url(), version)))[0] == "Accepted"
    assert await csms.sets(PRIORITY, "2") == "RebootRequired"
    connections = csms.station.connections
    assert (await csms.station.reset("Immediate")).accepted
    await world.until(lambda: world.machine.starts == 2, "the reboot")
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    assert csms.station.connections == connections
    await boots(csms, 2)
    await csms.sees_start()
    assert await csms.gets(ACTIVE) == "1"
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("B10.FR.03", "B10.FR.08", "B10.FR.09", "B10.FR.10", "TC_B_46_CS")
async def test_a_lost_csms_is_replaced_by_the_next_one_which_gets_a_boot_notification(
    world: World, bench: Bench, csms: Desk, version: str
) -> None:
    await world.start()
    async with another_csms() as other:
        there = other.station(IDENTITY)
        assert (await set_profile(csms, profile(other.url, version)))[0] == "Accepted"
        assert await csms.sets(PRIORITY, "1,2") == "RebootRequired"
        assert (await csms.station.reset("Immediate")).accepted
        await boots(csms, 2)
        await csms.is_ready()
        await world.charges()
        await csms.goes_down()
        await there.wait_for(lambda s: (1, 1) in s.status_since_boot, 300)
        assert [boot.status for boot in there.boots] == ["Accepted"]
        assert world.machine.starts == 2
        assert bench.is_delivering()
        world.bills_exactly = False
        await other.stop(abort=True)
        await csms.comes_back()
        await boots(csms, 3)
        await bench.swipe(TOKEN)
        await world.energy_ceases()


@pytest.mark.requirement("B10.FR.10")
async def test_the_same_csms_gets_no_second_boot_notification_after_a_lost_connection(
    world: World, csms: Desk
) -> None:
    await world.start()
    await csms.goes_down()
    await world.pass_s(30)
    await csms.comes_back()
    await csms.is_ready(within_s=120)
    assert len(csms.station.boots) == 1


@pytest.mark.requirement("B09.FR.02", "B09.FR.05", "TC_B_43_CS")
@pytest.mark.parametrize(
    ("data", "slot", "reason"),
    [
        ({"ocppCsmsUrl": "http://csms.example/"}, SLOT, "InvalidNetworkConf"),
        ({"ocppCsmsUrl": "wss://csms.example/"}, SLOT, "InvalidNetworkConf"),
        ({"ocppCsmsUrl": "ws://user:secret@csms.example/"}, SLOT, "InvalidNetworkConf"),
        ({"ocppCsmsUrl": "file:///etc/passwd"}, SLOT, "InvalidNetworkConf"),
        ({"ocppCsmsUrl": "unix:/run/x"}, SLOT, "InvalidNetworkConf"),
        ({"ocppCsmsUrl": "ws://"}, SLOT, "InvalidNetworkConf"),
        ({"messageTimeout": 0}, SLOT, "InvalidNetworkConf"),
        ({"securityProfile": 9}, SLOT, "InvalidNetworkConf"),
        ({"ocppTransport": "SOAP"}, SLOT, "InvalidNetworkConf"),
        ({"apn": {"apn": "x", "apnAuthentication": "NONE"}}, SLOT, "InvalidNetworkConf"),
        ({}, 3, "InvalidConfSlot"),
        ({}, -1, "InvalidConfSlot"),
    ],
)
async def test_a_profile_that_cannot_be_used_is_refused_and_changes_nothing(
    world: World, csms: Desk, version: str, data: Payload, slot: int, reason: str
) -> None:
    await world.start()
    wanted = {**profile("ws://127.0.0.1:9/ocpp", version), **data}
    assert await set_profile(csms, wanted, slot) == ("Rejected", reason)
    assert await csms.sets(PRIORITY, "2") == "Rejected"
    assert await csms.gets(PRIORITY) == "1"


@pytest.mark.requirement("B10.FR.02", "B09.FR.20", "B09.FR.33", "B10.FR.01")
async def test_only_slots_with_a_profile_can_be_given_a_priority(
    world: World, csms: Desk, version: str
) -> None:
    await world.start()
    for wrong in ("2", "1,2", "1,1", "9", "one", "0x1", "-1", ""):
        assert await csms.sets(PRIORITY, wrong) == "Rejected"
    assert (await set_profile(csms, profile("ws://127.0.0.1:9/ocpp", version)))[0] == "Accepted"
    assert await csms.sets(PRIORITY, "1,2") == "RebootRequired"
    assert await csms.sets(PRIORITY, "1") == "RebootRequired"


@pytest.mark.requirement("A05", "A05.FR.02", "A05.FR.03", "TC_A_20_CS", "TC_A_21_CS")
@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_higher_profile_without_what_it_needs_is_refused(
    world: World, csms: Desk, version: str, level: int
) -> None:
    await world.start()
    url = "ws://127.0.0.1:9/ocpp" if level == 1 else "wss://127.0.0.1:9/ocpp"
    assert (await set_profile(csms, profile(url, version, level=level)))[0] == "Accepted"
    assert await csms.sets(PRIORITY, "2,1") == "Rejected"
    assert await csms.gets("SecurityCtrlr.SecurityProfile") == "0"


@pytest.mark.requirement(
    *("A00.FR.001", "A00.FR.003", "A00.FR.005", "A05.FR.04", "A05.FR.05", "A05.FR.06"),
    *("B09.FR.04", "A05.FR.10", "TC_A_19_CS", "TC_A_22_CS"),
)
async def test_a_security_profile_once_reached_is_never_left(
    world: World, csms: Desk, version: str
) -> None:
    await world.start()
    password = "0123456789abcdef"
    assert await csms.sets("SecurityCtrlr.BasicAuthPassword", password) == "Accepted"
    async with another_csms() as other:
        other.password = password
        there = other.station(IDENTITY)
        wanted = profile(other.url, version, level=1)
        assert (await set_profile(csms, wanted))[0] == "Accepted"
        assert await csms.sets(PRIORITY, "2,1") == "RebootRequired"
        assert (await csms.station.reset("Immediate")).accepted
        await there.wait_for(lambda s: (1, 1) in s.status_since_boot, 120)
        await world.pass_s(5)
        names = [ACTIVE, PRIORITY, "SecurityCtrlr.SecurityProfile"]
        assert [one.value for one in await there.get_variables(names)] == ["2", "2", "1"]
        insecure = {"configurationSlot": 1, "connectionData": profile(other.url, version)}
        answer = await there.call("SetNetworkProfile", insecure)
        assert answer["status"] == "Rejected"
        assert answer["statusInfo"]["reasonCode"] == "NoSecurityDowngrade"
        assert (await there.set_variables({PRIORITY: "1,2"}))[0].status == "Rejected"
        connections = csms.station.connections
        await other.stop(abort=True)
        await world.pass_s(900)
        assert csms.station.connections == connections
        await other.start()
        await there.wait_for(lambda s: s.connected, 120)
        await world.machine.restart()
        await world.pass_s(60)
        assert csms.station.connections == connections
        assert there.connected
        await world.machine.stop()


@pytest.mark.requirement("B09.FR.01")
async def test_the_configuration_file_wins_once_it_was_edited(
    world: World, csms: Desk, version: str
) -> None:
    await world.start()
    async with another_csms() as other:
        there = other.station(IDENTITY)
        await world.machine.stop()
        text = world.machine.config.read_text()
        world.machine.config.write_text(text.replace(csms.csms.url, other.url))
        await world.machine.start()
        await there.wait_for(lambda s: (1, 1) in s.status_since_boot, 60)
        await world.machine.stop()


@pytest.mark.requirement("A04.FR.04")
async def test_a_new_profile_is_logged_without_its_secrets(
    world: World, csms: Desk, version: str
) -> None:
    await world.start()
    assert (await set_profile(csms, profile("ws://127.0.0.1:9/ocpp", version)))[0] == "Accepted"
    await world.pass_s(1)
    entries = await world.machine.station._f.storage.security_log.entries()
    told = {(e.kind, e.technical_info) for e in entries}
    assert ("ReconfigurationOfSecurityParameters", "network profile 2 was set") in told


@pytest.mark.requirement("B10.FR.09")
async def test_a_server_that_picks_a_version_it_does_not_speak_is_spoken_to_in_another(
    world: World, csms: Desk, version: str
) -> None:
    other = V201 if version == V21 else V21
    spoken: list[str | None] = []

    def refuse(call: Call, plan: Plan) -> Plan:
        spoken.append(csms.station.version)
        if csms.station.version != other:
            return plan
        text = json.dumps([4, call.message_id, "NotImplemented", "", {}])
        return replace(plan, answer=text)

    csms.csms.misbehave(CallHook(refuse, {"BootNotification"}))
    await world.power_up(versions=(other, version))
    await csms.is_ready(within_s=300)
    assert csms.station.version == version
    assert spoken == [other, other, version]


@pytest.mark.requirement(
    *("B09.FR.06", "B09.FR.08", "B09.FR.09", "B09.FR.11", "B09.FR.13"),
)
async def test_the_slots_are_shown_in_the_device_model(
    world: World, csms: Desk, version: str
) -> None:
    await world.start()
    if version != V21:
        known = (await csms.station.get_base_report("FullInventory")).values
        assert not [name for name in known if name.startswith("NetworkConfiguration[")]
        return
    data = profile("ws://127.0.0.1:9/ocpp", version, identity="CS-9")
    assert (await set_profile(csms, data))[0] == "Accepted"
    report = await csms.station.get_base_report("FullInventory")
    slots = [f"NetworkConfiguration[{slot}]" for slot in (0, 1, 2)]
    assert [report.values[f"{slot}.OcppCsmsUrl"] or "" for slot in slots] == [
        *("", csms.csms.url),
        "ws://127.0.0.1:9/ocpp",
    ]
    shown = {
        "MessageTimeout": "20",
        "SecurityProfile": "0",
        "Identity": "CS-9",
        "OcppInterface": "Wired0",
        "OcppTransport": "JSON",
        "VpnEnabled": "false",
        "ApnEnabled": "false",
    }
    assert {name: report.values[f"{slots[2]}.{name}"] for name in shown} == shown
    for name in ("VpnEnabled", "ApnEnabled", "SecurityProfile"):
        place = {"component": {"name": "NetworkConfiguration", "instance": "2"}}
        wanted = {**place, "variable": {"name": name}, "attributeValue": "1"}
        answer = await csms.call("SetVariables", {"setVariableData": [wanted]})
        assert answer["setVariableResult"][0]["attributeStatus"] == "Rejected"
