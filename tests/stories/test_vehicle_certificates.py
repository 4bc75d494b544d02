"""Stories of certificates towards vehicles (A02, M01, M02, M06), in every version.

In 1.6 the messages go inside DataTransfer; `Office` reads and answers them in either form.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from agent.sim.frames import Call, Payload, result_text
from agent.sim.misbehaviour import CallHook, Plan
from hal.api import CertificateAnswer
from tests.contract_chains import Holder, Operator, issue
from tests.ocsp_answers import in_base64, ocsp_response
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import V16, V21, VERSIONS
from tests.stories.world import World
from tests.virtual_time import utc_now

PNC: Final = "org.openchargealliance.iso15118pnc"
ISO_2: Final = "urn:iso:15118:2:2013:MsgDef"
ISO_20: Final = "urn:iso:std:iso:15118:-20:CommonMessages"
CPO: Final = Operator.new("CPO")
"""The operator's V2G root with two sub-CAs, of which the second signs stations."""
EXI: Final = "gJgCLNpEXI="
Reply = Callable[[Payload], Payload | None]


@dataclass
class Office:
    """What a CSMS is asked about certificates, and what it answers, in the words of 2.x.

    An action without an answer here is one that the CSMS does not know.
    """

    csms: Desk
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, Payload]] = field(default_factory=list)
    delay_s: float = 0.0

    def opens(self) -> None:
        actions = {"DataTransfer"} if self.csms.is_16 else set(ACTIONS)
        self.csms.csms.misbehave(CallHook(self._answer, actions))

    def requests(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.asked if name == action]

    async def sees(self, world: World, action: str, count: int = 1, within_s: float = 30) -> Any:
        await world.until(
            lambda: len(self.requests(action)) >= count, f"{count} {action}", within_s
        )
        return self.requests(action)[count - 1]

    def _answer(self, call: Call, plan: Plan) -> Plan:
        action, payload = call.action, call.payload
        if self.csms.is_16:
            assert payload["vendorId"] == PNC
            action, payload = payload["messageId"], json.loads(payload["data"])
        self.asked.append((action, payload))
        reply = self.replies.get(action, lambda _: None)(payload)
        if self.csms.is_16:
            wrapped = {"status": "Accepted", "data": json.dumps(reply)}
            reply = {"status": "UnknownMessageId"} if reply is None else wrapped
        text = None if reply is None else result_text(call.message_id, reply)
        return replace(plan, answer=text, delay_s=self.delay_s)


ACTIONS: Final = (
    *("Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"),
)


@pytest.fixture
def office(csms: Desk) -> Office:
    office = Office(csms)
    office.replies["SignCertificate"] = lambda _: {"status": "Accepted"}
    office.opens()
    return office


async def orders(csms: Desk, action: str, payload: Payload) -> Payload:
    """Send an order about certificates; return its answer, from inside where it is inside."""
    if not csms.is_16:
        return await csms.call(action, payload)
    order = {"vendorId": PNC, "messageId": action, "data": json.dumps(payload)}
    answer = await csms.call("DataTransfer", order)
    assert answer["status"] == "Accepted"
    return dict(json.loads(answer["data"]))


async def trusts_the_root(csms: Desk) -> None:
    order = {"certificateType": "V2GRootCertificate", "certificate": CPO.root.pem}
    assert (await orders(csms, "InstallCertificate", order))["status"] == "Accepted"


async def asks_for_signature(world: World, csms: Desk, office: Office, count: int = 1) -> Payload:
    trigger = {"requestedMessage": "SignV2GCertificate"}
    assert (await orders(csms, "TriggerMessage", trigger))["status"] == "Accepted"
    return dict(await office.sees(world, "SignCertificate", count))


def signed(csr_pem: str, *, days: float = 300, begin_days: float = 1) -> x509.Certificate:
    """Do what the operator does with a station's CSR."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    location = x509.UniformResourceIdentifier("http://ocsp.example/cpo")
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
    return (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(CPO.sub_2.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=begin_days))
        .not_valid_after(utc_now() + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .sign(CPO.sub_2.key, hashes.SHA256())
    )


async def delivers(csms: Desk, certificate: x509.Certificate, request: Payload) -> str:
    chain = Holder(certificate, CPO.sub_2.key).pem + CPO.sub_2.pem + CPO.sub_1.pem
    order: dict[str, Any] = {"certificateChain": chain, "certificateType": "V2GCertificate"}
    if "requestId" in request:
        order["requestId"] = request["requestId"]
    return str((await orders(csms, "CertificateSigned", order))["status"])


def serials(payloads: list[Payload]) -> list[str]:
    return [payload["ocspRequestData"]["serialNumber"] for payload in payloads]


def responder(leaf: x509.Certificate | None = None) -> Reply:
    """Answer GetCertificateStatus for the authorities and for the station's certificates."""

    def reply(payload: Payload) -> Payload:
        serial = int(payload["ocspRequestData"]["serialNumber"], 16)
        pairs = [(CPO.sub_2.certificate, CPO.sub_1), (CPO.sub_1.certificate, CPO.root)]
        known = [pair for pair in pairs if pair[0].serial_number == serial]
        if leaf is not None and leaf.serial_number == serial:
            known = [(leaf, CPO.sub_2)]
        if not known:
            return {"status": "Failed"}
        certificate, issuer = known[0]
        response = ocsp_response(certificate, issuer, utc_now())
        return {"status": "Accepted", "ocspResult": in_base64(response)}

    return reply


def shown(world: World) -> list[int]:
    """Return whose status vehicles are shown, by serial number."""
    stapled = world.machine.board.plant.stapled
    return [x509.ocsp.load_der_ocsp_response(der).serial_number for der in stapled]


# --- The station's certificate for vehicles.


@pytest.mark.requirement("A02.FR.13", "A02.FR.22", "A02.FR.27")
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_csms_has_a_certificate_for_vehicles_signed(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start(
        {
            "ISO15118Ctrlr.SeccId": "DE*ABC*E123",
            "ISO15118Ctrlr.OrganizationName": "Operator",
            "ISO15118Ctrlr.CountryName": "DE",
        }
    )
    await trusts_the_root(csms)
    request = await asks_for_signature(world, csms, office)
    assert request["certificateType"] == "V2GCertificate"
    asked = x509.load_pem_x509_csr(request["csr"].encode())
    assert {attribute.oid: attribute.value for attribute in asked.subject} == {
        NameOID.COMMON_NAME: "DE*ABC*E123",
        NameOID.ORGANIZATION_NAME: "Operator",
        NameOID.COUNTRY_NAME: "DE",
    }
    if csms.version == V21:
        root = certificate_hash_data(CPO.root.certificate, CPO.root.certificate)
        assert request["hashRootCertificate"] == hash_data(root)
    stranger = issue("Somebody else", CPO.sub_2, authority=False)
    assert await delivers(csms, stranger.certificate, request) == "Rejected"
    request = await asks_for_signature(world, csms, office, 2)
    certificate = signed(request["csr"])
    assert await delivers(csms, certificate, request) == "Accepted"
    listed = await orders(
        csms, "GetInstalledCertificateIds", {"certificateType": ["V2GCertificateChain"]}
    )
    (entry,) = listed["certificateHashDataChain"]
    assert int(entry["certificateHashData"]["serialNumber"], 16) == certificate.serial_number
    assert len(entry["childCertificateHashData"]) == 2
    assert csms.calls("SignCertificate") == [] or not csms.is_16


@pytest.mark.parametrize("version", [V16, V21])
async def test_where_no_such_certificate_is_wanted_none_is_asked_for_nor_taken(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start({"ISO15118Ctrlr.V2GCertificateInstallationEnabled": "false"})
    trigger = {"requestedMessage": "SignV2GCertificate"}
    assert (await orders(csms, "TriggerMessage", trigger))["status"] == "NotImplemented"
    delivered = {"certificateChain": CPO.root.pem, "certificateType": "V2GCertificate"}
    assert (await orders(csms, "CertificateSigned", delivered))["status"] == "Rejected"
    assert office.asked == []


@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize("inside", [None, {"status": "Rejected"}, {"status": 5}, {}])
async def test_a_request_for_a_signature_that_is_not_accepted_is_not_repeated(
    world: World, csms: Desk, office: Office, inside: Payload | None
) -> None:
    office.replies["SignCertificate"] = lambda _: inside
    await world.start({"SecurityCtrlr.CertSigningWaitMinimum": "1"})
    await asks_for_signature(world, csms, office)
    await world.pass_s(300)
    assert len(office.requests("SignCertificate")) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_certificate_for_vehicles_is_renewed_a_month_before_it_expires(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start()
    await trusts_the_root(csms)
    request = await asks_for_signature(world, csms, office)
    assert await delivers(csms, signed(request["csr"], days=30.01), request) == "Accepted"
    await world.pass_s(800)
    assert len(office.requests("SignCertificate")) == 1
    again = await office.sees(world, "SignCertificate", 2, within_s=120)
    assert again["certificateType"] == "V2GCertificate"


# --- Its status.


@pytest.mark.requirement("M06", "M06.FR.06", "M06.FR.09", "TC_M_24_CS")
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_status_of_the_certificate_and_its_authorities_is_fetched_kept_and_shown(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start()
    leaf = await with_a_certificate(world, csms, office)
    chain = [leaf.serial_number, CPO.sub_2.certificate.serial_number]
    chain.append(CPO.sub_1.certificate.serial_number)
    await world.until(lambda: shown(world) == chain, "three responses to be shown")
    assert [int(s, 16) for s in serials(office.requests("GetCertificateStatus"))] == chain
    data = office.requests("GetCertificateStatus")[0]["ocspRequestData"]
    name = certificate_hash_data(leaf, CPO.sub_2.certificate)
    assert data == {**hash_data(name), "responderURL": "http://ocsp.example/cpo"}
    # A restart finds them again; nobody is asked, and vehicles are shown the same.
    await world.machine.stop()
    world.machine.board.plant.stapled = ()
    await world.machine.start()
    await csms.is_ready(60)
    await world.until(lambda: shown(world) == chain, "the kept ones to be shown")
    assert len(office.requests("GetCertificateStatus")) == 3


async def with_a_certificate(world: World, csms: Desk, office: Office) -> x509.Certificate:
    """Let the station get a certificate, whose status the CSMS knows from the first question on."""
    leaves: list[x509.Certificate] = []
    office.replies["GetCertificateStatus"] = lambda asked: responder(*leaves)(asked)  # noqa: PLW0108
    await trusts_the_root(csms)
    request = await asks_for_signature(world, csms, office)
    leaves.append(signed(request["csr"]))
    assert await delivers(csms, leaves[0], request) == "Accepted"
    return leaves[0]


@pytest.mark.requirement("M06.FR.07")
@pytest.mark.parametrize("version", [V16, V21])
async def test_after_a_renewal_the_status_of_the_whole_chain_is_fetched_anew(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start()
    await with_a_certificate(world, csms, office)
    await office.sees(world, "GetCertificateStatus", 3)
    await world.pass_s(60)
    request = await asks_for_signature(world, csms, office, 2)
    newer = signed(str(request["csr"]), begin_days=0.1)
    office.replies["GetCertificateStatus"] = responder(newer)
    assert await delivers(csms, newer, request) == "Accepted"
    await office.sees(world, "GetCertificateStatus", 6)
    asked = [int(s, 16) for s in serials(office.requests("GetCertificateStatus")[3:])]
    assert asked[0] == newer.serial_number
    await world.until(lambda: shown(world) == asked, "the new ones to be shown")
    await world.pass_s(60)
    assert len(office.requests("GetCertificateStatus")) == 6


@pytest.mark.parametrize("version", [V16, V21])
async def test_without_plug_and_charge_no_status_is_asked_for_nor_shown(
    world: World, csms: Desk, office: Office
) -> None:
    await world.start({"ISO15118Ctrlr.PnCEnabled": "false"})
    await with_a_certificate(world, csms, office)
    await world.pass_s(60)
    assert office.requests("GetCertificateStatus") == []
    name = "ISO15118PnCEnabled" if csms.is_16 else "ISO15118Ctrlr.PnCEnabled"
    if csms.is_16:
        assert (await csms.station.change_configuration(name, "true")).accepted
    else:
        assert await csms.sets(name, "true") == "Accepted"
    await office.sees(world, "GetCertificateStatus", 3)
    await world.until(lambda: len(shown(world)) == 3, "them to be shown")
    if csms.is_16:
        assert (await csms.station.change_configuration(name, "false")).accepted
    else:
        assert await csms.sets(name, "false") == "Accepted"
    await world.until(lambda: shown(world) == [], "nothing to be shown")


# --- Contract certificates for vehicles.


async def wants(bench: Bench, **more: Any) -> None:
    await bench.operate("certificate_installation", evse=1, **{"exi": EXI, **more})


def answers(bench: Bench) -> list[CertificateAnswer]:
    return list(bench.plant().conversation.certificates)


async def is_answered(world: World, bench: Bench, count: int = 1) -> CertificateAnswer:
    await world.until(lambda: len(answers(bench)) >= count, f"{count} answers", 30)
    return answers(bench)[count - 1]


@pytest.mark.requirement(
    *("M01", "M01.FR.01", "M01.FR.02", "M02", "M02.FR.01", "TC_M_26_CS", "TC_M_28_CS")
)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("action", ["Install", "Update"])
async def test_a_vehicle_of_iso_15118_2_gets_its_certificate_from_the_csms(
    world: World, bench: Bench, csms: Desk, office: Office, action: str
) -> None:
    office.replies["Get15118EVCertificate"] = lambda _: {
        "status": "Accepted",
        "exiResponse": "gJkCRESPONSE",
    }
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench, action=action, max_chains=3)
    assert await is_answered(world, bench) == CertificateAnswer("gJkCRESPONSE")
    assert office.requests("Get15118EVCertificate") == [
        {"iso15118SchemaVersion": ISO_2, "action": action, "exiRequest": EXI}
    ]
    await wants(bench)
    assert (await is_answered(world, bench)).exi == "gJkCRESPONSE"
    await bench.unplug()


@pytest.mark.requirement("M01.FR.03", "M01.FR.05", "M01.FR.06", "M02.FR.02")
@pytest.mark.parametrize("version", [V21])
async def test_a_vehicle_of_iso_15118_20_gets_one_chain_after_the_other(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    left = [2, 1, 0]

    def reply(_: Payload) -> Payload:
        remaining = left.pop(0)
        exi = f"CHAIN{remaining}"
        return {"status": "Accepted", "exiResponse": exi, "remainingContracts": remaining}

    office.replies["Get15118EVCertificate"] = reply
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench, action="Update", schema=ISO_20, max_chains=3)
    await is_answered(world, bench, 3)
    assert [(one.exi, one.remaining) for one in answers(bench)] == [
        ("CHAIN2", 2),
        ("CHAIN1", 1),
        ("CHAIN0", 0),
    ]
    assert office.requests("Get15118EVCertificate") == 3 * [
        {
            "iso15118SchemaVersion": ISO_20,
            "action": "Install",
            "exiRequest": EXI,
            "maximumContractCertificateChains": 3,
        }
    ]
    # A number that never falls would go on for ever.
    left.extend([5] * 50)
    await wants(bench, schema=ISO_20, max_chains=3)
    await world.pass_s(30)
    assert len(answers(bench)) == 2
    await bench.unplug()


@pytest.mark.requirement("TC_M_27_CS", "TC_M_29_CS")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_vehicle_is_told_of_every_failure_in_time(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    csms.tolerated.append(lambda fault: "Get15118EVCertificate" in fault.frame)
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer(None, 0, "the CSMS has none")
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Failed", "exiResponse": "NO"}
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer("NO", 0, "the CSMS has none")
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Failed", "exiResponse": ""}
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer(None, 0, "the CSMS has none")
    await wants(bench, exi="A" * 12_000)
    assert "too long" in (await is_answered(world, bench)).problem
    await bench.unplug()


@pytest.mark.requirement("TC_M_27_CS", "TC_M_29_CS")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_vehicle_does_not_wait_for_a_csms_that_is_late_or_not_there(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    office.delay_s = 10
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Accepted", "exiResponse": "YES"}
    await wants(bench)
    await world.pass_s(4)
    assert answers(bench) == []
    await world.pass_s(1)
    assert "within 4.5 s" in answers(bench)[0].problem
    await world.pass_s(10)
    assert len(answers(bench)) == 1, "what came late is not handed to it any more"
    office.delay_s = 0
    await wants(bench)
    assert (await is_answered(world, bench)).exi == "YES"
    await csms.goes_down()
    await wants(bench)
    assert "cannot be reached" in (await is_answered(world, bench)).problem
    await csms.comes_back()
    await csms.is_ready(90)
    await bench.unplug()


@pytest.mark.parametrize("version", [V16, V21])
@pytest.mark.parametrize("variable", ["PnCEnabled", "ContractCertificateInstallationEnabled"])
async def test_a_station_that_is_set_not_to_install_contracts_asks_nobody(
    world: World, bench: Bench, csms: Desk, office: Office, variable: str
) -> None:
    await world.start({f"ISO15118Ctrlr.{variable}": "false"})
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench)
    assert "is set not to install" in (await is_answered(world, bench)).problem
    assert office.asked == []
    await bench.unplug()


@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize(
    "inside",
    [{"status": "Accepted"}, {"status": "Accepted", "exiResponse": 7}, {"exiResponse": "X"}],
)
async def test_an_answer_inside_that_cannot_be_read_is_a_failure(
    world: World, bench: Bench, csms: Desk, office: Office, inside: Payload
) -> None:
    office.replies["Get15118EVCertificate"] = lambda _: inside
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench)
    assert (await is_answered(world, bench)).problem == "the CSMS has none"
    await bench.unplug()
