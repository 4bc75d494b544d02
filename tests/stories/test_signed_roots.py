"""Stories of a station whose new CSMS root must be signed by the present one (M05)."""

from typing import Any

import pytest

from agent.ocpp.certificate_hash_data import hash_data
from agent.pki.hash_data import certificate_hash_data
from tests.stories.desk import Desk
from tests.stories.test_certificates import ROOT, YEARS
from tests.stories.words import V16, V21, V201
from tests.stories.world import World
from tests.throw_away_ca import Issued, issue

pytestmark = pytest.mark.parametrize("version", [V201, V21, V16])

CHECKED = {"SecurityCtrlr.AdditionalRootCertificateCheck": "true"}
NEW = issue("New operator root", ROOT, YEARS)
STRANGER = issue("Stranger", recipe=YEARS)


def use_in(version: str) -> str:
    return "CentralSystemRootCertificate" if version == V16 else "CSMSRootCertificate"


def named(root: Issued, issuer: Issued) -> dict[str, Any]:
    return hash_data(certificate_hash_data(root.certificate, issuer.certificate))


async def installs(csms: Desk, version: str, root: Issued) -> str:
    order = {"certificateType": use_in(version), "certificate": root.pem}
    return str((await csms.call("InstallCertificate", order))["status"])


async def deletes(csms: Desk, name: dict[str, Any]) -> str:
    answer = await csms.call("DeleteCertificate", {"certificateHashData": name})
    return str(answer["status"])


async def lists(csms: Desk, version: str) -> list[Any]:
    if version == V16:
        order: dict[str, Any] = {"certificateType": use_in(version)}
        answer = await csms.call("GetInstalledCertificateIds", order)
        return list(answer["certificateHashData"])
    order = {"certificateType": [use_in(version)]}
    answer = await csms.call("GetInstalledCertificateIds", order)
    return [entry["certificateHashData"] for entry in answer["certificateHashDataChain"]]


@pytest.mark.requirement("M05.FR.10", "M05.FR.11", "TC_M_09_CS", "M05.FR.10 (1.6)")
async def test_a_new_root_that_the_present_one_has_not_signed_is_rejected(
    world: World, csms: Desk, version: str
) -> None:
    await world.start(CHECKED)
    assert await installs(csms, version, ROOT) == "Accepted"
    assert await installs(csms, version, STRANGER) == "Rejected"
    assert await lists(csms, version) == [named(ROOT, ROOT)]


@pytest.mark.requirement(
    *("M05.FR.09", "M05.FR.12", "M05.FR.17"),
    *("M05.FR.08 (1.6)", "M05.FR.11 (1.6)", "M05.FR.14 (1.6)"),
)
async def test_a_signed_root_is_kept_beside_the_old_one_until_it_has_worked(
    world: World, csms: Desk, version: str
) -> None:
    await world.start(CHECKED)
    await installs(csms, version, ROOT)
    assert await installs(csms, version, NEW) == "Accepted"
    await world.machine.restart()
    await csms.is_ready()
    both = [named(ROOT, ROOT), named(NEW, ROOT)]
    listed = await lists(csms, version)
    assert len(listed) == 2, "a connection without TLS proves nothing"
    assert all(name in listed for name in both)
    assert await installs(csms, version, NEW) == "Accepted"
    assert await installs(csms, version, ROOT) == "Accepted"
    assert await deletes(csms, named(NEW, ROOT)) == "Accepted"
    assert await lists(csms, version) == [named(ROOT, ROOT)]


async def test_the_old_root_is_not_deleted_while_the_new_one_has_not_worked(
    world: World, csms: Desk, version: str
) -> None:
    await world.start(CHECKED)
    await installs(csms, version, ROOT)
    await installs(csms, version, NEW)
    # Only 1.6 keeps the last root whatever the security profile.
    expected = "Failed" if version == V16 else "Accepted"
    assert await deletes(csms, named(ROOT, ROOT)) == expected


@pytest.mark.requirement("M05.FR.09", "M05.FR.08 (1.6)")
async def test_the_csms_reads_whether_new_roots_must_be_signed_and_cannot_set_it(
    world: World, csms: Desk, version: str
) -> None:
    await world.start(CHECKED)
    if version == V16:
        key = "AdditionalRootCertificateCheck"
        assert await csms.station.get_configuration([key]) == {key: "true"}
        result = await csms.station.change_configuration(key, "false")
        assert result.status == "Rejected"
        return
    key = "SecurityCtrlr.AdditionalRootCertificateCheck"
    (read,) = await csms.station.get_variables([key])
    assert read.value == "true"
    (written,) = await csms.station.set_variables({key: "false"})
    assert written.status == "Rejected"
