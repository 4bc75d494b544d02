"""Stories of the certificate that a station shows to vehicles, and its status (A02, M06)."""

from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from agent.sim.frames import Payload
from tests.contract_chains import Holder, Operator, issue
from tests.ocsp_answers import in_base64, ocsp_response
from tests.stories.certificate_office import Office, Reply, orders
from tests.stories.desk import Desk
from tests.stories.words import V16, V21, VERSIONS
from tests.stories.world import World
from tests.virtual_time import utc_now

CPO: Final = Operator.new("CPO")
"""The operator's V2G root with two sub-CAs, of which the second signs stations."""


@pytest.fixture
def office(csms: Desk) -> Office:
    office = Office(csms)
    office.replies["SignCertificate"] = lambda _: {"status": "Accepted"}
    office.opens()
    return office


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
