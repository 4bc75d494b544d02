"""Stories of certificates: asked for, delivered, refused, renewed; roots (A02, A03, M)."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.core.certificates import CertificateHashData
from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from agent.sim.frames import Call, result_text
from agent.sim.misbehaviour import CallHook, Plan
from tests.stories.desk import Desk
from tests.stories.words import V21, V201, frames_from_station
from tests.stories.world import World
from tests.throw_away_ca import DAY, Issued, Recipe, issue, sign_request
from tests.virtual_time import START, utc_now

pytestmark = pytest.mark.parametrize("version", [V201, V21])

STATION = "ChargingStationCertificate"
YEARS = Recipe(ca=True, start=START - DAY, days=3650)
ROOT = issue("Operator root", recipe=YEARS)
INVALID = "InvalidChargingStationCertificate"


def name_of(root: Issued) -> CertificateHashData:
    return certificate_hash_data(root.certificate, root.certificate)


async def installs(csms: Desk, root: Issued, use: str = "CSMSRootCertificate") -> str:
    order = {"certificateType": use, "certificate": root.pem}
    return str((await csms.call("InstallCertificate", order))["status"])


async def lists(csms: Desk, *uses: str) -> Any:
    order = {"certificateType": list(uses)} if uses else {}
    return await csms.call("GetInstalledCertificateIds", order)


async def deletes(csms: Desk, root: Issued) -> str:
    order = {"certificateHashData": hash_data(name_of(root))}
    return str((await csms.call("DeleteCertificate", order))["status"])


async def asks(csms: Desk, count: int = 1) -> dict[str, Any]:
    """Trigger a SignCertificate; return the one of this number."""
    answer = await csms.station.trigger("SignChargingStationCertificate")
    assert answer.status == "Accepted"
    return dict((await csms.sees("SignCertificate", count)).payload)


def signed(request: dict[str, Any], root: Issued = ROOT, **recipe: Any) -> Issued:
    made = {"start": utc_now() - DAY, "days": 90} | recipe
    return sign_request(request["csr"], root, Recipe(**made))


async def delivers(csms: Desk, certificate: Issued | str, request: dict[str, Any]) -> Any:
    """Send CertificateSigned; 2.1 says which request it answers."""
    pem = certificate if isinstance(certificate, str) else certificate.pem
    order: dict[str, Any] = {"certificateChain": pem, "certificateType": STATION}
    if "requestId" in request:
        order["requestId"] = request["requestId"]
    return await csms.call("CertificateSigned", order)


def keys_of(world: World) -> set[str]:
    return {path.stem for path in (world.machine.folder / "state/pki/keys").glob("*.key")}


def certificates_of(world: World) -> list[str]:
    folder = world.machine.folder / "state/pki/station"
    return [path.read_text() for path in sorted(folder.glob("*.pem"))]


def events_told(csms: Desk, kind: str) -> int:
    return sum(event.type == kind for event in csms.station.security_events)


@pytest.mark.requirement(
    *("A02", "A02.FR.02", "A02.FR.03", "A02.FR.05", "A02.FR.06", "A02.FR.08", "A02.FR.13"),
    *("A00.FR.507", "A00.FR.511", "TC_A_11_CS"),
)
async def test_the_csms_has_the_stations_key_renewed(world: World, csms: Desk) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    assert await installs(csms, ROOT) == "Accepted"
    request = await asks(csms)
    assert request["certificateType"] == STATION
    asked = x509.load_pem_x509_csr(request["csr"].encode())
    assert {a.oid: a.value for a in asked.subject} == {
        NameOID.ORGANIZATION_NAME: "Operator",
        NameOID.COMMON_NAME: "0001",
    }
    certificate = signed(request)
    assert (await delivers(csms, certificate, request))["status"] == "Accepted"
    assert certificates_of(world) == [certificate.pem]
    assert len(keys_of(world)) == 1
    assert "PRIVATE" not in "".join(frames_from_station(csms.station))

    again = await asks(csms, 2)
    fresh = x509.load_pem_x509_csr(again["csr"].encode())
    assert fresh.public_key() != asked.public_key()
    newer = signed(again)
    assert (await delivers(csms, newer, again))["status"] == "Accepted"
    assert certificates_of(world) == [certificate.pem, newer.pem], "the old one may be needed"


@pytest.mark.requirement("A02.FR.08", "A03.FR.08")
async def test_a_certificate_that_is_delivered_twice_is_accepted_twice(
    world: World, csms: Desk
) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    request = await asks(csms)
    certificate = signed(request)
    assert (await delivers(csms, certificate, request))["status"] == "Accepted"
    assert (await delivers(csms, certificate, {}))["status"] == "Accepted"
    assert certificates_of(world) == [certificate.pem]


@pytest.mark.requirement(
    *("A02.FR.06", "A02.FR.07", "A02.FR.20", "A03.FR.07", "A03.FR.20", "TC_A_14_CS")
)
@pytest.mark.parametrize("flaw", ["unknown root", "expired", "garbage", "another key"])
async def test_an_invalid_certificate_is_rejected_told_and_not_asked_for_again(
    world: World, csms: Desk, flaw: str
) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
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
    answer = await delivers(csms, bad, request)
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"] == "InvalidCertificate"
    await csms.until(lambda: events_told(csms, INVALID) == 1, "the security event")
    assert certificates_of(world) == []
    await world.pass_s(900)
    assert len(csms.calls("SignCertificate")) == 1
    again = await asks(csms, 2)
    assert (await delivers(csms, signed(again), again))["status"] == "Accepted"


@pytest.mark.requirement(
    *("A02.FR.17", "A02.FR.18", "A02.FR.19", "A03.FR.17", "A03.FR.18", "A03.FR.19", "TC_A_23_CS")
)
async def test_a_certificate_that_never_comes_is_asked_for_ever_more_seldom_and_then_no_more(
    world: World, csms: Desk
) -> None:
    await world.start(
        {
            "SecurityCtrlr.CertSigningWaitMinimum": "30",
            "SecurityCtrlr.CertSigningRepeatTimes": "2",
            "SecurityCtrlr.OrganizationName": "Operator",
        }
    )
    await installs(csms, ROOT)
    moments = []
    await asks(csms)
    moments.append(utc_now())
    for count in (2, 3):
        await csms.sees("SignCertificate", count, within_s=300)
        moments.append(utc_now())
    waits = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    assert waits == pytest.approx([30, 60], abs=2)
    await world.pass_s(900)
    requests = [call.payload for call in csms.calls("SignCertificate")]
    assert len(requests) == 3
    late = signed(requests[-1])
    assert (await delivers(csms, late, requests[-1]))["status"] == "Accepted"


@pytest.mark.requirement("A02.FR.17")
async def test_a_certificate_that_comes_after_a_restart_still_finds_its_key(
    world: World, csms: Desk
) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    request = await asks(csms)
    # A station that stops before it has the answer asks again, as it must.
    await world.pass_s(1)
    await world.machine.restart()
    await csms.is_ready()
    assert (await delivers(csms, signed(request), request))["status"] == "Accepted"
    await world.pass_s(20)
    assert len(csms.calls("SignCertificate")) == 1


async def test_a_request_that_the_csms_rejects_is_not_repeated_at_once(
    world: World, csms: Desk
) -> None:
    def reject(call: Call, plan: Plan) -> Plan:
        return replace(plan, answer=result_text(call.message_id, {"status": "Rejected"}))

    await world.start()
    csms.csms.misbehave(CallHook(reject, frozenset({"SignCertificate"})))
    await asks(csms)
    await world.pass_s(900)
    assert len(csms.calls("SignCertificate")) == 1


@pytest.mark.requirement("A02.FR.02")
async def test_a_request_waits_for_the_connection(world: World, csms: Desk) -> None:
    await world.start()

    def ignore(_call: Call, plan: Plan) -> Plan:
        return replace(plan, copies=0)

    csms.csms.misbehave(CallHook(ignore, frozenset({"SignCertificate"})))
    await asks(csms)
    csms.csms.behave()
    request = await csms.sees("SignCertificate", 2, within_s=300)
    first, *_ = csms.calls("SignCertificate")
    keys = [
        x509.load_pem_x509_csr(call.payload["csr"].encode()).public_key()
        for call in (first, request)
    ]
    assert keys[0] == keys[1]


@pytest.mark.requirement("A02.FR.16", "A03.FR.16")
async def test_a_chain_beyond_the_limit_is_rejected(world: World, csms: Desk) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    (limit,) = await csms.station.get_variables(["SecurityCtrlr.MaxCertificateChainSize"])
    assert limit.value == "10000"
    request = await asks(csms)
    chain = signed(request).pem
    for number in range(20):
        chain += issue(f"Sub {number}", ROOT, YEARS).pem
    answer = await delivers(csms, chain[:10_000], request)
    assert answer["status"] == "Rejected"


@pytest.mark.requirement("A02.FR.24", "A02.FR.26", "A03.FR.20", "A03.FR.22")
async def test_an_answer_to_no_request_is_rejected(world: World, csms: Desk, version: str) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    request = await asks(csms)
    assert ("requestId" in request) == (version == V21)
    if version != V21:
        return
    certificate = signed(request)
    wrong = {**request, "requestId": request["requestId"] + 1}
    assert (await delivers(csms, certificate, wrong))["status"] == "Rejected"
    assert certificates_of(world) == []
    assert (await delivers(csms, certificate, request))["status"] == "Accepted"
    again = await asks(csms, 2)
    assert again["requestId"] != request["requestId"]
    late = await delivers(csms, signed(request), request)
    assert late["status"] == "Rejected"


@pytest.mark.requirement("F06.FR.08")
@pytest.mark.parametrize("message", ["SignV2GCertificate", "SignCombinedCertificate"])
async def test_a_station_that_wants_no_certificate_for_iso_15118_asks_for_none(
    world: World, csms: Desk, message: str
) -> None:
    await world.start({"ISO15118Ctrlr.V2GCertificateInstallationEnabled": "false"})
    assert (await csms.station.trigger(message)).status == "NotImplemented"


@pytest.mark.requirement(
    *("A03", "A03.FR.02", "A03.FR.03", "A03.FR.05", "A03.FR.06", "A03.FR.08", "A03.FR.13")
)
async def test_the_station_renews_its_certificate_one_month_before_the_end(
    world: World, csms: Desk
) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    request = await asks(csms)
    due = utc_now() + timedelta(minutes=5)
    expiring = signed(request, start=due - DAY, days=31)
    assert (await delivers(csms, expiring, request))["status"] == "Accepted"
    await world.pass_s(240)
    assert len(csms.calls("SignCertificate")) == 1
    renewal = await csms.sees("SignCertificate", 2, within_s=120)
    assert due <= utc_now() <= due + timedelta(seconds=10)
    assert renewal.payload["certificateType"] == STATION
    keys = [
        x509.load_pem_x509_csr(call.payload["csr"].encode()).public_key()
        for call in csms.calls("SignCertificate")
    ]
    assert keys[0] != keys[1]
    answer = await delivers(csms, signed(dict(renewal.payload)), dict(renewal.payload))
    assert answer["status"] == "Accepted"
    assert "PRIVATE" not in "".join(frames_from_station(csms.station))
    await world.pass_s(600)
    assert len(csms.calls("SignCertificate")) == 2


# --- The trust store.


@pytest.mark.requirement(
    *("M05", "M05.FR.01", "M05.FR.02", "M03", "M03.FR.01", "M03.FR.02", "M03.FR.03", "M03.FR.04"),
    *("M04", "M04.FR.01", "M04.FR.02", "M04.FR.04", "TC_M_20_CS", "TC_M_22_CS"),
)
@pytest.mark.parametrize(
    "use", [f"{of}RootCertificate" for of in ("CSMS", "Manufacturer", "V2G", "MO")]
)
async def test_a_root_is_installed_listed_and_deleted(world: World, csms: Desk, use: str) -> None:
    await world.start()
    assert await lists(csms) == {"status": "NotFound"}
    assert await installs(csms, ROOT, use) == "Accepted"
    entry = {"certificateType": use, "certificateHashData": hash_data(name_of(ROOT))}
    found = {"status": "Accepted", "certificateHashDataChain": [entry]}
    assert await lists(csms) == found
    await world.machine.restart()
    await csms.is_ready()
    assert await lists(csms, use) == found
    other = "MORootCertificate" if use != "MORootCertificate" else "V2GRootCertificate"
    assert await lists(csms, other) == {"status": "NotFound"}
    (entries,) = await csms.station.get_variables(["SecurityCtrlr.CertificateEntries"])
    assert entries.value == "1"
    assert await deletes(csms, ROOT) == "Accepted"
    assert await deletes(csms, ROOT) == "NotFound"
    assert await lists(csms) == {"status": "NotFound"}


@pytest.mark.requirement("M05.FR.07", "TC_M_07_CS")
async def test_an_invalid_root_is_rejected_with_the_reason(world: World, csms: Desk) -> None:
    await world.start()
    expired = issue("Old", recipe=Recipe(ca=True, start=START - 100 * DAY, days=50))
    leaf = issue("leaf", ROOT, Recipe(start=START - DAY))
    for bad in (expired.pem, leaf.pem, ROOT.pem + expired.pem, "garbage", ROOT.pem[:-60]):
        order = {"certificateType": "CSMSRootCertificate", "certificate": bad}
        answer = await csms.call("InstallCertificate", order)
        assert answer["status"] == "Rejected"
        assert answer["statusInfo"]["reasonCode"] == "InvalidCertificate"
    assert await lists(csms) == {"status": "NotFound"}


@pytest.mark.requirement("M05.FR.06")
async def test_no_more_certificates_are_installed_than_there_is_room_for(
    world: World, csms: Desk
) -> None:
    await world.start()
    report = await csms.station.get_base_report()
    assert report is not None
    roots = [issue(f"Root {number}", recipe=YEARS) for number in range(21)]
    for root in roots[:20]:
        assert await installs(csms, root) == "Accepted"
    assert await installs(csms, roots[20]) == "Rejected"
    assert await installs(csms, roots[0]) == "Accepted", "it is there already"
    assert await deletes(csms, roots[0]) == "Accepted"
    assert await installs(csms, roots[20]) == "Accepted"


@pytest.mark.requirement("M05.FR.03", "M04.FR.03")
async def test_a_disk_that_refuses_is_a_failure(
    world: World, csms: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    assert await installs(csms, ROOT) == "Accepted"
    roots = world.machine.folder / "state/pki/roots"
    moved = roots.with_name("gone")
    roots.rename(moved)
    assert await installs(csms, issue("Other", recipe=YEARS)) == "Failed"
    assert await deletes(csms, ROOT) == "Failed"
    moved.rename(roots)
    assert await deletes(csms, ROOT) == "Accepted"


@pytest.mark.requirement("M04.FR.06", "TC_M_23_CS")
async def test_the_stations_own_certificate_is_not_deleted(world: World, csms: Desk) -> None:
    await world.start({"SecurityCtrlr.OrganizationName": "Operator"})
    await installs(csms, ROOT)
    request = await asks(csms)
    certificate = signed(request)
    await delivers(csms, certificate, request)
    name = certificate_hash_data(certificate.certificate, ROOT.certificate)
    order = {"certificateHashData": hash_data(name)}
    assert (await csms.call("DeleteCertificate", order))["status"] == "Failed"
    assert certificates_of(world) == [certificate.pem]
    assert json.dumps(await lists(csms)).count("serialNumber") == 1
