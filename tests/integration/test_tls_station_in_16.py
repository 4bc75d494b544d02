"""A whole station with TLS in 1.6: profiles 1 to 3, certificates, what it tells of bad servers."""

import sqlite3
import ssl

import pytest

from agent.ocpp.endpoint import SecurityProfile
from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from tests.integration.station_process import StationProcess, until_true
from tests.integration.test_tls import quiet_loop, server_context
from tests.integration.test_tls_station import (
    PASSWORD,
    World,
    both_profiles,
    free_port,
    kinds_told,
    refuses_and_tells,
    running,
    world,
)
from tests.patience import PATIENT_S
from tests.throw_away_ca import Issued, issue, sign_request

__all__ = ["quiet_loop", "world"]

VERSION = "ocpp1.6"
EVENTS = {
    "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
    "InvalidTLSVersion": "InvalidTLSVersion",
    "InvalidTLSCipherSuite": "InvalidTLSCipherSuite",
}
CLIENT_CERTIFICATE = SecurityProfile.TLS_CLIENT_CERTIFICATE


@pytest.mark.requirement(
    *("A00.FR.309 (1.6)", "A00.FR.310 (1.6)", "A00.FR.315 (1.6)", "A00.FR.322 (1.6)"),
    *("A00.FR.413 (1.6)", "A00.FR.419 (1.6)", "TC_078_CS"),
)
@pytest.mark.parametrize("version", [VERSION])
@both_profiles
@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_refused_server_is_told_once_in_the_words_of_1_6(
    world: World, profile: SecurityProfile, kind: str, version: str
) -> None:
    await refuses_and_tells(world, profile, kind, EVENTS[kind], version)


async def renews(csms: Csms, signer: Issued) -> str:
    """Have the station's certificate renewed; return the new one."""
    known = csms.station("CS001")
    await csms.wait_for(lambda _: known.registration == "Accepted", PATIENT_S)
    await installs(known, signer)
    order = {"requestedMessage": "SignChargePointCertificate"}
    assert (await known.call("ExtendedTriggerMessage", order))["status"] == "Accepted"
    await csms.wait_for(lambda _: known.signing_requests, PATIENT_S)
    certificate = sign_request(known.signing_requests[-1].csr, signer)
    answer = await known.call("CertificateSigned", {"certificateChain": certificate.pem})
    assert answer["status"] == "Accepted"
    return certificate.pem


async def installs(known: Station, root: Issued) -> None:
    order = {"certificateType": "CentralSystemRootCertificate", "certificate": root.pem}
    assert (await known.call("InstallCertificate", order))["status"] == "Accepted"


@pytest.mark.requirement("A02.FR.08 (1.6)", "A02.FR.10 (1.6)", "TC_074_CS")
@pytest.mark.parametrize("version", [VERSION])
async def test_a_renewed_certificate_is_used_at_once_and_the_old_one_is_let_go(
    world: World, version: str
) -> None:
    other = issue("Other operator CA")
    async with (
        world.csms(free_port(), world.ca, other) as csms,
        running(world.process(csms.url, CLIENT_CERTIFICATE, version)) as station,
    ):
        new = await renews(csms, other)
        known = csms.station("CS001")
        await csms.wait_for(lambda _: known.connections == 2, PATIENT_S)
        retired = world.folder / "state/pki/retired"
        await until_true(lambda: len(list(retired.iterdir())) == 1)
        assert world.certificates() == [new]
        await station.stop()


@pytest.mark.requirement("A02.FR.28 (1.6)", "A02.FR.29 (1.6)", "A02.FR.10 (1.6)")
@pytest.mark.parametrize("version", [VERSION])
async def test_a_renewed_certificate_that_opens_no_door_is_let_go_and_that_is_told(
    world: World, version: str
) -> None:
    async with (
        world.csms(free_port(), world.ca) as csms,
        running(world.process(csms.url, CLIENT_CERTIFICATE, version)) as station,
    ):
        await renews(csms, issue("Unknown to the CSMS"))
        known = csms.station("CS001")
        kind = "DiscardedRenewedClientCertificate"
        await csms.wait_for(lambda _: kind in kinds_told(known), PATIENT_S)
        await until_true(lambda: world.certificates() == [])
        await station.stop()


@pytest.mark.requirement(
    *("A05.FR.02 (1.6)", "A05.FR.03 (1.6)", "A05.FR.04 (1.6)", "A05.FR.05 (1.6)"),
    *("A05.FR.06 (1.6)", "A05.FR.07 (1.6)", "A05.FR.10 (1.6)", "A00.FR.005 (1.6)"),
    *("A00.FR.301 (1.6)", "A00.FR.401 (1.6)", "TC_083_CS", "TC_086_CS", "TC_087_CS"),
)
@pytest.mark.parametrize("version", [VERSION])
async def test_the_csms_raises_the_profile_to_2_and_3_and_back_to_2_where_that_is_allowed(
    world: World, version: str
) -> None:
    secure = world.csms(free_port())
    await secure.start()
    try:
        async with (
            Csms(ping_interval_s=None, password=PASSWORD) as plain,
            running(before_tls(world, plain.url, secure.url, version)) as station,
        ):
            known = await plain.wait_for_station("CS001", PATIENT_S)
            assert await raises(known, 2) == "Rejected", "there is no root yet"
            await installs(known, world.ca)
            assert await raises(known, 2) == "Accepted"
            there = await secure.wait_for_station("CS001", PATIENT_S)
            await moves_on_to_3_and_back(world, secure, there, station)
            shown = await there.get_configuration(["SecurityProfile"])
            assert shown == {"SecurityProfile": "2"}
            await station.stop()
    finally:
        await secure.stop()


async def moves_on_to_3_and_back(
    world: World, secure: Csms, there: Station, station: StationProcess
) -> None:
    assert await raises(there, 1) == "Rejected"
    await settled(station)
    assert await raises(there, 3) == "Rejected", "there is no certificate yet"
    await renews(secure, world.ca)
    # From now on only the certificate opens the door.
    secure.password = None
    assert await raises(there, 3) == "Accepted"
    await secure.stop()
    secure.ssl = asking(world)
    await secure.start()
    await secure.wait_for(lambda _: there.connections == 2, PATIENT_S)
    assert await raises(there, 1) == "Rejected"
    await settled(station)
    assert await raises(there, 2) == "Accepted"
    await secure.stop()
    secure.password, secure.ssl = PASSWORD, server_context(world.server)
    await secure.start()
    await secure.wait_for(lambda _: there.connections == 3, PATIENT_S)


async def settled(station: StationProcess) -> None:
    """Wait until the station has noted that the profile in use works."""
    await until_true(lambda: not documents(station, "before_change"))


def documents(station: StationProcess, key: str) -> int:
    path = station.folder / "state" / "stationd.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        query = "SELECT count(*) FROM document WHERE kind = 'network' AND key = ?"
        return int(connection.execute(query, (key,)).fetchone()[0])


async def raises(known: Station, level: int) -> str:
    return (await known.change_configuration("SecurityProfile", str(level))).status


def asking(world: World) -> ssl.SSLContext:
    context = server_context(world.server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=world.ca.pem)
    return context


def before_tls(world: World, url: str, secure_url: str, version: str) -> StationProcess:
    """Return a station with a password and nothing else."""
    password = world.folder / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    return StationProcess(
        world.folder,
        url,
        (version,),
        profile=SecurityProfile.BASIC,
        csms=f'password_file = "{password}"\n',
        variables='"SecurityCtrlr.AllowSecurityProfileDowngrade" = true\n'
        f'[ocpp16]\nsecure_url = "{secure_url}"\n',
    )
