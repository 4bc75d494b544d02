"""A CSMS orders updates of a device: over the wire, through systemd, into the slots, and back."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.sim.csms import Csms
from device.container import Container
from device.ordering import ENDS, Orders, images_from
from device.product import CRASHES, Product
from device.station import AGENT, Station
from tests.integration.file_server import FileServer

pytestmark = [pytest.mark.quick, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with FileServer().serving() as files:
        yield files


@pytest.fixture(scope="module")
def site(
    container: Container,
    product: Product,
    files: FileServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Station:
    """An installed station whose CSMS is this test's."""
    station = Station(container, product, tmp_path_factory.mktemp("station"))
    station.install_package()
    station.connect_board()
    station.configure(images_from(files))
    station.trust_the_maker()
    return station


def tamper_with(image: Path) -> None:
    """Flip a bit; the order's own signature will be over the result."""
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)


def evidence_of(site: Station) -> str:
    """Return what tells why an update failed."""
    journals = [site.container.journal(unit) for unit in (AGENT, "stationd-update.service")]
    return "\n".join([str(site.facts().get("update")), str(site.slots()), *journals])


Tell = Callable[[str, object], None]


async def test_ordered_updates_end_with_the_truth(
    site: Station, files: FileServer, record_property: Tell
) -> None:
    async with Csms(port=site.port, versions=("ocpp2.0.1",), ping_interval_s=None) as csms:
        orders = Orders(csms.station("CS001"), files, site.product.maker)
        await asyncio.to_thread(site.start)
        await orders.record.wait_for(lambda s: s.registration == "Accepted", 60.0)

        good = await asyncio.to_thread(site.product.bundle, "0.2.0")
        await orders.order(1, good)
        assert (await orders.end(1))[-1] == "Installed"
        assert await asyncio.to_thread(site.running_version) == "0.2.0"
        assert (await asyncio.to_thread(site.slots))["confirmed"] == "b"

        bad = await asyncio.to_thread(
            site.product.bundle, "0.3.0", {"agent/app/__init__.py": CRASHES}
        )
        await orders.order(2, bad)
        assert (await orders.end(2))[-1] == "InstallationFailed"
        assert await asyncio.to_thread(site.running_version) == "0.2.0"

        tampered = await asyncio.to_thread(site.product.bundle, "0.4.0")
        tamper_with(tampered)
        await orders.order(3, tampered)
        assert (await orders.end(3))[-1] == "InstallVerificationFailed"

        after = await asyncio.to_thread(site.product.bundle, "0.5.0")
        await orders.order(4, after)
        await orders.hears(4, "Installing")
        await asyncio.to_thread(site.container.cut_power)
        await asyncio.to_thread(site.container.boot)
        statuses = await orders.end(4)
        assert statuses[-1] == "Installed", await asyncio.to_thread(evidence_of, site)
        assert await asyncio.to_thread(site.running_version) == "0.5.0"
        for request_id in (1, 2, 3, 4):
            statuses = orders.told(request_id)
            record_property(f"request {request_id}", statuses)
            assert len(ENDS & set(statuses)) == 1, statuses
