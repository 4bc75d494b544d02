"""A whole station with TLS that changes to a root which its present one has signed (M05)."""

from pathlib import Path

import pytest

from agent.ocpp.endpoint import SecurityProfile
from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from tests.integration.station_process import StationProcess, until_true
from tests.integration.test_tls import quiet_loop, server_context
from tests.integration.test_tls_station import HONEST, World, free_port, kinds_told, running, world
from tests.patience import PATIENT_S
from tests.throw_away_ca import Issued, Recipe, issue

__all__ = ["quiet_loop", "world"]

VERSIONS = ["ocpp2.0.1", "ocpp2.1", "ocpp1.6"]
USES = {"ocpp1.6": "CentralSystemRootCertificate"}
DISTRUST = {"ocpp1.6": "InvalidCentralSystemCertificate"}

each_version = pytest.mark.parametrize("version", VERSIONS)


def checking(world: World, csms: Csms, version: str) -> StationProcess:
    station = world.process(csms.url, SecurityProfile.TLS_BASIC, version)
    station.variables += '"SecurityCtrlr.AdditionalRootCertificateCheck" = true\n'
    return station


async def gets_a_new_root(world: World, csms: Csms, version: str) -> tuple[Station, Issued]:
    """Install a root that the present one has signed; return it."""
    known = await csms.wait_for_station("CS001", PATIENT_S)
    await csms.wait_for(lambda _: known.registration == "Accepted", PATIENT_S)
    new = issue("New CA", world.ca, Recipe(ca=True), world.folder)
    use = USES.get(version, "CSMSRootCertificate")
    for root, status in ((issue("Stranger"), "Rejected"), (new, "Accepted")):
        order = {"certificateType": use, "certificate": root.pem}
        assert (await known.call("InstallCertificate", order))["status"] == status
    return known, new


async def serves_again(csms: Csms, identity: Issued, known: Station) -> None:
    """Stop the CSMS, and let the station come back to it under a certificate."""
    before = known.connections
    await csms.stop()
    csms.ssl = server_context(identity)
    await csms.start()
    await csms.wait_for(lambda _: known.connections > before, PATIENT_S)


def files(world: World, kind: str) -> list[Path]:
    return list((world.folder / "state/pki/roots" / kind).iterdir())


def only_the_new_one_is_left(world: World, new: Issued) -> bool:
    texts = [path.read_text() for path in files(world, "CSMSRootCertificate")]
    return (
        texts == [new.pem] and len(files(world, "withdrawn")) == 1 and not files(world, "untried")
    )


@pytest.mark.requirement("M05.FR.13", "TC_M_30_CS", "M05.FR.12 (1.6)")
@each_version
async def test_the_old_root_goes_once_the_csms_was_reached_with_the_new_one(
    world: World, version: str
) -> None:
    csms = world.csms(free_port())
    await csms.start()
    try:
        async with running(checking(world, csms, version)) as station:
            known, new = await gets_a_new_root(world, csms, version)
            server = issue("csms-2", new, HONEST, world.folder)
            await serves_again(csms, server, known)
            await until_true(lambda: only_the_new_one_is_left(world, new))
            assert DISTRUST.get(version, "InvalidCsmsCertificate") not in kinds_told(known)
            # A root that another has signed is an anchor of its own after the change.
            await station.kill()
            await station.start()
            await csms.wait_for(lambda _: known.connections >= 3, PATIENT_S)
            await station.stop()
    finally:
        await csms.stop()


@pytest.mark.requirement(
    *("M05.FR.12", "M05.FR.14", "TC_M_31_CS", "M05.FR.11 (1.6)", "M05.FR.13 (1.6)")
)
@each_version
async def test_a_server_of_the_old_root_is_reached_and_the_new_root_waits_for_its_day(
    world: World, version: str
) -> None:
    csms = world.csms(free_port())
    await csms.start()
    try:
        async with running(checking(world, csms, version)) as station:
            known, new = await gets_a_new_root(world, csms, version)
            await serves_again(csms, world.server, known)
            kind = DISTRUST.get(version, "InvalidCsmsCertificate")
            await csms.wait_for(lambda _: kind in kinds_told(known), PATIENT_S)
            assert len(files(world, "untried")) == 1
            # The trial outlives a loss of power; then the server changes at last.
            await station.kill()
            await csms.stop()
            csms.ssl = server_context(issue("csms-2", new, HONEST, world.folder))
            await csms.start()
            before = known.connections
            await station.start()
            await csms.wait_for(lambda _: known.connections > before, PATIENT_S)
            await until_true(lambda: only_the_new_one_is_left(world, new))
            await station.stop()
    finally:
        await csms.stop()
