"""One container for all tests of a module, which go on from each other in the order of the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device import bare, system
from device.container import Container
from device.product import Product
from device.station import Station


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = system.obstacle()
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return Product(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="session")
def bootable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip what needs a booted Debian where a bare one does not come up, with the reason."""
    reason = bare.obstacle(tmp_path_factory.mktemp("bare") / "console.log")
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def container(bootable: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:  # noqa: ARG001 - it skips
    """A booted Debian without the product."""
    with system.overlay() as root:
        booted = Container(root, tmp_path_factory.mktemp("container") / "console.log")
        try:
            booted.boot()
            yield booted
        finally:
            booted.power_off()


@pytest.fixture(scope="module")
def device(
    container: Container, product: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """A station that is not installed yet."""
    station = Station(container, product, tmp_path_factory.mktemp("station"))
    station.start_csms()
    try:
        yield station
    finally:
        station.stop_csms()


@pytest.fixture(scope="module")
def installed(device: Station) -> Station:
    """A station that runs."""
    device.install_package()
    device.connect_board()
    device.configure()
    device.trust_the_maker()
    device.start()
    device.await_agent()
    return device


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return tmp_path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cuts", type=int, default=12, help="at how many moments the power is cut, for each size"
    )
    parser.addoption(
        "--device-cuts", type=int, default=5, help="how often the power of a booted device is cut"
    )
