"""Stories of certificates in 1.6: signed for the station, and the roots it trusts (A02, A03, M)."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from tests.stories.desk import Desk
from tests.stories.test_certificates import ROOT, YEARS, certificates_of, keys_of, signed
from tests.stories.words import V16, frames_from_station
from tests.stories.world import World
from tests.throw_away_ca import DAY, Issued, Recipe, issue
from tests.virtual_time import START, utc_now

pytestmark = pytest.mark.parametrize("version", [V16])

CSMS = "CentralSystemRootCertificate"
MANUFACTURER = "ManufacturerRootCertificate"
NAMED = {"SecurityCtrlr.OrganizationName": "Operator"}
INVALID = "InvalidChargePointCertificate"
OTHER_ROOT = issue("Manufacturer root", recipe=YEARS)


def named(root: Issued) -> dict[str, Any]:
    return hash_data(certificate_hash_data(root.certificate, root.certificate))


async def installs(csms: Desk, root: Issued | str, use: str = CSMS) -> str:
    pem = root if isinstance(root, str) else root.pem
    order = {"certificateType": use, "certificate": pem}
    return str((await csms.call("InstallCertificate", order))["status"])


async def lists(csms: Desk, use: str = CSMS) -> Any:
    return await csms.call("GetInstalledCertificateIds", {"certificateType": use})


async def deletes(csms: Desk, name: dict[str, Any]) -> str:
    answer = await csms.call("DeleteCertificate", {"certificateHashData": name})
    return str(answer["status"])


async def asks(csms: Desk, count: int = 1) -> dict[str, Any]:
    """Have a certificate renewed by ExtendedTriggerMessage; return the SignCertificate."""
    order = {"requestedMessage": "SignChargePointCertificate"}
    assert (await csms.call("ExtendedTriggerMessage", order))["status"] == "Accepted"
    return dict((await csms.sees("SignCertificate", count)).payload)


async def delivers(csms: Desk, certificate: Issued | str) -> str:
    pem = certificate if isinstance(certificate, str) else certificate.pem
    return str((await csms.call("CertificateSigned", {"certificateChain": pem}))["status"])


def told(csms: Desk, kind: str) -> int:
    return sum(event.type == kind for event in csms.station.security_events)


@pytest.mark.requirement(
    *("A02.FR.02 (1.6)", "A02.FR.03 (1.6)", "A02.FR.05 (1.6)", "A02.FR.06 (1.6)"),
    *("A02.FR.08 (1.6)", "A02.FR.13 (1.6)", "A00.FR.507 (1.6)", "A00.FR.509 (1.6)"),
    *("A00.FR.511 (1.6)", "TC_074_CS"),
)
async def test_the_csms_has_the_stations_certificate_renewed(world: World, csms: Desk) -> None:
    await world.start(NAMED)
    assert await csms.station.get_configuration(["CpoName"]) == {"CpoName": "Operator"}
    assert await installs(csms, ROOT) == "Accepted"
    request = await asks(csms)
    assert set(request) == {"csr"}
    asked = x509.load_pem_x509_csr(request["csr"].encode())
    assert {a.oid: a.value for a in asked.subject} == {
        NameOID.ORGANIZATION_NAME: "Operator",
        NameOID.COMMON_NAME: "0001",
    }
    with pytest.raises(x509.ExtensionNotFound):
        asked.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    certificate = signed(request)
    assert await delivers(csms, certificate) == "Accepted"
    assert certificates_of(world) == [certificate.pem]
    assert len(keys_of(world)) == 1
    assert "PRIVATE" not in "".join(frames_from_station(csms.station))
    again = await asks(csms, 2)
    fresh = x509.load_pem_x509_csr(again["csr"].encode())
    assert fresh.public_key() != asked.public_key()


@pytest.mark.requirement("A02.FR.13 (1.6)")
async def test_a_new_cpo_name_is_in_the_next_request(world: World, csms: Desk) -> None:
    await world.start(NAMED)
    result = await csms.station.change_configuration("CpoName", "Another operator")
    assert result.status == "Accepted"
    request = await asks(csms)
    (name,) = x509.load_pem_x509_csr(request["csr"].encode()).subject.get_attributes_for_oid(
        NameOID.ORGANIZATION_NAME
    )
    assert name.value == "Another operator"


@pytest.mark.requirement(
    "A02.FR.06 (1.6)", "A02.FR.07 (1.6)", "A02.FR.20 (1.6)", "A04.FR.01 (1.6)", "TC_077_CS"
)
@pytest.mark.parametrize("flaw", ["unknown root", "expired", "garbage", "another key"])
async def test_an_invalid_certificate_is_rejected_and_told_and_not_asked_for_again(
    world: World, csms: Desk, flaw: str
) -> None:
    await world.start(NAMED)
    await installs(csms, ROOT)
    request = await asks(csms)
    match flaw:
        case "unknown root":
            bad: Issued | str = signed(request, issue("Unknown", recipe=YEARS))
        case "expired":
            bad = signed(request, start=utc_now() - 30 * DAY, days=10)
        case "garbage":
            bad = "no certificate"
        case _:
            bad = issue("0001", ROOT, Recipe(organization="Operator", start=START - DAY))
    assert await delivers(csms, bad) == "Rejected"
    await csms.until(lambda: told(csms, INVALID) == 1, "the security event")
    assert certificates_of(world) == []
    await world.pass_s(900)
    assert len(csms.calls("SignCertificate")) == 1
    again = await asks(csms, 2)
    assert await delivers(csms, signed(again)) == "Accepted"


@pytest.mark.requirement("A02.FR.17 (1.6)", "A02.FR.18 (1.6)", "A02.FR.19 (1.6)")
async def test_a_certificate_that_never_comes_is_asked_for_by_the_two_keys(
    world: World, csms: Desk
) -> None:
    await world.start(NAMED)
    for key, value in (("CertSigningWaitMinimum", "30"), ("CertSigningRepeatTimes", "2")):
        assert (await csms.station.change_configuration(key, value)).status == "Accepted"
    moments = []
    await asks(csms)
    moments.append(utc_now())
    for count in (2, 3):
        await csms.sees("SignCertificate", count, within_s=300)
        moments.append(utc_now())
    waits = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    assert waits == pytest.approx([30, 60], abs=2)
    await world.pass_s(900)
    assert len(csms.calls("SignCertificate")) == 3


@pytest.mark.requirement("A03.FR.02 (1.6)")
async def test_the_station_renews_its_certificate_one_month_before_the_end(
    world: World, csms: Desk
) -> None:
    await world.start(NAMED)
    await installs(csms, ROOT)
    request = await asks(csms)
    due = utc_now() + timedelta(minutes=5)
    assert await delivers(csms, signed(request, start=due - DAY, days=31)) == "Accepted"
    await world.pass_s(240)
    assert len(csms.calls("SignCertificate")) == 1
    await csms.sees("SignCertificate", 2, within_s=120)
    assert due <= utc_now() <= due + timedelta(seconds=10)


async def test_a_chain_beyond_the_limit_is_rejected(world: World, csms: Desk) -> None:
    await world.start(NAMED)
    await installs(csms, ROOT)
    key = "CertificateSignedMaxChainSize"
    assert await csms.station.get_configuration([key]) == {key: "10000"}
    chain = signed(await asks(csms)).pem
    chain += "".join(issue(f"Sub {number}", ROOT, YEARS).pem for number in range(20))
    assert await delivers(csms, chain[:10_000]) == "Rejected"


# --- The roots.


@pytest.mark.requirement(
    *("M05.FR.01 (1.6)", "M03.FR.01 (1.6)", "M04.FR.01 (1.6)", "M05.FR.14 (1.6)"),
    *("TC_075_1_CS", "TC_075_2_CS", "TC_076_CS"),
)
@pytest.mark.parametrize("use", [CSMS, MANUFACTURER])
async def test_a_root_is_installed_listed_and_deleted(world: World, csms: Desk, use: str) -> None:
    await world.start()
    other = MANUFACTURER if use == CSMS else CSMS
    assert await lists(csms, use) == {"status": "NotFound"}
    assert await installs(csms, ROOT, use) == "Accepted"
    assert await installs(csms, ROOT, use) == "Accepted", "it is there already"
    found = {"status": "Accepted", "certificateHashData": [named(ROOT)]}
    assert await lists(csms, use) == found
    assert await lists(csms, other) == {"status": "NotFound"}
    await world.machine.restart()
    await csms.is_ready()
    assert await lists(csms, use) == found
    assert await installs(csms, OTHER_ROOT, use) == "Accepted"
    assert await deletes(csms, named(ROOT)) == "Accepted"
    assert await deletes(csms, named(ROOT)) == "NotFound"
    left = {"status": "Accepted", "certificateHashData": [named(OTHER_ROOT)]}
    assert await lists(csms, use) == left


@pytest.mark.requirement("M04.FR.06 (1.6)")
async def test_the_last_root_of_the_csms_cannot_be_deleted(world: World, csms: Desk) -> None:
    await world.start()
    await installs(csms, ROOT)
    assert await deletes(csms, named(ROOT)) == "Failed"
    assert (await lists(csms))["certificateHashData"] == [named(ROOT)]
    await installs(csms, OTHER_ROOT, MANUFACTURER)
    assert await deletes(csms, named(OTHER_ROOT)) == "Accepted"


@pytest.mark.requirement("M04.FR.05 (1.6)")
async def test_the_stations_own_certificate_is_not_deleted(world: World, csms: Desk) -> None:
    await world.start(NAMED)
    await installs(csms, ROOT)
    certificate = signed(await asks(csms))
    assert await delivers(csms, certificate) == "Accepted"
    name = hash_data(certificate_hash_data(certificate.certificate, ROOT.certificate))
    assert await deletes(csms, name) == "Failed"
    assert certificates_of(world) == [certificate.pem]


@pytest.mark.requirement("M05.FR.01 (1.6)")
async def test_an_invalid_root_or_one_too_many_is_rejected(world: World, csms: Desk) -> None:
    await world.start()
    expired = issue("Old", recipe=Recipe(ca=True, start=START - 100 * DAY, days=50))
    leaf = issue("leaf", ROOT, Recipe(start=START - DAY))
    for bad in (expired.pem, leaf.pem, ROOT.pem + expired.pem, "garbage", ROOT.pem[:-60]):
        assert await installs(csms, bad) == "Rejected"
    assert await lists(csms) == {"status": "NotFound"}
    key = "CertificateStoreMaxLength"
    room = int((await csms.station.get_configuration([key]))[key] or 0)
    roots = [issue(f"Root {number}", recipe=YEARS) for number in range(room + 1)]
    assert [await installs(csms, root) for root in roots[:-1]] == ["Accepted"] * room
    assert await installs(csms, roots[-1]) == "Rejected"
    assert len((await lists(csms))["certificateHashData"]) == room


@pytest.mark.requirement("M05.FR.01 (1.6)", "M04.FR.01 (1.6)")
async def test_a_disk_that_refuses_is_a_failure(
    world: World, csms: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    await installs(csms, ROOT, MANUFACTURER)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.pki.trust_anchors.write_durably", refuse)
    monkeypatch.setattr("agent.pki.trust_anchors.remove_durably", refuse)
    assert await installs(csms, OTHER_ROOT) == "Failed"
    assert await deletes(csms, named(ROOT)) == "Failed"
