"""A CSMS that orders updates of a device, and what it is told of them."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.pki.code_signing import sign
from agent.sim.csms_station import Station as Record
from agent.update.bundle import file_sha256
from device.product import Maker
from tests.integration.file_server import FileServer

ENDS = {"Installed", "InstallationFailed", "InstallVerificationFailed", "DownloadFailed"}
PATIENCE_S = 600.0
"""For a busy machine: what installs has the least priority, and compiles a thousand modules."""


@dataclass(frozen=True)
class Orders:
    """The orders to one station; `files` serves the images."""

    record: Record
    files: FileServer
    maker: Maker

    async def order(self, request_id: int, image: Path) -> None:
        """Put an image on the server and order it."""
        digest = self._put_up(image)
        firmware = {
            "location": self.files.url(f"/{image.name}"),
            "retrieveDateTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "signingCertificate": self.maker.chain_pem,
            "signature": base64.b64encode(sign(self.maker.key_pem, digest)).decode(),
        }
        order = {"requestId": request_id, "retries": 9, "retryInterval": 1, "firmware": firmware}
        assert (await self.record.call("UpdateFirmware", order))["status"] == "Accepted"

    def _put_up(self, image: Path) -> bytes:
        digest = file_sha256(image)
        self.files.content, self.files.tag = image.read_bytes(), f'"{digest.hex()}"'
        return digest

    def told(self, request_id: int) -> list[str]:
        """Return the statuses of one request."""
        calls = self.record.received("FirmwareStatusNotification")
        return [c.payload["status"] for c in calls if c.payload.get("requestId") == request_id]

    def is_over(self, request_id: int) -> bool:
        """Tell whether an end was told."""
        return bool(ENDS & set(self.told(request_id)))

    async def hears(self, request_id: int, status: str) -> None:
        """Wait until a status is told."""
        await self.record.wait_for(lambda _: status in self.told(request_id), PATIENCE_S)

    async def end(self, request_id: int) -> list[str]:
        """Wait for the end and return everything that was told."""
        await self.record.wait_for(lambda _: self.is_over(request_id), PATIENCE_S)
        return self.told(request_id)


def images_from(files: FileServer) -> str:
    """Say in the configuration's section of updates that images come from this machine."""
    return f'schemes = ["http"]\nports = [{files.port}]\nprivate_addresses = true\n'
