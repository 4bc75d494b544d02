import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.ocpp.dialing import (
    ConnectFailed,
    CredentialsRefused,
    CredentialsUnusable,
    HandshakeBroken,
    HandshakeRefused,
    NoCommonSubprotocol,
    TlsFault,
    TlsRejected,
    UnknownIdentity,
    Unreachable,
    dial,
)
from agent.ocpp.endpoint import SecurityProfile
from tests.integration.csms_doubles import (
    RawScript,
    accept,
    answer_all,
    answering,
    make_endpoint,
    raw_csms,
    scripted_csms,
)


async def failure_of(script: RawScript, **settings: Any) -> ConnectFailed:
    async with raw_csms(script) as url:
        with pytest.raises(ConnectFailed) as caught:
            await dial(make_endpoint(url, **settings))
    return caught.value


async def dialled(url: str, **settings: Any) -> str:
    """Dial and hang up; return the subprotocol."""
    link = await dial(make_endpoint(url, **settings))
    await link.close()
    return str(link.subprotocol)


# Negotiation


@pytest.mark.requirement("S16-CONN-01", "S16-CONN-02", "A00.FR.202", "A00.FR.204")
async def test_the_request_names_identity_versions_and_credentials() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request.set_result(await accept(reader, writer, "made.up2"))
        await reader.read()

    request: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = {
        "identity": "CS/1 ü?",
        "security_profile": SecurityProfile.BASIC,
        "password": "pässword-of-16-characters".encode,
    }
    async with raw_csms(csms) as url:
        assert await dialled(url + "/", **settings) == "made.up2"
    text = await request
    assert text.startswith("GET /ocpp/CS%2F1%20%C3%BC%3F HTTP/1.1\r\n")
    assert "Sec-WebSocket-Protocol: made.up2, made.up1\r\n" in text
    credentials = base64.b64encode("CS/1 ü?:pässword-of-16-characters".encode()).decode()
    assert f"Authorization: Basic {credentials}\r\n" in text
    assert "Sec-WebSocket-Extensions" not in text
    assert "User-Agent" not in text


async def test_the_server_chooses_among_the_offered_versions() -> None:
    async with scripted_csms(answer_all) as url:
        assert await dialled(url) == "made.up1"


@pytest.mark.requirement("S16-CONN-02")
@pytest.mark.parametrize("selected", [None, "made.up9", "MADE.UP1"])
async def test_a_server_that_selects_none_of_the_offered_versions_is_left(
    selected: str | None,
) -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, selected)
        await reader.read()

    assert isinstance(await failure_of(csms), NoCommonSubprotocol)


# Refusals


async def test_refused_credentials_are_told_from_an_unknown_identity() -> None:
    assert isinstance(await failure_of(answering("401 Unauthorized")), CredentialsRefused)
    assert isinstance(await failure_of(answering("404 Not Found")), UnknownIdentity)


@pytest.mark.parametrize(
    ("status", "headers", "retry_after_s"),
    [
        ("200 OK", (), None),
        ("400 Bad Request", (), None),
        ("403 Forbidden", ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT",), None),
        ("429 Too Many Requests", ("Retry-After: 90",), 90.0),
        ("503 Service Unavailable", ("Retry-After: 999999999",), 3600.0),
        ("503 Service Unavailable", ("Retry-After: " + "9" * 400,), None),
    ],
)
async def test_other_refusals_keep_their_status_and_wish(
    status: str, headers: tuple[str, ...], retry_after_s: float | None
) -> None:
    failure = await failure_of(answering(status, *headers))
    assert isinstance(failure, HandshakeRefused)
    assert failure.status == int(status[:3])
    assert failure.retry_after_s == retry_after_s


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    followed: list[str] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        followed.append(await accept(reader, writer, "made.up1"))

    async with raw_csms(elsewhere) as target:
        failure = await failure_of(answering(status, f"Location: {target}"))
    assert isinstance(failure, HandshakeRefused)
    assert failure.status == int(status[:3])
    assert followed == []


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with scripted_csms(answer_all) as url:
        assert await dialled(url) == "made.up1"


@pytest.mark.parametrize(
    "answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"HTTP/1.1 200\r\n" * 10**4]
)
async def test_an_answer_that_is_no_handshake_is_a_failure(answer: bytes) -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    assert isinstance(await failure_of(csms), HandshakeBroken)


async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(10_000):
            writer.write(b"H")
            await asyncio.sleep(0.01)

    for csms in (silent, dripping):
        assert isinstance(await failure_of(csms, open_timeout_s=0.05), Unreachable)


async def test_an_absent_server_is_unreachable() -> None:
    async with raw_csms(answering("200 OK")) as url:
        pass
    with pytest.raises(Unreachable):
        await dial(make_endpoint(url))


async def test_the_password_is_asked_for_each_attempt_and_never_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = iter([b"first-password-16", b"second-password-16"])
    requests: list[str] = []

    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await accept(reader, writer, "made.up1"))
        await reader.read()

    async with raw_csms(csms) as url:
        endpoint = make_endpoint(
            url, security_profile=SecurityProfile.BASIC, password=lambda: next(passwords)
        )
        for _ in range(2):
            link = await dial(endpoint)
            await link.close()
    for request, password in zip(requests, ("first", "second"), strict=True):
        encoded = request.split("Authorization: Basic ")[1].split("\r\n")[0]
        assert password in base64.b64decode(encoded).decode()
        assert encoded not in caplog.text
    assert "password-16" not in caplog.text + repr(endpoint)


# TLS


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_file: Path
    key_file: Path


def issue(folder: Path, name: str, issuer: Issued | None = None, **options: Any) -> Issued:
    """Write a certificate for `name`: a CA without `issuer`, else a leaf with `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = options.get("start", dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names := options.get("names"):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Issued(certificate, key, certificate_file, key_file)


LOOPBACK = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Issued:
    return issue(folder, "Operator CA")


@pytest.fixture(scope="module")
def server(folder: Path, ca: Issued) -> Issued:
    return issue(folder, "csms", ca, names=[LOOPBACK, x509.DNSName("localhost")])


def server_context(identity: Issued, client_ca: Issued | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca.certificate_file)
    return context


def tls_settings(ca: Issued) -> dict[str, Any]:
    return {
        "security_profile": SecurityProfile.TLS_BASIC,
        "password": lambda: b"a-password-of-16",
        "ca_file": ca.certificate_file,
    }


@pytest.fixture
def quiet_loop() -> Iterator[None]:
    """Server sides of refused handshakes complain to the loop; that is not under test."""
    logging.getLogger("websockets.server").disabled = True
    yield
    logging.getLogger("websockets.server").disabled = False


pytestmark = pytest.mark.usefixtures("quiet_loop")


@pytest.mark.requirement("A00.FR.301", "A00.FR.308", "A00.FR.312", "A00.FR.314")
async def test_a_server_of_the_given_ca_is_accepted(ca: Issued, server: Issued) -> None:
    async with scripted_csms(answer_all, ssl=server_context(server)) as url:
        link = await dial(make_endpoint(url, **tls_settings(ca)))
        tls = link.transport.get_extra_info("ssl_object")
        assert tls.version() in {"TLSv1.2", "TLSv1.3"}
        assert tls.compression() is None
        await link.close()


async def tls_failure(context: ssl.SSLContext, host: str = "127.0.0.1", **settings: Any) -> Any:
    """Dial a server that must not be sent anything after TLS."""
    requests: list[object] = []

    def note(_connection: object, request: object) -> None:
        requests.append(request)

    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url.replace("127.0.0.1", host), **settings))
    assert requests == []
    return caught.value


@pytest.mark.requirement("A00.FR.308", "A00.FR.311")
async def test_a_server_of_another_ca_is_refused_before_credentials_are_sent(
    folder: Path, server: Issued
) -> None:
    other = issue(folder, "Other CA")
    failure = await tls_failure(server_context(server), **tls_settings(other))
    assert failure.fault is TlsFault.SERVER_CERTIFICATE


@pytest.mark.requirement("A00.FR.309", "A00.FR.311")
async def test_a_certificate_for_another_host_is_refused(folder: Path, ca: Issued) -> None:
    elsewhere = issue(folder, "elsewhere", ca, names=[x509.DNSName("csms.example")])
    failure = await tls_failure(server_context(elsewhere), **tls_settings(ca))
    assert failure.fault is TlsFault.SERVER_CERTIFICATE


@pytest.mark.parametrize("years", [-10, 10], ids=["expired", "not yet valid"])
async def test_a_certificate_outside_its_time_is_refused(
    folder: Path, ca: Issued, years: int
) -> None:
    start = dt.datetime.now(dt.UTC) + dt.timedelta(days=365 * years)
    untimely = issue(folder, f"untimely{years}", ca, names=[LOOPBACK], start=start)
    failure = await tls_failure(server_context(untimely), **tls_settings(ca))
    assert failure.fault is TlsFault.SERVER_CERTIFICATE


async def test_a_self_signed_server_is_refused(folder: Path, ca: Issued) -> None:
    own = issue(folder, "self-signed", names=[LOOPBACK])
    failure = await tls_failure(server_context(own), **tls_settings(ca))
    assert failure.fault is TlsFault.SERVER_CERTIFICATE


async def test_a_wildcard_certificate_is_accepted_only_if_allowed(
    folder: Path, ca: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [x509.DNSName("*.csms.localhost")]
    wildcard = issue(folder, "wildcard", ca, names=names)
    host = "a.csms.localhost"
    resolve = asyncio.BaseEventLoop.getaddrinfo

    async def to_loopback(loop: Any, name: Any, *arguments: Any, **options: Any) -> Any:
        address = "127.0.0.1" if name == host else name
        return await resolve(loop, address, *arguments, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", to_loopback)
    context = server_context(wildcard)
    failure = await tls_failure(context, host, **tls_settings(ca))
    assert failure.fault is TlsFault.SERVER_CERTIFICATE
    assert "wildcard" in str(failure)
    async with scripted_csms(answer_all, ssl=context) as url:
        settings = tls_settings(ca) | {"allow_wildcard_certificate": True}
        assert await dialled(url.replace("127.0.0.1", host), **settings) == "made.up1"


async def alert_of(context: ssl.SSLContext, ca: Issued) -> TlsRejected:
    """Dial a server whose handshake fails with an alert, which asyncio's servers do not send."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                context.wrap_socket(client, server_side=True).close()

        server = asyncio.create_task(asyncio.to_thread(refuse))
        url = f"wss://127.0.0.1:{listener.getsockname()[1]}/ocpp"
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url, **tls_settings(ca)))
        await server
    return caught.value


@pytest.mark.requirement("A00.FR.313", "A00.FR.314", "A00.FR.316")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_server_without_tls_1_2_is_refused(ca: Issued, server: Issued) -> None:
    context = server_context(server)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert (await alert_of(context, ca)).fault is TlsFault.VERSION


@pytest.mark.requirement("A00.FR.319", "A00.FR.320", "A00.FR.323")
async def test_a_server_with_other_cipher_suites_is_refused(ca: Issued, server: Issued) -> None:
    context = server_context(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    assert (await alert_of(context, ca)).fault is TlsFault.CIPHER_SUITE


async def test_a_server_that_speaks_no_tls_is_refused(ca: Issued) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_csms(plain) as url:
        with pytest.raises(TlsRejected) as caught:
            await dial(make_endpoint(url.replace("ws:", "wss:"), **tls_settings(ca)))
    assert caught.value.fault is TlsFault.OTHER


async def test_a_server_that_hangs_up_on_tls_is_unreachable(ca: Issued) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.transport.abort()

    async with raw_csms(rude) as url:
        with pytest.raises(Unreachable):
            await dial(make_endpoint(url.replace("ws:", "wss:"), **tls_settings(ca)))


@pytest.mark.requirement("A00.FR.401", "A00.FR.402")
async def test_profile_3_presents_the_stations_certificate_and_no_password(
    folder: Path, ca: Issued, server: Issued
) -> None:
    station = issue(folder, "station", ca)
    settings = {
        "security_profile": SecurityProfile.TLS_CLIENT_CERTIFICATE,
        "ca_file": ca.certificate_file,
        "client_certificate_file": station.certificate_file,
        "client_key_file": station.key_file,
        "password": lambda: b"not-to-be-sent!!",
    }
    seen: list[Any] = []

    def note(connection: Any, request: Any) -> None:
        peer = connection.transport.get_extra_info("peercert")
        seen.append((peer["subject"][0][0][1], "Authorization" in request.headers))

    context = server_context(server, ca)
    async with scripted_csms(answer_all, ssl=context, process_request=note) as url:
        assert await dialled(url, **settings) == "made.up1"
    assert seen == [("station", False)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_refuses_the_stations_certificate_is_a_failure(
    folder: Path, ca: Issued, server: Issued, version: ssl.TLSVersion
) -> None:
    context = server_context(server, issue(folder, f"Client CA {version:d}"))
    context.maximum_version = version
    async with scripted_csms(answer_all, ssl=context) as url:
        with pytest.raises(ConnectFailed):
            await dial(make_endpoint(url, **tls_settings(ca)))


@pytest.mark.parametrize("content", [None, "", "garbage", "-----BEGIN CERTIFICATE-----\nAA\n"])
async def test_an_unusable_ca_file_is_a_failure_that_names_it(
    tmp_path: Path, ca: Issued, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    settings = tls_settings(ca) | {"ca_file": file}
    with pytest.raises(CredentialsUnusable, match=r"ca\.pem"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **settings))


async def test_an_unusable_key_is_a_failure_that_names_it(tmp_path: Path, ca: Issued) -> None:
    settings = {
        "security_profile": SecurityProfile.TLS_CLIENT_CERTIFICATE,
        "ca_file": ca.certificate_file,
        "client_certificate_file": ca.certificate_file,
        "client_key_file": tmp_path / "no.key",
    }
    with pytest.raises(CredentialsUnusable, match=r"no\.key"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **settings))
    encrypted = ca.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    (tmp_path / "no.key").write_bytes(encrypted)
    with pytest.raises(CredentialsUnusable, match=r"no\.key"):
        await dial(make_endpoint("wss://127.0.0.1:9/ocpp", **settings))
