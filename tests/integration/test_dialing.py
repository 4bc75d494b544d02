import asyncio
import base64
import logging
from typing import Any

import pytest

from agent.ocpp.dialing import (
    ConnectFailed,
    CredentialsRefused,
    HandshakeBroken,
    HandshakeRefused,
    NoCommonSubprotocol,
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


@pytest.mark.requirement(
    *("S16-CONN-01", "S16-CONN-02", "A00.FR.202", "A00.FR.204", "A00.FR.202 (1.6)"),
    "A00.FR.204 (1.6)",
)
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
