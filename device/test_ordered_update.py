"""A CSMS orders updates of a device: over the wire, through systemd, into the slots, and back."""

import asyncio
import base64
import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.pki.code_signing import sign
from agent.sim.csms import Csms
from agent.sim.csms_station import Station as Record
from agent.update.bundle import file_sha256
from device.container import Container
from device.product import CRASHES, Product
from device.station import AGENT, Station

pytestmark = pytest.mark.timeout(900)
ENDS = {"Installed", "InstallationFailed", "InstallVerificationFailed", "DownloadFailed"}
PATIENCE_S = 240.0


class Shelf:
    """Serves a folder over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    yield shelf
    shelf.close()


@pytest.fixture(scope="module")
def site(
    container: Container, product: Product, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> Station:
    """An installed station whose CSMS is this test's."""
    station = Station(container, product, tmp_path_factory.mktemp("station"))
    station.install_package()
    station.connect_board()
    more = f'schemes = ["http"]\nports = [{shelf.port}]\nprivate_addresses = true\n'
    station.configure(more)
    station.trust_the_maker()
    return station


async def ordered(
    site: Station, shelf: Shelf, record: Record, request_id: int, image: Path
) -> None:
    """Put an image on the shelf and order it."""
    maker = site.product.maker
    shutil.copyfile(image, shelf.folder / image.name)
    firmware = {
        "location": f"http://127.0.0.1:{shelf.port}/{image.name}",
        "retrieveDateTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "signingCertificate": maker.chain_pem,
        "signature": base64.b64encode(sign(maker.key_pem, file_sha256(image))).decode(),
    }
    order = {"requestId": request_id, "retries": 3, "retryInterval": 1, "firmware": firmware}
    assert (await record.call("UpdateFirmware", order))["status"] == "Accepted"


def told(record: Record, request_id: int) -> list[str]:
    """Return the statuses of one request."""
    calls = record.received("FirmwareStatusNotification")
    return [c.payload["status"] for c in calls if c.payload.get("requestId") == request_id]


async def the_end(record: Record, request_id: int) -> list[str]:
    def is_over(_: Record) -> bool:
        return bool(ENDS & set(told(record, request_id)))

    await record.wait_for(is_over, PATIENCE_S)
    return told(record, request_id)


def tamper_with(image: Path) -> None:
    """Flip a bit; the order's own signature will be over the result."""
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)


def evidence_of(site: Station) -> str:
    """Return what tells why an update failed."""
    journals = [site.container.journal(unit) for unit in (AGENT, "stationd-update.service")]
    return "\n".join([str(site.facts().get("firmware")), str(site.slots()), *journals])


Tell = Callable[[str, object], None]


async def test_ordered_updates_end_with_the_truth(
    site: Station, shelf: Shelf, record_property: Tell
) -> None:
    async with Csms(port=site.port, versions=("ocpp2.0.1",), ping_interval_s=None) as csms:
        record = csms.station("CS001")
        await asyncio.to_thread(site.start)
        await record.wait_for(lambda s: s.registration == "Accepted", 60.0)

        good = await asyncio.to_thread(site.product.bundle, "0.2.0")
        await ordered(site, shelf, record, 1, good)
        assert (await the_end(record, 1))[-1] == "Installed"
        assert await asyncio.to_thread(site.running_version) == "0.2.0"
        assert (await asyncio.to_thread(site.slots))["confirmed"] == "b"

        bad = await asyncio.to_thread(
            site.product.bundle, "0.3.0", {"agent/app/__init__.py": CRASHES}
        )
        await ordered(site, shelf, record, 2, bad)
        assert (await the_end(record, 2))[-1] == "InstallationFailed"
        assert await asyncio.to_thread(site.running_version) == "0.2.0"

        tampered = await asyncio.to_thread(site.product.bundle, "0.4.0")
        tamper_with(tampered)
        await ordered(site, shelf, record, 3, tampered)
        assert (await the_end(record, 3))[-1] == "InstallVerificationFailed"

        after = await asyncio.to_thread(site.product.bundle, "0.5.0")
        await ordered(site, shelf, record, 4, after)
        await record.wait_for(lambda _: "Installing" in told(record, 4), PATIENCE_S)
        await asyncio.to_thread(site.container.cut_power)
        await asyncio.to_thread(site.container.boot)
        statuses = await the_end(record, 4)
        assert statuses[-1] == "Installed", await asyncio.to_thread(evidence_of, site)
        assert await asyncio.to_thread(site.running_version) == "0.5.0"
        for request_id in (1, 2, 3, 4):
            statuses = told(record, request_id)
            record_property(f"request {request_id}", statuses)
            assert len(ENDS & set(statuses)) == 1, statuses
