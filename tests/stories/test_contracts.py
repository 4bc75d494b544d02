"""Stories of cars that present a contract of their own: Plug & Charge, online and offline (C07)."""

import pytest

from tests.contract_chains import EMAID, Operator
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.verdicts import BOTH_2X, Verdicts, listed, send_list
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", BOTH_2X)
OPERATOR = Operator.new()
CHAIN = OPERATOR.contract()
CENTRAL = {"ISO15118Ctrlr.CentralContractValidationAllowed": "true"}


async def presents(world: World, bench: Bench, emaid: str = EMAID, chain: str = CHAIN) -> None:
    if not bench.plant().vehicle.plugged:
        await bench.plug_in()
        await world.pass_s(1)
    await bench.operate("contract", evse=1, emaid=emaid, chain=chain)


async def is_refused(world: World, bench: Bench, chain: str = CHAIN) -> None:
    await presents(world, bench, chain=chain)
    await world.pass_s(5)
    assert not bench.plant().contactor_closed


async def trusts_the_operator(csms: Desk) -> None:
    payload = {"certificateType": "MORootCertificate", "certificate": OPERATOR.root.pem}
    assert (await csms.call("InstallCertificate", payload))["status"] == "Accepted"


def of_emaid(status: str = "Accepted") -> dict[str, object]:
    entry = listed(EMAID, status)
    return {**entry, "idToken": {"idToken": EMAID, "type": "eMAID"}}


@pytest.mark.requirement("C07", "C07.FR.01", "C07.FR.02")
async def test_online_the_csms_judges_a_contract_by_its_certificates(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await trusts_the_operator(csms)
    await presents(world, bench)
    await world.energy_flows()
    asked = csms.calls("Authorize")[0].payload
    assert asked["idToken"] == {"idToken": EMAID, "type": "eMAID"}
    assert len(asked["iso15118CertificateHashData"]) == 3
    assert "certificate" not in asked
    # Presenting it again is no wish to stop.
    await presents(world, bench)
    await world.pass_s(10)
    assert bench.is_delivering()
    await bench.unplug()
    transaction = await csms.sees_end("EVDisconnected")
    assert transaction.id_token == EMAID


@pytest.mark.requirement("C07.FR.01")
async def test_a_contract_that_the_csms_refuses_does_not_charge(
    world: World, bench: Bench, csms: Desk
) -> None:
    verdicts = Verdicts(csms)
    verdicts.say(EMAID, "Invalid")
    await world.start()
    await trusts_the_operator(csms)
    await is_refused(world, bench)
    assert verdicts.asked_for(EMAID) == 1


@pytest.mark.requirement("C07.FR.06")
async def test_without_the_root_the_csms_gets_the_chain_if_it_may(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(CENTRAL)
    await presents(world, bench)
    await world.energy_flows()
    asked = csms.calls("Authorize")[0].payload
    assert asked["certificate"] == CHAIN
    assert len(asked["iso15118CertificateHashData"]) == 2


async def test_without_the_root_and_without_leave_to_ask_nobody_charges(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await is_refused(world, bench)
    assert csms.calls("Authorize") == []


async def test_a_worthless_chain_and_a_station_without_plug_and_charge_ask_nobody(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(CENTRAL)
    await is_refused(world, bench, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    await is_refused(world, bench, OPERATOR.contract("NLXYZ000000001"))
    assert await csms.sets("ISO15118Ctrlr.PnCEnabled", "false") == "Accepted"
    await is_refused(world, bench)
    assert csms.calls("Authorize") == []


@pytest.mark.requirement("C07.FR.07")
async def test_offline_no_contract_is_taken_where_the_station_may_not_validate(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {
            "ISO15118Ctrlr.ContractValidationOffline": "false",
            "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        }
    )
    await trusts_the_operator(csms)
    await csms.goes_down()
    await is_refused(world, bench)
    await csms.comes_back()
    await csms.is_ready(60)


@pytest.mark.requirement("C07.FR.08", "C07.FR.09", "C07.FR.10", "C07.FR.11", "C07.FR.12")
@pytest.mark.parametrize("source", ["list", "cache", "unknown"])
async def test_offline_a_valid_contract_charges_as_its_emaid_may(
    world: World, bench: Bench, csms: Desk, source: str
) -> None:
    await world.start()
    await trusts_the_operator(csms)
    if source == "list":
        await send_list(csms, 1, of_emaid())
    elif source == "cache":
        await presents(world, bench)
        await world.energy_flows()
        await bench.unplug()
        await csms.sees_end()
    else:
        assert await csms.sets("AuthCtrlr.OfflineTxForUnknownIdEnabled", "true") == "Accepted"
    before = len(csms.station.transactions)
    await csms.goes_down()
    stranger = Operator.new("Elsewhere").contract()
    await is_refused(world, bench, stranger)
    await presents(world, bench)
    await world.energy_flows()
    await csms.comes_back()
    await csms.sees_start(before + 1, within_s=90)


@pytest.mark.requirement("C07.FR.09", "C07.FR.10")
async def test_offline_a_valid_contract_of_a_blocked_or_unknown_emaid_does_not_charge(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await trusts_the_operator(csms)
    await csms.goes_down()
    await is_refused(world, bench)
    await csms.comes_back()
    await csms.is_ready(60)
    await send_list(csms, 1, of_emaid("Blocked"))
    assert await csms.sets("AuthCtrlr.OfflineTxForUnknownIdEnabled", "true") == "Accepted"
    await csms.goes_down()
    await is_refused(world, bench)
    await csms.comes_back()
    await csms.is_ready(60)
