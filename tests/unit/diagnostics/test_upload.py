"""Uploads over real sockets; TLS with roots of the CSMS, and servers that misbehave."""

import asyncio
import ssl
from pathlib import Path

import pytest

from agent.core.log_upload import UploadFailed
from agent.core.progress import LogUploadStatus
from agent.diagnostics import upload
from agent.diagnostics.upload import HttpUploader, destination
from agent.transfer.addresses import AddressRules
from agent.transfer.tls import client_context
from tests.http_receiver import receiving
from tests.throw_away_ca import LOOPBACK, Issued, Recipe, issue

CONTENT = b"x" * 300_000


def trusting(roots_pem: str) -> ssl.SSLContext:
    return client_context(roots_pem, None, with_usual_roots=True)


def uploader(port: int, roots_pem: str = "") -> HttpUploader:
    rules = AddressRules(
        schemes=frozenset({"https", "http"}), ports=frozenset({port}), private=True
    )
    return HttpUploader(rules, lambda: trusting(roots_pem))


def server_context(server: Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_file, server.key_file)
    return context


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "CS001_security.jsonl.gz"
    file.write_bytes(CONTENT)
    return file


@pytest.mark.requirement("N01.FR.21", "N01.FR.29", "N01.FR.21 (1.6)")
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://logs.example/", "/name.gz"),
        ("https://logs.example", "/name.gz"),
        ("https://logs.example/a/b/", "/a/b/name.gz"),
        ("https://logs.example/a/b", "/a/b"),
        ("https://logs.example/a/?sig=1/", "/a/?sig=1/"),
    ],
)
def test_the_file_name_is_appended_to_a_location_that_ends_in_a_slash(
    location: str, target: str
) -> None:
    assert destination(location, "name.gz", AddressRules()).target == target


@pytest.mark.requirement("N01.FR.25", "N01.FR.17 (1.6)")
def test_a_login_is_taken_out_of_the_location_and_shown_to_nobody() -> None:
    place = destination("https://user:p%3Aw@logs.example:8443/x?key=1", "n", AddressRules())
    assert (place.host, place.port, place.credentials) == ("logs.example", 8443, ("user", "p:w"))
    assert place.shown == "https://logs.example:8443/x"
    assert "p:w" not in repr(place)


def test_a_location_where_no_log_may_go_is_refused_for_good() -> None:
    with pytest.raises(UploadFailed) as refused:
        destination("https://127.0.0.1/", "name.gz", AddressRules())
    assert refused.value.for_good


@pytest.mark.requirement("N01.FR.15", "N01.FR.14", "N01.FR.15 (1.6)")
async def test_a_server_of_the_csms_s_root_is_trusted(tmp_path: Path, log: Path) -> None:
    ca = issue("CA", folder=tmp_path)
    server = issue("logs", ca, Recipe(names=[LOOPBACK]), tmp_path)
    async with receiving(server_context(server)) as receiver:
        await uploader(receiver.port, ca.pem).upload(log, receiver.url())
        assert receiver.received[0].body == CONTENT
        with pytest.raises(UploadFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await uploader(receiver.port).upload(log, receiver.url())
        assert len(receiver.received) == 1


@pytest.mark.requirement("N01.FR.16")
def test_the_usual_roots_of_the_machine_are_trusted_as_well() -> None:
    usual = ssl.create_default_context().cert_store_stats()["x509_ca"]
    ca = issue("CA")
    context = trusting(ca.pem)
    assert context.cert_store_stats()["x509_ca"] == usual + 1
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.requirement("N01.FR.30")
async def test_a_redirect_is_a_failure(log: Path) -> None:
    async with receiving() as receiver:
        receiver.answers = [301]
        receiver.headers = f"Location: {receiver.url('/elsewhere')}\r\n"
        with pytest.raises(UploadFailed, match="301") as failed:
            await uploader(receiver.port).upload(log, receiver.url())
        assert failed.value.status is LogUploadStatus.UPLOAD_FAILURE
        assert len(receiver.received) == 1


async def test_nobody_there_is_a_failure_worth_another_attempt(log: Path) -> None:
    async with receiving() as receiver:
        url = receiver.url()
    with pytest.raises(UploadFailed) as failed:
        await uploader(receiver.port).upload(log, url)
    assert not failed.value.for_good


async def test_a_server_that_answers_nonsense_is_a_failure(log: Path) -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff no HTTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(UploadFailed):
            await uploader(port).upload(log, f"http://127.0.0.1:{port}/")


async def test_a_server_that_never_answers_is_given_up(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "LONGEST_S", 0.2)
    async with receiving() as receiver:
        receiver.stall.clear()
        with pytest.raises(UploadFailed, match="longer than"):
            await uploader(receiver.port).upload(log, receiver.url())


async def test_an_upload_that_is_cancelled_cuts_the_connection(log: Path) -> None:
    async with receiving() as receiver:
        receiver.stall.clear()
        task = asyncio.create_task(uploader(receiver.port).upload(log, receiver.url()))
        await receiver.gets(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_name_that_means_a_forbidden_address_is_refused(log: Path) -> None:
    async with receiving() as receiver:
        rules = AddressRules(schemes=frozenset({"http"}), ports=frozenset({receiver.port}))
        forbidding = HttpUploader(rules, lambda: trusting(""))
        location = f"http://localhost:{receiver.port}/"
        assert forbidding.objection(location) == "", "the name itself may be anybody's"
        with pytest.raises(UploadFailed, match="not permitted") as refused:
            await forbidding.upload(log, location)
        assert refused.value.for_good
        assert receiver.received == []
