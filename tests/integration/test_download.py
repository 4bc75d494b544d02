"""Downloads from a real server on loopback that breaks off, lies, or never ends."""

import asyncio
import hashlib
import json
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.app.firmware_download import network_download
from agent.config.update_section import UpdateSection
from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.transfer.addresses import AddressRules
from agent.update import partial_file
from agent.update.download import DownloadLimits, HttpDownload
from tests.integration.file_server import IMAGE, FileServer, Handler, mute_server
from tests.throw_away_ca import LOOPBACK, Recipe, issue

LIMITS = DownloadLimits(max_bytes=4 * 1024 * 1024, silence_s=2.0, window_s=0.4, longest_s=20.0)


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def no_tls() -> ssl.SSLContext:
    raise AssertionError("there is no TLS in this test")


class Station:
    """A station's download and what comes of it."""

    def __init__(self, folder: Path, limits: DownloadLimits = LIMITS) -> None:
        self.image = folder / "update" / "image"
        self.limits = limits
        self.percents: list[int] = []

    def download(self, server: FileServer, **changes: object) -> HttpDownload:
        ports = frozenset({server.port})
        rules = {"schemes": frozenset({"http"}), "ports": ports, "private": True, **changes}
        return HttpDownload(AddressRules(**rules), self.limits, no_tls)  # type: ignore[arg-type]

    async def fetches(self, server: FileServer, url: str | None = None, **changes: object) -> None:
        await self.download(server, **changes).fetch(
            url or server.url(), self.image, self.percents.append
        )

    async def is_cut_off(self, server: FileServer, after: int) -> None:
        server.breaks_off_after = after
        with pytest.raises(DownloadInterrupted):
            await self.fetches(server)
        server.breaks_off_after = None

    @property
    def got(self) -> bytes:
        return self.image.read_bytes()

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.image.parent.iterdir())


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


async def test_a_file_comes_whole_and_its_progress_is_told(station: Station) -> None:
    with FileServer().serving() as server:
        await station.fetches(server)
    assert station.got == IMAGE
    assert station.left == ["image"]
    assert station.image.stat().st_mode & 0o777 == 0o600
    assert station.percents == sorted(set(station.percents))
    assert station.percents[-1] == 100


@pytest.mark.requirement("L01.FR.08", "L02.FR.05")
async def test_tls_trusts_whom_it_is_told_to_and_nobody_else(tmp_path: Path) -> None:
    ca, other = issue("CA", folder=tmp_path), issue("Other", folder=tmp_path)
    certificate = issue("server", ca, Recipe(names=[LOOPBACK]), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    station = Station(tmp_path)
    with FileServer(context=context).serving() as server:
        rules = AddressRules(ports=frozenset({server.port}), private=True)
        for trusted in (other, ca):
            client = ssl.create_default_context(cafile=trusted.certificate_file)
            download = HttpDownload(rules, LIMITS, lambda client=client: client)  # type: ignore[misc]
            fetching = download.fetch(server.url(), station.image, station.percents.append)
            if trusted is other:
                with pytest.raises(DownloadInterrupted, match="not trusted"):
                    await fetching
                assert server.requests == []
            else:
                await fetching
    assert station.got == IMAGE


async def test_the_configuration_says_who_is_trusted_and_what_is_fetched(tmp_path: Path) -> None:
    ca = issue("CA", folder=tmp_path)
    certificate = issue("server", ca, Recipe(names=[LOOPBACK]), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    station = Station(tmp_path)
    with FileServer(context=context).serving() as server:
        section = UpdateSection(ports=(server.port,), private_addresses=True, max_size_mib=1)
        for update, roots in (
            (section, ca.pem),
            (replace(section, ca_file=ca.certificate_file), ""),
        ):
            download = network_download(update, lambda roots=roots: roots)  # type: ignore[misc]
            await download.fetch(server.url(), station.image, station.percents.append)
            assert station.got == IMAGE
            download.forget(station.image)
        nobody = network_download(section, lambda: "")
        with pytest.raises(DownloadInterrupted, match="not trusted"):
            await nobody.fetch(server.url(), station.image, station.percents.append)
        assert "http" in nobody.objection(server.url().replace("https", "http"))
        server.content = IMAGE + b"1"
        with pytest.raises(DownloadRefused, match="larger"):
            await network_download(section, lambda: ca.pem).fetch(
                server.url(), station.image, station.percents.append
            )


async def test_a_root_that_another_has_signed_is_trusted_where_it_is_one_of_the_csms(
    tmp_path: Path,
) -> None:
    root = issue("New root", issue("Old root"), Recipe(ca=True))
    certificate = issue("server", root, Recipe(names=[LOOPBACK]), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    station = Station(tmp_path)
    with FileServer(context=context).serving() as server:
        section = UpdateSection(ports=(server.port,), private_addresses=True, max_size_mib=1)
        with pytest.raises(DownloadInterrupted, match="not trusted"):
            await network_download(section, lambda: root.pem).fetch(
                server.url(), station.image, station.percents.append
            )
        download = network_download(section, lambda: root.pem, lambda: True)
        await download.fetch(server.url(), station.image, station.percents.append)
    assert station.got == IMAGE


# --- Resuming.


async def test_a_download_that_broke_off_goes_on_where_it_ended(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        await station.fetches(server)
    assert station.got == IMAGE
    assert server.requests[1]["Range"] == "bytes=700000-"
    assert server.requests[1]["If-Range"] == '"v1"'


async def test_a_file_that_was_changed_meanwhile_comes_anew(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        server.content, server.tag = b"another" * 1000, '"v2"'
        await station.fetches(server)
    assert station.got == b"another" * 1000


async def test_a_server_without_ranges_sends_it_anew(station: Station) -> None:
    with FileServer(knows_ranges=False).serving() as server:
        await station.is_cut_off(server, 700_000)
        await station.fetches(server)
    assert station.got == IMAGE


@pytest.mark.parametrize(
    "lie",
    [
        {"Content-Range": f"bytes 0-{len(IMAGE) - 1}/{len(IMAGE)}"},
        {"Content-Range": f"bytes 700000-{len(IMAGE) + 6}/{len(IMAGE) + 7}"},
        {"Content-Range": "bytes 700000-*/*"},
        {"Content-Range": "nonsense"},
        {},
        {"Content-Range": f"bytes 700000-{len(IMAGE) - 1}/{len(IMAGE)}", "ETag": '"v2"'},
    ],
    ids=["another begin", "another size", "no end", "nonsense", "no range", "another tag"],
)
async def test_a_server_that_lies_about_the_range_is_asked_for_everything(
    station: Station, lie: dict[str, str]
) -> None:
    def lies(handler: Handler) -> None:
        if "Range" not in handler.headers:
            handler.sends_file()
            return
        handler.answers(206, {"Content-Length": "7", **lie})
        handler.wfile.write(b"garbage")

    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        server.behave = lies
        await station.fetches(server)
    assert station.got == IMAGE
    assert "Range" not in server.requests[-1]


async def test_a_weak_tag_proves_too_little_to_go_on(station: Station) -> None:
    with FileServer(tag='W/"v1"').serving() as server:
        await station.is_cut_off(server, 700_000)
        await station.fetches(server)
    assert station.got == IMAGE
    assert "Range" not in server.requests[1]


async def test_another_location_begins_anew(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        await station.fetches(server, server.url("/other"))
    assert "Range" not in server.requests[1]


async def test_only_what_was_synced_counts_after_a_power_cut(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        part = station.image.with_name("image.part")
        part.write_bytes(part.read_bytes() + bytes(5000))
        await station.fetches(server)
    assert station.got == IMAGE


@pytest.mark.parametrize(
    "note", ["", "null", "[]", "{", '{"location": 1}', "[" * 4000, '{"synced": Infinity}']
)
async def test_a_note_that_is_damaged_means_to_begin_anew(station: Station, note: str) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        station.image.with_name("image.note").write_text(note)
        await station.fetches(server)
    assert station.got == IMAGE
    assert "Range" not in server.requests[1]


async def test_a_note_that_promises_more_than_there_is_is_not_believed(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        note = station.image.with_name("image.note")
        note.write_text(json.dumps({**json.loads(note.read_text()), "synced": 900_000}))
        await station.fetches(server)
    assert station.got == IMAGE


async def test_a_download_that_was_complete_needs_no_further_byte(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, len(IMAGE) - 1)
        server.content = IMAGE
        part = station.image.with_name("image.part")
        part.write_bytes(IMAGE)
        note = station.image.with_name("image.note")
        note.write_text(json.dumps({**json.loads(note.read_text()), "synced": len(IMAGE)}))
        await station.fetches(server)
    assert station.got == IMAGE
    assert len(server.requests) == 1


# --- Bad answers.


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 429, 500, 503])
async def test_an_error_of_the_server_may_pass(station: Station, status: int) -> None:
    with FileServer(behave=lambda handler: handler.answers(status, {})).serving() as server:
        with pytest.raises(DownloadInterrupted, match=str(status)):
            await station.fetches(server)
        server.behave = None
        await station.fetches(server)
    assert station.got == IMAGE


async def test_a_body_that_is_encoded_is_not_taken(station: Station) -> None:
    def squeezes(handler: Handler) -> None:
        handler.answers(200, {"Content-Encoding": "gzip", "Content-Length": "9"})
        handler.wfile.write(b"compressed")

    with (
        FileServer(behave=squeezes).serving() as server,
        pytest.raises(DownloadRefused, match="encoded"),
    ):
        await station.fetches(server)
    assert server.requests[0]["Accept-Encoding"] == "identity"


async def test_a_file_that_says_it_is_too_large_is_refused_before_it_comes(
    station: Station,
) -> None:
    huge = str(100 * 1024**3)
    server = FileServer(behave=lambda handler: handler.answers(200, {"Content-Length": huge}))
    with server.serving(), pytest.raises(DownloadRefused, match="larger"):
        await station.fetches(server)


async def test_a_file_that_never_ends_is_refused_at_the_limit(station: Station) -> None:
    with (
        FileServer(behave=Handler.never_ends).serving() as server,
        pytest.raises(DownloadRefused, match="larger"),
    ):
        await station.fetches(server)
    assert sum(p.stat().st_size for p in station.image.parent.iterdir()) <= LIMITS.max_bytes + 4096


@pytest.mark.parametrize(
    "behave",
    [
        lambda handler: handler.drips(b"HTTP/1.1 200 OK\r\nX-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        lambda handler: (handler.answers(200, {"Content-Length": "999999"}), handler.drips(b"x")),
        lambda handler: (
            handler.answers(200, {"Transfer-Encoding": "chunked"}),
            handler.drips(b"0"),
        ),
        lambda handler: time.sleep(60),
    ],
    ids=["header", "body", "chunk size", "silence"],
)
async def test_a_server_that_drips_is_cut_off(station: Station, behave: object) -> None:
    began_s = time.monotonic()
    with FileServer(behave=behave).serving() as server:  # type: ignore[arg-type]
        with pytest.raises(DownloadInterrupted, match="too slowly"):
            await station.fetches(server)
        assert time.monotonic() - began_s < LIMITS.longest_s


async def test_a_server_that_takes_a_connection_and_says_nothing_is_cut_off(
    station: Station,
) -> None:
    with mute_server() as port:
        server = FileServer(port=port)
        with pytest.raises(DownloadInterrupted):
            await station.fetches(server)


@pytest.mark.parametrize(
    "raw",
    [
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 70_000,
        b"",
    ],
    ids=["no status", "no number", "headers", "negative", "chunk", "long line", "nothing"],
)
async def test_what_is_no_http_interrupts_and_harms_nothing(station: Station, raw: bytes) -> None:
    def says(handler: Handler) -> None:
        if raw:
            handler.wfile.write(raw)

    with FileServer(behave=says).serving() as server:
        try:
            await station.fetches(server)
        except DownloadInterrupted:
            return
    # A negative length counts as none: what came is the file, and its signature will tell.
    assert station.got == b"x"


# --- Redirects and addresses.


async def test_a_redirect_is_followed_and_the_password_stays_at_home(station: Station) -> None:
    def redirects(handler: Handler) -> None:
        if handler.path == "/image":
            handler.answers(302, {"Location": f"http://localhost:{server.port}/there"})
        else:
            handler.sends_file()

    with FileServer(behave=redirects).serving() as server:
        await station.fetches(server, f"http://maker:geheim@127.0.0.1:{server.port}/image")
    assert station.got == IMAGE
    first, second = server.requests
    assert first["Authorization"].startswith("Basic ")
    assert "Authorization" not in second


async def test_redirects_without_end_are_refused(station: Station) -> None:
    def redirects(handler: Handler) -> None:
        handler.answers(302, {"Location": "/again"})

    with (
        FileServer(behave=redirects).serving() as server,
        pytest.raises(DownloadRefused, match="redirects"),
    ):
        await station.fetches(server)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "https://127.0.0.1/",
        "http://127.0.0.1:22/",
        "gopher://x/",
        "",
        "http://169.254.169.254/latest/meta-data",
    ],
)
async def test_a_redirect_leads_nowhere_forbidden(station: Station, to: str) -> None:
    server = FileServer(behave=lambda handler: handler.answers(302, {"Location": to}))
    with server.serving(), pytest.raises(DownloadRefused):
        await station.fetches(server)
    assert set(station.left) <= {"image.part"}


async def test_a_name_that_leads_to_this_machine_is_refused(station: Station) -> None:
    with (
        FileServer().serving() as server,
        pytest.raises(DownloadRefused, match=r"127\.0\.0\.1|::1"),
    ):
        await station.fetches(server, server.url(host="localhost"), private=False)
    assert server.requests == []


# --- The disk, and being cancelled.


async def test_a_disk_without_room_interrupts_the_download(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileServer().serving() as server:
        monkeypatch.setattr(
            partial_file.shutil, "disk_usage", lambda _path: Usage(0, 0, partial_file.SPARE_BYTES)
        )
        with pytest.raises(DownloadInterrupted, match="disk is full"):
            await station.fetches(server)
        monkeypatch.undo()
        await station.fetches(server)
    assert station.got == IMAGE


async def test_a_folder_that_cannot_be_written_interrupts_the_download(tmp_path: Path) -> None:
    (tmp_path / "update").write_text("in the way")
    with FileServer().serving() as server, pytest.raises(DownloadInterrupted, match="disk"):
        await Station(tmp_path).fetches(server)


async def test_a_download_that_is_cancelled_ends_at_once_and_can_be_gone_on_with(
    station: Station,
) -> None:
    def stalls(handler: Handler) -> None:
        handler.answers(200, {"Content-Length": str(len(IMAGE)), "ETag": '"v1"'})
        handler.wfile.write(IMAGE[:500_000])
        handler.wfile.flush()
        time.sleep(120)

    patient = Station(station.image.parent.parent, DownloadLimits(silence_s=120))
    with FileServer(behave=stalls).serving() as server:
        download, halfway = patient.download(server), asyncio.Event()

        def noted(percent: int) -> None:
            if percent >= 40:
                halfway.set()

        fetching = asyncio.create_task(download.fetch(server.url(), patient.image, noted))
        await halfway.wait()
        began_s = time.monotonic()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert time.monotonic() - began_s < 60
        server.behave = None
        await patient.fetches(server)
    assert hashlib.sha256(patient.got).digest() == hashlib.sha256(IMAGE).digest()
    assert server.requests[1]["Range"].startswith("bytes=")


async def test_what_is_left_of_a_download_can_be_forgotten(station: Station) -> None:
    with FileServer().serving() as server:
        await station.is_cut_off(server, 700_000)
        station.download(server).forget(station.image)
    assert station.left == []
