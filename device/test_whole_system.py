"""An ordered update of a whole system: RAUC, the login service and polkit are the real ones."""

import asyncio
import shutil
from collections.abc import Callable, Iterator

import pytest

from agent.sim.csms import Csms
from device import system
from device.container import Container
from device.ordering import Orders, images_from
from device.product import Product
from device.station import AGENT, Station
from device.whole_system import (
    LOOPS,
    PACKAGES,
    RULE,
    UPDATE_SECTION,
    make_whole_system,
    says,
)
from tests.integration.file_server import FileServer
from tests.integration.rauc_bench import RaucBench, obstacle, rauc_bench

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "RAUC runs here"),
]
CONTENT = b"system 2" * 4096


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with FileServer().serving() as files:
        yield files


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaucBench]:
    """Makes the bundles."""
    with rauc_bench(tmp_path_factory.mktemp("rauc")) as bench:
        yield bench


@pytest.fixture(scope="module")
def site(
    bootable: None,  # noqa: ARG001 - it skips
    product: Product,
    files: FileServer,
    bench: RaucBench,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Station]:
    with system.overlay(PACKAGES) as root:
        log = tmp_path_factory.mktemp("container") / "console.log"
        container = Container(root, log, LOOPS)
        container.boot()
        try:
            station = Station(container, product, tmp_path_factory.mktemp("station"))
            station.install_package()
            make_whole_system(station, bench)
            station.connect_board()
            station.configure(images_from(files), UPDATE_SECTION)
            station.trust_the_maker()
            yield station
        finally:
            container.power_off()


async def test_the_agent_restarts_the_machine_into_the_new_system_where_a_rule_lets_it(
    site: Station,
    files: FileServer,
    bench: RaucBench,
    record_property: Callable[[str, object], None],
) -> None:
    async with Csms(port=site.port, versions=("ocpp2.0.1",), ping_interval_s=None) as csms:
        orders = Orders(csms.station("CS001"), files, site.product.maker)
        await asyncio.to_thread(site.start)
        await orders.record.wait_for(lambda s: s.registration == "Accepted", 60.0)
        image = await asyncio.to_thread(bench.bundle, CONTENT)

        await orders.order(1, image)
        statuses = await orders.end(1)
        assert statuses[-1] == "InstallationFailed", statuses
        facts = await asyncio.to_thread(site.facts)
        assert "authentication required" in facts["update"]["detail"], facts["update"]
        assert await asyncio.to_thread(says, site, "primary") == "A"

        await asyncio.to_thread(allow_restarts, site)
        await orders.order(2, image)
        await orders.hears(2, "InstallRebooting")
        await asyncio.to_thread(site.container.follow_reboot, 120.0)
        statuses = await orders.end(2)
        record_property("statuses", statuses)
        journal = await asyncio.to_thread(site.container.journal, AGENT)
        assert statuses[-1] == "Installed", (statuses, journal)
        assert await asyncio.to_thread(says, site, "booted") == "B"
        assert await asyncio.to_thread(says, site, "state-B") == "good"
        written = site.container.root / "var/lib/boot/b.img"
        assert written.read_bytes().startswith(CONTENT)


def allow_restarts(site: Station) -> None:
    """Put the rule where polkit looks, as the manual says; nobody else may restart anything."""
    root = site.container.root
    shutil.copyfile(
        root / "usr/share/doc/stationd" / RULE, root / "etc/polkit-1/rules.d" / RULE
    )  # fmt: skip
    site.container.run("systemctl", "restart", "polkit.service")
    ask = ("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1")
    manager = "org.freedesktop.login1.Manager"
    for user, verdict in (("stationd", "yes"), ("stationd-guard", "challenge")):
        words = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *ask)
        assert verdict in site.container.text(*words, manager, "CanReboot")
    words = ("setpriv", "--reuid=stationd", "--regid=stationd", "--clear-groups", *ask)
    assert '"yes"' not in site.container.text(*words, manager, "CanPowerOff")
