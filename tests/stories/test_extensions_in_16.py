"""Stories of what 1.6 carries inside DataTransfer: Plug & Charge, prices and costs."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from agent.sim.frames import Call, Payload, result_text
from agent.sim.misbehaviour import CallHook, Plan
from tests.contract_chains import EMAID, Operator
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
PNC = "org.openchargealliance.iso15118pnc"
COST = "org.openchargealliance.costmsg"
OPERATOR = Operator.new()
CHAIN = OPERATOR.contract()


async def sends(csms: Desk, vendor: str, message: str, inside: Any) -> Payload:
    text = inside if isinstance(inside, str) else json.dumps(inside)
    order = {"vendorId": vendor, "messageId": message, "data": text}
    return await csms.call("DataTransfer", order)


async def asks_inside(csms: Desk, message: str, inside: Any) -> Payload:
    """Send a message of Plug & Charge; return what is answered inside."""
    answer = await sends(csms, PNC, message, inside)
    assert answer["status"] == "Accepted"
    return dict(json.loads(answer["data"]))


def judges_contracts(csms: Desk, outside: str = "Accepted", **inside: Any) -> None:
    """Let the CSMS judge contracts so; without words it does not know the message."""

    def judge(call: Call, plan: Plan) -> Plan:
        answer = {"status": outside, "data": json.dumps(inside)}
        return replace(plan, answer=result_text(call.message_id, answer if inside else UNKNOWN))

    csms.csms.misbehave(CallHook(judge, {"DataTransfer"}))


UNKNOWN = {"status": "UnknownVendorId"}


async def presents(world: World, bench: Bench) -> None:
    await bench.plug_in()
    await world.pass_s(1)
    await bench.operate("contract", evse=1, emaid=EMAID, chain=CHAIN)


async def test_roots_of_contracts_are_installed_listed_and_deleted(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert await asks_inside(csms, "GetInstalledCertificateIds", {}) == {"status": "NotFound"}
    root = {"certificateType": "MORootCertificate", "certificate": OPERATOR.root.pem}
    assert await asks_inside(csms, "InstallCertificate", root) == {"status": "Accepted"}
    name = hash_data(certificate_hash_data(OPERATOR.root.certificate, OPERATOR.root.certificate))
    wanted = {"certificateType": ["MORootCertificate"]}
    entry = {"certificateType": "MORootCertificate", "certificateHashData": name}
    assert await asks_inside(csms, "GetInstalledCertificateIds", wanted) == {
        "status": "Accepted",
        "certificateHashDataChain": [entry],
    }
    order = {"certificateHashData": name}
    assert await asks_inside(csms, "DeleteCertificate", order) == {"status": "Accepted"}
    assert await asks_inside(csms, "DeleteCertificate", order) == {"status": "NotFound"}


@pytest.mark.parametrize("name", ["idTokenInfo", "idTagInfo"])
async def test_a_contract_charges_once_the_csms_has_accepted_it(
    world: World, bench: Bench, csms: Desk, name: str
) -> None:
    await world.start()
    root = {"certificateType": "MORootCertificate", "certificate": OPERATOR.root.pem}
    await asks_inside(csms, "InstallCertificate", root)
    judges_contracts(csms, **{name: {"status": "Accepted"}, "certificateStatus": "Accepted"})
    await presents(world, bench)
    await world.energy_flows()
    (asked,) = [call.payload for call in csms.calls("DataTransfer")]
    assert (asked["vendorId"], asked["messageId"]) == (PNC, "Authorize")
    inside = json.loads(asked["data"])
    assert inside["idToken"] == {"idToken": EMAID, "type": "eMAID"}
    assert len(inside["iso15118CertificateHashData"]) == 3
    assert csms.calls("Authorize") == []
    assert (await csms.sees_start()).id_token == EMAID
    await bench.unplug()
    await csms.sees_end()


@pytest.mark.parametrize(
    "inside",
    [
        {},
        {"idTokenInfo": {"status": "Blocked"}},
        {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "CertificateRevoked"},
        {"idTokenInfo": {"status": "Whatever"}},
        {"idTokenInfo": "Accepted"},
        {"status": "Accepted"},
    ],
)
async def test_a_contract_that_is_not_accepted_does_not_charge(
    world: World, bench: Bench, csms: Desk, inside: dict[str, Any]
) -> None:
    await world.start({"ISO15118Ctrlr.CentralContractValidationAllowed": "true"})
    judges_contracts(csms, **inside)
    await presents(world, bench)
    await world.pass_s(10)
    assert len(csms.calls("DataTransfer")) == 1
    assert csms.calls("Authorize") == []
    assert not bench.plant().contactor_closed
    await bench.unplug()


async def test_a_contract_is_not_accepted_inside_an_answer_that_rejects_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"ISO15118Ctrlr.CentralContractValidationAllowed": "true"})
    judges_contracts(csms, "Rejected", idTokenInfo={"status": "Accepted"})
    await presents(world, bench)
    await world.pass_s(10)
    assert len(csms.calls("DataTransfer")) == 1
    assert not bench.plant().contactor_closed
    await bench.unplug()


@pytest.mark.parametrize("may_validate", ["true", "false"])
async def test_offline_a_contract_charges_only_where_the_station_may_validate_it(
    world: World, bench: Bench, csms: Desk, may_validate: str
) -> None:
    await world.start()
    keys = {"ContractValidationOffline": may_validate, "AllowOfflineTxForUnknownId": "true"}
    for key, value in keys.items():
        assert (await csms.station.change_configuration(key, value)).accepted
    root = {"certificateType": "MORootCertificate", "certificate": OPERATOR.root.pem}
    await asks_inside(csms, "InstallCertificate", root)
    await csms.goes_down()
    await presents(world, bench)
    if may_validate == "true":
        await world.energy_flows()
    else:
        await world.pass_s(10)
        assert not bench.plant().contactor_closed
    await csms.comes_back()
    await csms.is_ready(90)
    if may_validate == "true":
        assert (await csms.sees_start(within_s=60)).id_token == EMAID
    assert len(csms.station.transactions) == (may_validate == "true")
    await bench.unplug()


async def test_price_and_cost_of_a_transaction_are_shown(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    price = {"idToken": TOKEN, "priceText": "0.42 EUR/kWh", "priceTextExtra": []}
    assert await sends(csms, COST, "SetUserPrice", price) == {"status": "Accepted"}
    transaction = await world.charges()
    number = int(transaction.transaction_id)
    for cost in (0.1, 12.34):
        told = {"transactionId": number, "cost": cost, "state": "Charging", "meterValue": 1}
        assert await sends(csms, COST, "RunningCost", told) == {"status": "Accepted"}
    shown = (await status(world))["evses"][0]["transaction"]
    assert (shown["price"], shown["cost"]) == ("0.42 EUR/kWh", "12.34")
    ours = shown["id"]
    await bench.swipe()
    await csms.sees_end("Local")
    final = {"transactionId": number, "cost": 13, "priceText": "13 EUR", "qrCodeText": "https://x"}
    assert await sends(csms, COST, "FinalCost", final) == {"status": "Accepted"}
    late = {"transactionId": number, "cost": 1, "state": "Charging"}
    assert await sends(csms, COST, "RunningCost", late) == {"status": "Accepted"}
    kept = world.machine.station.costs.cost_of(ours)
    assert kept is not None
    assert (kept.cost, kept.text, kept.is_final) == (Decimal(13), "13 EUR", True)


async def status(world: World) -> dict[str, Any]:
    server = world.machine.station._servers[0]
    return dict(await server._answer({"op": "status"}))


@pytest.mark.requirement("S16-DT-01")
@pytest.mark.parametrize("vendor", [PNC, COST])
async def test_a_message_that_an_extension_has_not_is_unknown(
    world: World, csms: Desk, vendor: str
) -> None:
    await world.start()
    assert await sends(csms, vendor, "Nonsense", {}) == {"status": "UnknownMessageId"}
    assert await csms.call("DataTransfer", {"vendorId": vendor}) == {"status": "UnknownMessageId"}


@pytest.mark.parametrize(
    ("vendor", "message", "inside"),
    [
        (COST, "SetUserPrice", "no JSON"),
        (COST, "SetUserPrice", "[]"),
        (COST, "SetUserPrice", "[" * 50_000),
        (COST, "SetUserPrice", {"idToken": TOKEN}),
        (COST, "SetUserPrice", {"idToken": "x" * 21, "priceText": "1"}),
        (COST, "SetUserPrice", {"idToken": TOKEN, "priceText": "x" * 513}),
        (COST, "RunningCost", {"transactionId": 99_999, "cost": 1}),
        (COST, "RunningCost", {"transactionId": True, "cost": 1}),
        (COST, "RunningCost", {"transactionId": "1", "cost": 1}),
        (COST, "FinalCost", '{"transactionId": 1, "cost": NaN}'),
        (COST, "FinalCost", {"transactionId": 1, "cost": 1e300}),
        (PNC, "InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": ""}),
        (PNC, "InstallCertificate", {"certificateType": "MORootCertificate"}),
        (PNC, "DeleteCertificate", {"certificateHashData": {"hashAlgorithm": "MD5"}}),
        (PNC, "DeleteCertificate", {"certificateHashData": "x"}),
        (PNC, "GetInstalledCertificateIds", {"certificateType": "MORootCertificate"}),
        (PNC, "CertificateSigned", {"certificateChain": "x" * 10_001}),
        (PNC, "TriggerMessage", {}),
    ],
)
async def test_what_does_not_fit_inside_is_rejected_and_changes_nothing(
    world: World, csms: Desk, vendor: str, message: str, inside: Any
) -> None:
    await world.start()
    assert await sends(csms, vendor, message, inside) == {"status": "Rejected"}
    assert await asks_inside(csms, "GetInstalledCertificateIds", {}) == {"status": "NotFound"}
