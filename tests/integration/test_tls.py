"""The TLS client against real servers: whom it talks to, whom it refuses, and what it calls that.

A refused server must never see a request, for the request would hold the password.
"""

import asyncio
import base64
import contextlib
import datetime as dt
import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from agent.core.cipher_suites import TLS_1_2_SUITES
from agent.ocpp.connect_failures import (
    ConnectFailed,
    CredentialsUnusable,
    TlsFault,
    TlsRejected,
    Unreachable,
)
from agent.ocpp.dialing import dial
from agent.ocpp.endpoint import SecurityProfile
from agent.ocpp.tls import check_negotiated, client_context
from tests.integration.csms_doubles import (
    answer_all,
    make_endpoint,
    raw_csms,
    scripted_csms,
)
from tests.throw_away_ca import LOOPBACK, Issued, Recipe, issue, new_key, rsa_key

HONEST = Recipe(names=[LOOPBACK, x509.DNSName("localhost")])
PROFILES = [SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT_CERTIFICATE]

both_profiles = pytest.mark.parametrize("profile", PROFILES, ids=["profile 2", "profile 3"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Issued:
    return issue("Operator CA", folder=folder)


@pytest.fixture(scope="module")
def server(folder: Path, ca: Issued) -> Issued:
    return issue("csms", ca, HONEST, folder)


@pytest.fixture(scope="module")
def station(folder: Path, ca: Issued) -> Issued:
    return issue("station", ca, folder=folder)


@pytest.fixture(autouse=True)
def quiet_loop() -> Iterator[None]:
    """Server sides of refused handshakes complain to the loop; that is not under test."""
    logging.getLogger("websockets.server").disabled = True
    yield
    logging.getLogger("websockets.server").disabled = False


def server_context(identity: Issued, client_ca: Issued | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The server is as careless as it likes: what is judged is the station.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca.certificate_file)
    return context


def settings_for(profile: SecurityProfile, ca: Issued, station: Issued) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "security_profile": profile,
        "password": lambda: b"a-password-of-16",
        "ca_file": ca.certificate_file,
    }
    if profile is SecurityProfile.TLS_CLIENT_CERTIFICATE:
        settings["client_certificate_file"] = station.certificate_file
        settings["client_key_file"] = station.key_file
    return settings


@pytest.fixture
def settings(ca: Issued, station: Issued) -> dict[str, Any]:
    return settings_for(SecurityProfile.TLS_BASIC, ca, station)


async def dialled(url: str, **settings: Any) -> str:
    """Dial and hang up; return the subprotocol."""
    link = await dial(make_endpoint(url, **settings))
    await link.close()
    return str(link.subprotocol)


async def refusal_of(context: ssl.SSLContext, host: str = "127.0.0.1", **settings: Any) -> Any:
    """Dial a server that must not be sent anything after TLS."""
    requests: list[object] = []

    def note(_connection: object, request: object) -> None:
        requests.append(request)

    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url.replace("127.0.0.1", host), **settings))
    assert requests == []
    return caught.value


# --- What is offered.


@pytest.mark.requirement(
    *("A00.FR.317", "A00.FR.420", "A00.FR.319", "A00.FR.422", "A00.FR.321"),
    *("A00.FR.318 (1.6)", "A00.FR.422 (1.6)", "A00.FR.320 (1.6)"),
)
@both_profiles
def test_the_client_side_offers_what_the_standard_lists_and_no_more(
    profile: SecurityProfile, ca: Issued, station: Issued
) -> None:
    endpoint = make_endpoint("wss://csms.example", **settings_for(profile, ca, station))
    context = client_context(endpoint)
    offered = [suite["name"] for suite in context.get_ciphers()]
    assert [name for name in offered if not name.startswith("TLS_")] == list(TLS_1_2_SUITES)
    assert {name for name in offered if name.startswith("TLS_")} == {
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    }
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.maximum_version == ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.options & ssl.OP_NO_COMPRESSION
    assert len(context.get_ca_certs()) == 1


@pytest.mark.requirement(
    *("A00.FR.314", "A00.FR.417", "A00.FR.321", "A00.FR.424", "A00.FR.320 (1.6)"),
)
def test_what_was_negotiated_is_looked_at() -> None:
    check_negotiated("TLSv1.2", ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", 128), None)
    check_negotiated("TLSv1.3", ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128), None)
    with pytest.raises(ssl.SSLError, match=r"TLSv1\.1"):
        check_negotiated("TLSv1.1", ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1", 128), None)
    with pytest.raises(ssl.SSLError, match="CHACHA"):
        check_negotiated("TLSv1.2", ("ECDHE-RSA-CHACHA20-POLY1305", "TLSv1.2", 256), None)
    with pytest.raises(ssl.SSLError, match="zlib"):
        check_negotiated("TLSv1.2", ("AES128-GCM-SHA256", "TLSv1.2", 128), "zlib")


# --- Who is accepted.


@pytest.mark.requirement(
    *("A00.FR.301", "A00.FR.302", "A00.FR.303", "A00.FR.308", "A00.FR.312", "A00.FR.313"),
    *("A00.FR.411", "A00.FR.415", "A00.FR.416", "A00.FR.424", "A00.FR.301 (1.6)"),
    *("A00.FR.307 (1.6)", "A00.FR.312 (1.6)", "A00.FR.411 (1.6)", "A00.FR.416 (1.6)"),
)
@both_profiles
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_of_the_given_ca_is_accepted(
    profile: SecurityProfile, newest: ssl.TLSVersion, ca: Issued, server: Issued, station: Issued
) -> None:
    context = server_context(server)
    context.maximum_version = newest
    credentials: list[str | None] = []

    def note(_connection: Any, request: Any) -> None:
        credentials.append(request.headers.get("Authorization"))

    basic = base64.b64encode("CS 1/ü:a-password-of-16".encode()).decode()

    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        for _ in range(2):
            link = await dial(make_endpoint(url, **settings_for(profile, ca, station)))
            tls = link.transport.get_extra_info("ssl_object")
            assert tls.version() == newest.name.replace("_", ".")
            assert tls.compression() is None
            await link.close()
    expected = f"Basic {basic}" if profile is SecurityProfile.TLS_BASIC else None
    assert credentials == [expected] * 2


@pytest.mark.requirement("A00.FR.319", "A00.FR.422", "A00.FR.318 (1.6)", "A00.FR.422 (1.6)")
@both_profiles
@pytest.mark.parametrize("suite", TLS_1_2_SUITES)
async def test_each_listed_suite_is_spoken(
    profile: SecurityProfile, suite: str, folder: Path, ca: Issued, server: Issued, station: Issued
) -> None:
    identity = server
    if "ECDSA" not in suite:
        identity = _rsa_server(folder, ca)
    context = server_context(identity)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    async with scripted_csms(answer_all, ssl=context) as url:
        link = await dial(make_endpoint(url, **settings_for(profile, ca, station)))
        assert link.transport.get_extra_info("cipher")[0] == suite
        await link.close()


_rsa_servers: dict[Path, Issued] = {}


def _rsa_server(folder: Path, ca: Issued) -> Issued:
    if folder not in _rsa_servers:
        recipe = Recipe(names=[LOOPBACK], key=rsa_key(2048))
        _rsa_servers[folder] = issue("csms with RSA", ca, recipe, folder)
    return _rsa_servers[folder]


async def test_the_roots_told_for_each_attempt_replace_the_file(
    folder: Path, ca: Issued, server: Issued, settings: dict[str, Any]
) -> None:
    other = issue("Other CA", folder=folder)
    told = [other.pem + ca.pem, other.pem]
    settings |= {"ca_file": None, "csms_roots": lambda: told.pop(0)}
    async with scripted_csms(answer_all, ssl=server_context(server)) as url:
        assert await dialled(url, **settings) == "made.up1"
        with pytest.raises(TlsRejected):
            await dialled(url, **settings)


async def test_without_any_root_nothing_is_dialled(settings: dict[str, Any]) -> None:
    settings["csms_roots"] = lambda: ""
    with pytest.raises(CredentialsUnusable, match="root certificates"):
        await dialled("wss://127.0.0.1:9/ocpp", **settings)


@pytest.mark.requirement(
    *("A00.FR.309", "A00.FR.412", "A00.FR.510", "A00.FR.308 (1.6)", "A00.FR.412 (1.6)"),
)
@both_profiles
async def test_a_common_name_alone_must_be_the_host_that_was_dialled(
    profile: SecurityProfile, folder: Path, ca: Issued, station: Issued
) -> None:
    named = issue("localhost", ca, folder=folder)
    settings = settings_for(profile, ca, station)
    async with scripted_csms(answer_all, ssl=server_context(named)) as url:
        assert await dialled(url.replace("127.0.0.1", "localhost"), **settings) == "made.up1"
    other = issue("localhost.example", ca, folder=folder)
    refused = await refusal_of(server_context(other), "localhost", **settings)
    assert refused.fault is TlsFault.SERVER_CERTIFICATE


# --- Who is refused.


def _long_ago() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=3650)


def _far_off() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=3650)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "expired": lambda: Recipe(names=HONEST.names, start=_long_ago()),
    "not yet valid": lambda: Recipe(names=HONEST.names, start=_far_off()),
    "for another host": lambda: Recipe(names=[x509.DNSName("csms.example")]),
    "with a key of RSA 1024": lambda: Recipe(names=HONEST.names, key=rsa_key(1024)),
}
FLAWS = (
    *RECIPES,
    "of another CA",
    "self-signed",
    "signed with SHA-1",
    "signed by a certificate that is no CA",
)


@pytest.fixture
def bad_server(request: pytest.FixtureRequest, folder: Path, ca: Issued) -> Issued:
    """A server whose certificate has the one flaw that the test names."""
    flaw: str = request.param
    if flaw in RECIPES:
        return issue(flaw, ca, RECIPES[flaw](), folder)
    if flaw == "of another CA":
        return issue(flaw, issue("Foreign CA", folder=folder), HONEST, folder)
    if flaw == "self-signed":
        return issue(flaw, recipe=HONEST, folder=folder)
    if flaw == "signed with SHA-1":
        return _signed_with_sha_1(flaw, ca, folder)
    leaf = issue("a leaf", ca, HONEST, folder)
    made = issue(flaw, leaf, HONEST, folder)
    made.certificate_file.write_text(made.pem + leaf.pem)
    return made


def _signed_with_sha_1(name: str, ca: Issued, folder: Path) -> Issued:
    """Let openssl sign: the library that the product uses does not sign with SHA-1 any more."""
    recipe = Recipe(names=HONEST.names)
    made = issue(name, ca, recipe, folder)
    openssl = shutil.which("openssl")
    assert openssl is not None, "the command openssl is needed to sign with SHA-1"
    request, names = folder / "sha1.csr", folder / "sha1.ext"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for arguments in (
        ("req", "-new", "-key", made.key_file, "-subj", "/CN=csms", "-out", request),
        (
            *("x509", "-req", "-in", request, "-sha1", "-days", "30", "-extfile", names),
            *("-CA", ca.certificate_file, "-CAkey", ca.key_file, "-set_serial", "7"),
            *("-out", made.certificate_file),
        ),
    ):
        subprocess.run([openssl, *map(str, arguments)], capture_output=True, check=True)
    certificate = x509.load_pem_x509_certificate(made.certificate_file.read_bytes())
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA1)
    return made


@pytest.mark.requirement(
    *("A00.FR.308", "A00.FR.309", "A00.FR.311", "A00.FR.411", "A00.FR.412", "A00.FR.414"),
    *("A00.FR.501", "A00.FR.502", "A00.FR.503", "A00.FR.504", "A00.FR.307 (1.6)"),
    *("A00.FR.308 (1.6)", "A00.FR.411 (1.6)", "A00.FR.412 (1.6)", "A00.FR.501 (1.6)"),
)
@both_profiles
@pytest.mark.parametrize(
    "bad_server",
    FLAWS,
    indirect=True,
)
async def test_a_server_with_a_bad_certificate_is_refused_before_anything_is_sent(
    profile: SecurityProfile, bad_server: Issued, ca: Issued, station: Issued
) -> None:
    settings = settings_for(profile, ca, station)
    refused = await refusal_of(server_context(bad_server), **settings)
    assert refused.fault is TlsFault.SERVER_CERTIFICATE


@both_profiles
async def test_a_wildcard_certificate_is_accepted_only_if_allowed(
    profile: SecurityProfile,
    folder: Path,
    ca: Issued,
    station: Issued,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [x509.DNSName("*.csms.localhost")]
    wildcard = issue("wildcard", ca, Recipe(names=names), folder)
    host = "a.csms.localhost"
    resolve = asyncio.BaseEventLoop.getaddrinfo

    async def to_loopback(loop: Any, name: Any, *arguments: Any, **options: Any) -> Any:
        address = "127.0.0.1" if name == host else name
        return await resolve(loop, address, *arguments, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", to_loopback)
    context = server_context(wildcard)
    settings = settings_for(profile, ca, station)
    refused = await refusal_of(context, host, **settings)
    assert refused.fault is TlsFault.SERVER_CERTIFICATE
    assert "wildcard" in str(refused)
    async with scripted_csms(answer_all, ssl=context) as url:
        settings |= {"allow_wildcard_certificate": True}
        assert await dialled(url.replace("127.0.0.1", host), **settings) == "made.up1"


class Attempts:
    """How often a server that refuses with an alert was dialled."""

    def __init__(self) -> None:
        self.count = 0


@contextlib.asynccontextmanager
async def alerting(context: ssl.SSLContext) -> AsyncIterator[tuple[str, Attempts]]:
    """Serve handshakes that fail with an alert, which asyncio's servers do not send."""
    attempts, stopping = Attempts(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)

        def serve() -> None:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = listener.accept()
                    attempts.count += 1
                    _refuse(context, client)

        server = asyncio.create_task(asyncio.to_thread(serve))
        try:
            yield f"wss://127.0.0.1:{listener.getsockname()[1]}/ocpp", attempts
        finally:
            stopping.set()
            await server


def _refuse(context: ssl.SSLContext, client: socket.socket) -> None:
    """Shake hands, and leave time for the alert to be read before the connection ends."""
    client.settimeout(0.5)
    tls = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    with tls, contextlib.suppress(OSError):
        try:
            tls.do_handshake()
        finally:
            tls.shutdown(socket.SHUT_WR)
            while socket.socket.recv(tls, 65536):
                pass


async def alert_of(context: ssl.SSLContext, settings: dict[str, Any]) -> TlsRejected:
    async with alerting(context) as (url, attempts):
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url, **settings))
    # A second connection would be a weaker retry.
    assert attempts.count == 1
    return caught.value


@pytest.mark.requirement(
    *("A00.FR.313", "A00.FR.314", "A00.FR.316", "A00.FR.416", "A00.FR.417", "A00.FR.419"),
    *("A00.FR.312 (1.6)", "A00.FR.416 (1.6)"),
)
@both_profiles
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_server_without_tls_1_2_is_refused(
    profile: SecurityProfile, ca: Issued, server: Issued, station: Issued
) -> None:
    context = server_context(server)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    refused = await alert_of(context, settings_for(profile, ca, station))
    assert refused.fault is TlsFault.VERSION


@pytest.mark.requirement(
    *("A00.FR.319", "A00.FR.320", "A00.FR.323", "A00.FR.422", "A00.FR.423", "A00.FR.426"),
    *("A00.FR.318 (1.6)", "A00.FR.319 (1.6)", "A00.FR.422 (1.6)"),
)
@both_profiles
@pytest.mark.parametrize(
    "suite",
    ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-NULL-SHA"],
)
async def test_a_server_with_other_cipher_suites_is_refused(
    profile: SecurityProfile, suite: str, ca: Issued, server: Issued, station: Issued
) -> None:
    context = server_context(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    refused = await alert_of(context, settings_for(profile, ca, station))
    assert refused.fault is TlsFault.CIPHER_SUITE


@pytest.mark.requirement("A00.FR.501", "A00.FR.503", "A00.FR.501 (1.6)")
async def test_a_server_with_a_curve_of_less_than_224_bits_finds_no_common_ground(
    folder: Path, ca: Issued, settings: dict[str, Any]
) -> None:
    key = ec.generate_private_key(ec.SECP192R1())
    weak = issue("csms with EC 192", ca, Recipe(names=HONEST.names, key=key), folder)
    assert (await alert_of(server_context(weak), settings)).fault is TlsFault.CIPHER_SUITE


async def test_a_server_that_speaks_no_tls_is_refused(settings: dict[str, Any]) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_csms(plain) as url:
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url.replace("ws:", "wss:"), **settings))
    assert caught.value.fault is TlsFault.OTHER


async def test_a_server_that_hangs_up_on_tls_is_unreachable(settings: dict[str, Any]) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.transport.abort()

    async with raw_csms(rude) as url:
        with pytest.raises(Unreachable):
            await dial(make_endpoint(url.replace("ws:", "wss:"), **settings))


# --- The station's own certificate.


@pytest.mark.requirement("A00.FR.401", "A00.FR.402", "A00.FR.401 (1.6)")
async def test_profile_3_presents_the_stations_certificate_and_no_password(
    ca: Issued, server: Issued, station: Issued
) -> None:
    seen: list[Any] = []

    def note(connection: Any, request: Any) -> None:
        peer = connection.transport.get_extra_info("peercert")
        seen.append((peer["subject"][0][0][1], "Authorization" in request.headers))

    context = server_context(server, ca)
    settings = settings_for(SecurityProfile.TLS_CLIENT_CERTIFICATE, ca, station)
    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        assert await dialled(url, **settings) == "made.up1"
    assert seen == [("station", False)]


@pytest.mark.requirement("A00.FR.430", "A00.FR.431 (1.6)")
async def test_an_expired_own_certificate_is_presented_all_the_same(
    folder: Path, ca: Issued, server: Issued
) -> None:
    expired = issue("expired station", ca, Recipe(start=_long_ago()), folder)
    context = server_context(server, ca)
    # X509_V_FLAG_NO_CHECK_TIME: this CSMS decides for itself, and lets the station in.
    context.verify_flags |= ssl.VerifyFlags(0x200000)
    names: list[str] = []

    def note(connection: Any, _request: Any) -> None:
        peer = connection.transport.get_extra_info("peercert")
        names.append(peer["subject"][0][0][1])

    settings = settings_for(SecurityProfile.TLS_CLIENT_CERTIFICATE, ca, expired)
    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        assert await dialled(url, **settings) == "made.up1"
    assert names == ["expired station"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_refuses_the_stations_certificate_says_so(
    folder: Path, ca: Issued, server: Issued, station: Issued, version: ssl.TLSVersion
) -> None:
    client_ca = issue(f"Client CA {version:d}", folder=folder)
    context = server_context(server, client_ca)
    context.maximum_version = version
    settings = settings_for(SecurityProfile.TLS_CLIENT_CERTIFICATE, ca, station)
    async with alerting(context) as (url, _attempts):
        with pytest.raises(ConnectFailed) as caught:
            await dial(make_endpoint(url, **settings))
    assert isinstance(caught.value, TlsRejected)
    assert caught.value.fault is TlsFault.CLIENT_CERTIFICATE


# --- Files that cannot be used.


@pytest.mark.parametrize("content", [None, "", "garbage", "-----BEGIN CERTIFICATE-----\nAA\n"])
async def test_an_unusable_ca_file_is_a_failure_that_names_it(
    tmp_path: Path, settings: dict[str, Any], content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CredentialsUnusable, match=r"ca\.pem"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **(settings | {"ca_file": file})))


async def test_an_unusable_key_is_a_failure_that_names_it(
    tmp_path: Path, ca: Issued, station: Issued
) -> None:
    settings = settings_for(SecurityProfile.TLS_CLIENT_CERTIFICATE, ca, station)
    settings["client_key_file"] = key_file = tmp_path / "no.key"
    with pytest.raises(CredentialsUnusable, match=r"no\.key"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **settings))
    passphrase = BestAvailableEncryption(b"passphrase")
    encrypted = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, passphrase)
    key_file.write_bytes(encrypted)
    with pytest.raises(CredentialsUnusable, match=r"no\.key"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **settings))
