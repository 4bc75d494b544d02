"""A whole station with TLS: what it tells of servers it refused, how its certificate changes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final

import pytest

from agent.ocpp.endpoint import SecurityProfile
from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from tests.integration.station_process import StationProcess, until_true
from tests.integration.test_tls import alerting, quiet_loop, server_context
from tests.patience import PATIENT_S
from tests.throw_away_ca import LOOPBACK, Issued, Recipe, issue, sign_request

__all__ = ["quiet_loop"]

PASSWORD = "correct-horse-battery"
PORTS_GIVEN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
HONEST = Recipe(names=[LOOPBACK])
PROFILES = [SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT_CERTIFICATE]

both_profiles = pytest.mark.parametrize("profile", PROFILES, ids=["profile 2", "profile 3"])


@dataclass(frozen=True)
class World:
    """The operator's CA, its CSMS, and the certificate that the station came with."""

    folder: Path
    ca: Issued
    server: Issued
    station: Issued

    def csms(self, port: int, *client_cas: Issued) -> Csms:
        context = server_context(self.server)
        if client_cas:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata="".join(ca.pem for ca in client_cas))
            return Csms(port=port, ping_interval_s=None, ssl=context)
        return Csms(port=port, ping_interval_s=None, ssl=context, password=PASSWORD)

    def process(
        self, url: str, profile: SecurityProfile, version: str = "ocpp2.0.1"
    ) -> StationProcess:
        lines = f'ca_file = "{self.ca.certificate_file}"\n'
        if profile is SecurityProfile.TLS_BASIC:
            password = self.folder / "password"
            password.write_text(PASSWORD + "\n")
            password.chmod(0o600)
            lines += f'password_file = "{password}"\n'
        else:
            lines += f'client_certificate_file = "{self.station.certificate_file}"\n'
            lines += f'client_key_file = "{self.station.key_file}"\n'
        variables = '"OCPPCommCtrlr.NetworkProfileConnectionAttempts" = 1\n'
        return StationProcess(
            self.folder, url, (version,), profile=profile, csms=lines, variables=variables
        )

    def certificates(self) -> list[str]:
        folder = self.folder / "state/pki/station"
        return [path.read_text() for path in sorted(folder.glob("*.pem"))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    ca = issue("CA", folder=tmp_path)
    server = issue("csms", ca, HONEST, tmp_path)
    station = issue("0001", ca, Recipe(), tmp_path)
    return World(tmp_path, ca, server, station)


@asynccontextmanager
async def running(station: StationProcess) -> AsyncIterator[StationProcess]:
    try:
        await station.start()
        yield station
        assert "Traceback" not in station.log
        assert PASSWORD not in station.log
        assert "PRIVATE" not in station.log
    finally:
        await station.dispose()


def bad_context(world: World, kind: str) -> ssl.SSLContext:
    if kind == "InvalidCsmsCertificate":
        impostor = issue("impostor", issue("Other CA"), HONEST, world.folder)
        return server_context(impostor)
    context = server_context(world.server)
    if kind == "InvalidTLSVersion":
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    return context


@pytest.mark.requirement(
    *("A00.FR.310", "A00.FR.311", "A00.FR.316", "A00.FR.323"),
    *("A00.FR.413", "A00.FR.414", "A00.FR.419", "A00.FR.426"),
)
@both_profiles
@pytest.mark.parametrize(
    "kind", ["InvalidCsmsCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite"]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_refused_server_is_told_once_to_the_csms_that_is_trusted(
    world: World, profile: SecurityProfile, kind: str
) -> None:
    await refuses_and_tells(world, profile, kind, kind)


async def refuses_and_tells(
    world: World, profile: SecurityProfile, kind: str, word: str, version: str = "ocpp2.0.1"
) -> None:
    """Let a station meet a bad server twice, and see it tell the good one once, in its word."""
    async with alerting(bad_context(world, kind)) as (url, attempts):
        station = world.process(url, profile, version)
        starting = running(station)
        await starting.__aenter__()
        await until_true(lambda: attempts.count >= 2)
    port = int(url.rsplit(":", 1)[1].partition("/")[0])
    client_cas = (world.ca,) if profile is SecurityProfile.TLS_CLIENT_CERTIFICATE else ()
    try:
        async with world.csms(port, *client_cas) as csms:
            known = await csms.wait_for_station("CS001", PATIENT_S)
            await csms.wait_for(lambda _: word in kinds_told(known), PATIENT_S)
            await asyncio.sleep(0.5)
            assert kinds_told(known).count(word) == 1
            await station.stop()
    finally:
        await starting.__aexit__(None, None, None)


def kinds_told(station: Station) -> list[str]:
    return [event.type for event in station.security_events]


def free_port() -> int:
    """Return a port that stays free while its server is away.

    Those that the kernel gives to connections may go to another test meanwhile.
    """
    given_from = int(PORTS_GIVEN.read_text().split()[0])
    candidates = range(min(20_000, given_from // 2), given_from)
    for port in SystemRandom().sample(candidates, len(candidates)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError(f"no free port below {given_from}")


async def renews(csms: Csms, signer: Issued) -> str:
    """Have the station's certificate renewed; return the new one."""
    known = csms.station("CS001")
    await csms.wait_for(lambda _: known.registration == "Accepted", PATIENT_S)
    root = {"certificateType": "CSMSRootCertificate", "certificate": signer.pem}
    assert (await known.call("InstallCertificate", root))["status"] == "Accepted"
    assert (await known.trigger("SignChargingStationCertificate")).status == "Accepted"
    await csms.wait_for(lambda _: known.signing_requests, PATIENT_S)
    certificate = sign_request(known.signing_requests[-1].csr, signer)
    order = {
        "certificateChain": certificate.pem,
        "certificateType": "ChargingStationCertificate",
    }
    assert (await known.call("CertificateSigned", order))["status"] == "Accepted"
    return certificate.pem


@pytest.mark.requirement("A02.FR.08", "A02.FR.10", "A03.FR.08", "A03.FR.10", "TC_A_11_CS")
async def test_a_renewed_certificate_is_used_at_once_and_the_old_one_is_let_go(
    world: World,
) -> None:
    other = issue("Other operator CA")
    csms = world.csms(free_port(), world.ca, other)
    await csms.start()
    profile = SecurityProfile.TLS_CLIENT_CERTIFICATE
    try:
        async with running(world.process(csms.url, profile)) as station:
            new = await renews(csms, other)
            known = csms.station("CS001")
            await csms.wait_for(lambda _: known.connections == 2, PATIENT_S)
            retired = world.folder / "state/pki/retired"
            await until_true(lambda: len(list(retired.iterdir())) == 1)
            assert world.certificates() == [new]
            assert "DiscardedRenewedClientCertificate" not in kinds_told(known)
            # From now on only a certificate of the other CA opens the door.
            await csms.stop()
            csms.ssl = world.csms(csms.port, other).ssl
            await station.kill()
            await csms.start()
            await station.start()
            await csms.wait_for(lambda _: known.connections >= 3, PATIENT_S)
            await station.stop()
    finally:
        await csms.stop()


@pytest.mark.requirement(
    *("A02.FR.10", "A02.FR.28", "A02.FR.29", "A03.FR.10", "A03.FR.24", "A03.FR.25")
)
async def test_a_renewed_certificate_that_opens_no_door_is_let_go_and_that_is_told(
    world: World,
) -> None:
    csms = world.csms(free_port(), world.ca)
    await csms.start()
    profile = SecurityProfile.TLS_CLIENT_CERTIFICATE
    try:
        async with running(world.process(csms.url, profile)) as station:
            await renews(csms, issue("Unknown to the CSMS"))
            known = csms.station("CS001")
            kind = "DiscardedRenewedClientCertificate"
            await csms.wait_for(lambda _: kind in kinds_told(known), PATIENT_S)
            await until_true(lambda: world.certificates() == [])
            assert world.station.certificate_file.exists()
            await station.stop()
    finally:
        await csms.stop()
