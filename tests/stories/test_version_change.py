"""Stories of one state directory under one version after the other, and back again."""

import json
from typing import Any

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.test_certificates import ROOT, certificates_of, signed
from tests.stories.words import OTHER_TOKEN, TOKEN, V16, V21, V201, signed_pair_is_valid
from tests.stories.world import World

SETTINGS = {
    "SampledDataCtrlr.TxUpdatedInterval": "17",
    "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,Voltage",
    "TxCtrlr.EVConnectionTimeOut": "77",
    "AuthCtrlr.LocalAuthorizeOffline": "true",
}
LIMIT_A = 11.0
WAY = (V16, V201, V21, V201, V16)
ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


async def restarts_as(world: World, version: str) -> None:
    """Configure another version and start the daemon anew; the CSMS stays where it is."""
    await world.machine.stop()
    world.speak(version)
    world.csms.station.expect_boot()
    await world.machine.start()
    await world.csms.is_ready(60)
    await world.pass_s(2)


async def roots(csms: Desk) -> list[Any]:
    """Return the names of the installed roots of the CSMS, in the words of the version."""
    if csms.is_16:
        order: dict[str, Any] = {"certificateType": "CentralSystemRootCertificate"}
        answer = await csms.call("GetInstalledCertificateIds", order)
        return list(answer["certificateHashData"])
    order = {"certificateType": ["CSMSRootCertificate"]}
    answer = await csms.call("GetInstalledCertificateIds", order)
    return [chain["certificateHashData"] for chain in answer["certificateHashDataChain"]]


async def list_version(csms: Desk) -> int:
    answer = await csms.call("GetLocalListVersion", {})
    return int(answer["listVersion" if csms.is_16 else "versionNumber"])


async def session(world: World, bench: Bench, csms: Desk, count: int) -> int:
    """Charge once, verify the signed record, and return the page of its end."""
    await world.charges()
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local", count)
    await bench.unplug()
    await csms.sees_status("Available")
    signed_pair_is_valid(transaction)
    (*_, last) = [v for v in transaction.signed_values if v.context == "Transaction.End"]
    return page_of(last.record.decode())


def page_of(record: str) -> int:
    """Return the number of a signed record, which goes up by one with each."""
    return int(json.loads(record.split("|")[1])["PG"].lstrip("TF"))


@pytest.mark.requirement("S16-LIST-01", "S16-CFG-01", "S16-SC-10", "S16-TXN-01", "S16-STAT-06")
@pytest.mark.parametrize("version", [V16])
async def test_what_a_station_knows_is_the_same_in_every_version(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"}, evses=2)
    entry = {"idTag": OTHER_TOKEN, "idTagInfo": {"status": "Accepted"}}
    order = {"listVersion": 5, "updateType": "Full", "localAuthorizationList": [entry]}
    assert (await csms.call("SendLocalList", order))["status"] == "Accepted"
    for name, value in SETTINGS.items():
        assert await csms.sets(name, value) == "Accepted"
    assert await csms.sets_profile(LIMIT_A) == "Accepted"
    assert (await csms.station.change_availability(False, 2)).accepted
    order = {"certificateType": "CentralSystemRootCertificate", "certificate": ROOT.pem}
    assert (await csms.call("InstallCertificate", order))["status"] == "Accepted"
    order = {"requestedMessage": "SignChargePointCertificate"}
    await csms.call("ExtendedTriggerMessage", order)
    certificate = signed(dict((await csms.sees("SignCertificate")).payload))
    order = {"certificateChain": certificate.pem}
    assert (await csms.call("CertificateSigned", order))["status"] == "Accepted"
    known_roots = await roots(csms)
    pages, registers = [], []
    for count, version in enumerate(WAY, start=1):
        if count > 1:
            await restarts_as(world, version)
        assert await list_version(csms) == 5
        assert {name: await csms.gets(name) for name in SETTINGS} == SETTINGS
        assert await roots(csms) == known_roots
        assert certificates_of(world) == [certificate.pem]
        await csms.sees_status("Unavailable", 2)
        periods = await csms.composite(60)
        assert periods[0]["limit"] == LIMIT_A
        pages.append(await session(world, bench, csms, count))
        registers.append(bench.delivered_wh(1))
    assert pages == sorted(set(pages))
    assert registers == sorted(set(registers))
    assert len(csms.station.transactions) == len(WAY)


@pytest.mark.requirement("E13", "S16-TXM-01", "S16-TXM-05")
@pytest.mark.parametrize("version", [V16, V201])
@pytest.mark.parametrize("next_version", [V16, V201, V21])
async def test_a_switch_in_the_middle_of_an_offline_session_loses_neither_start_nor_end(
    world: World, bench: Bench, csms: Desk, next_version: str
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(60)
    await world.machine.stop()
    world.speak(next_version)
    csms.station.expect_boot()
    await world.machine.start()
    await world.pass_s(20)
    assert bench.is_delivering(), "the car charges on"
    await csms.comes_back()
    await csms.is_ready(60)
    await csms.sees_start(within_s=60)
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local", within_s=60)
    signed_pair_is_valid(transaction)
    assert len(csms.station.transactions) == 1


@pytest.mark.requirement("E13", "S16-TXM-01")
@pytest.mark.parametrize("version", [V201, V21])
async def test_a_session_that_was_offline_in_2x_is_told_in_16_with_start_and_end(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await restarts_offline_as(world, V16)
    await csms.comes_back()
    await csms.is_ready(60)
    transaction = await csms.sees_end("Local", within_s=60)
    signed_pair_is_valid(transaction)
    assert len(csms.calls("StartTransaction")) == len(csms.calls("StopTransaction")) == 1


async def restarts_offline_as(world: World, version: str) -> None:
    await world.machine.stop()
    world.speak(version)
    world.csms.station.expect_boot()
    await world.machine.start()
    await world.pass_s(5)


@pytest.mark.requirement("E13", "S16-TXM-01")
@pytest.mark.parametrize("version", [V16])
async def test_an_offline_session_that_saw_every_version_is_told_once_in_the_last_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await world.charges_unseen()
    for version in (V201, V21, V16):
        await world.pass_s(30)
        await restarts_offline_as(world, version)
        await world.pass_s(15)
        assert bench.is_delivering(), "the car charges on"
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await csms.comes_back()
    await csms.is_ready(60)
    transaction = await csms.sees_end("Local", within_s=60)
    signed_pair_is_valid(transaction)
    assert len(csms.calls("StartTransaction")) == len(csms.calls("StopTransaction")) == 1
