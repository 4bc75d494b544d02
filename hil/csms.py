"""The CSMS of a bench, in this process: it outlives every station."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.sim.csms import Csms
from hil.drivers import Driver
from hil.resources import CsmsHost

if TYPE_CHECKING:
    from hil.target import Target


class CsmsDriver(Driver):
    """Makes a CSMS for each test."""

    def __init__(self, resource: CsmsHost, target: "Target") -> None:
        super().__init__(resource, target)
        self._resource = resource

    def new(self) -> Csms:
        """Return a CSMS that was not started yet."""
        return Csms(
            host=self._resource.listen,
            port=self._resource.port,
            ping_interval_s=None,
            now=lambda: datetime.now(UTC),
            boot_interval_s=86_400,
        )

    def url_for_station(self, url: str) -> str:
        """Return the URL of a CSMS of this bench as the station must dial it."""
        parts = urlsplit(url)
        host = self._resource.seen_as or parts.hostname
        return parts._replace(netloc=f"{host}:{parts.port}").geturl()
