"""Firmware updates in the stories: a maker, a shelf of images, orders and news in all versions."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.core.firmware_order import DownloadInterrupted, DownloadRefused
from agent.pki.code_signing import sign
from agent.sim.csms_model import format_timestamp
from agent.sim.frames import Payload
from tests.stories.desk import Desk
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.slots import FolderSlots, image_of
from tests.stories.words import LONG_S
from tests.stories.world import World
from tests.throw_away_ca import DAY, Recipe, issue
from tests.virtual_time import START, utc_now

ROOT: Final = issue("Maker Root", recipe=Recipe(ca=True, start=START - DAY, days=3650))
CODE: Final = Recipe(usages=(ExtendedKeyUsageOID.CODE_SIGNING,), start=START - DAY, days=3650)
SIGNER: Final = issue("Maker", ROOT, CODE)
LOCATION: Final = "https://files.example/stationd-2.0.0"
NEW: Final = "2.0.0"
DOWNLOAD_S: Final = 20.0


class Shelf:
    """Where images come from, at the port: `breaks_off` so many times, in the middle."""

    def __init__(self) -> None:
        self.images = {LOCATION: image_of(NEW)}
        self.breaks_off = 0
        self.fetches = 0
        self.is_too_large = False

    def objection(self, location: str) -> str:
        return "" if location.startswith("https://") else "the scheme is not allowed"

    async def fetch(self, location: str, image: Path, progress: Callable[[int], None]) -> None:
        self.fetches += 1
        progress(0)
        await asyncio.sleep(DOWNLOAD_S / 2)
        if self.is_too_large:
            raise DownloadRefused("the file is too large")
        if self.breaks_off > 0 or location not in self.images:
            self.breaks_off -= 1
            raise DownloadInterrupted("the connection broke off")
        progress(50)
        await asyncio.sleep(DOWNLOAD_S / 2)
        await asyncio.to_thread(_write, image, self.images[location])

    def forget(self, image: Path) -> None:
        image.unlink(missing_ok=True)


class Updates:
    """The updates of one story; made before the world starts."""

    def __init__(self, world: World, *, allow_unsigned: bool = False) -> None:
        machine = world.machine
        assert isinstance(machine, InProcessMachine)
        self.world = world
        self.csms: Desk = world.csms
        self.shelf = Shelf()
        self.slots = FolderSlots(machine.folder / "slots", machine.restarts_itself)
        machine.has_slots(self.slots, self.shelf)
        self.maker_dir = machine.folder / "maker"
        self.maker_dir.mkdir()
        (self.maker_dir / "root.pem").write_text(ROOT.pem)
        unsigned = str(allow_unsigned).lower()
        machine.sections = (
            f'[update]\nbackend = "application"\nmaker_dir = "{self.maker_dir}"\n'
            f"allow_unsigned = {unsigned}\n"
        )

    async def orders(self, request_id: int = 7, **changes: object) -> str:
        """Order a signed update; return the status of the answer."""
        return str((await self.csms.call(self.action, self.order(request_id, **changes)))["status"])

    @property
    def action(self) -> str:
        return "SignedUpdateFirmware" if self.csms.is_16 else "UpdateFirmware"

    def order(  # noqa: PLR0913 - an order has so many fields
        self,
        request_id: int = 7,
        *,
        location: str = LOCATION,
        retrieve_at: datetime | None = None,
        install_at: datetime | None = None,
        certificate: str | None = SIGNER.pem,
        signature: str | None = "",
        retries: int | None = None,
        retry_interval_s: int | None = None,
    ) -> Payload:
        """Word an order; the signature is that of the image which lies at the location."""
        if signature == "":
            image = self.shelf.images.get(location, b"")
            signature = base64.b64encode(
                sign(SIGNER.key_pem, hashlib.sha256(image).digest())
            ).decode()
        firmware = {
            "location": location,
            "retrieveDateTime": format_timestamp(retrieve_at or utc_now()),
            "installDateTime": install_at and format_timestamp(install_at),
            "signingCertificate": certificate,
            "signature": signature,
        }
        order = {"requestId": request_id, "retries": retries, "retryInterval": retry_interval_s}
        return {**_present(order), "firmware": _present(firmware)}

    async def orders_unsigned(self, request_id: int = 7, **changes: object) -> Payload:
        """Order an update without certificate and signature; return the answer."""
        if not self.csms.is_16:
            order = self.order(request_id, certificate=None, signature=None, **changes)  # type: ignore[arg-type]
            return await self.csms.call("UpdateFirmware", order)
        signed = self.order(request_id, **changes)  # type: ignore[arg-type]
        order = {
            "location": signed["firmware"]["location"],
            "retrieveDate": signed["firmware"]["retrieveDateTime"],
            "retries": signed.get("retries"),
            "retryInterval": signed.get("retryInterval"),
        }
        return await self.csms.call("UpdateFirmware", _present(order))

    # --- What the CSMS hears.

    @property
    def told(self) -> list[str]:
        """The statuses told so far, in their order."""
        return [str(call["status"]) for call in self.notifications]

    @property
    def told_once(self) -> list[str]:
        """The same, without what was sent again since its answer was lost."""
        told = self.told
        return [status for i, status in enumerate(told) if i == 0 or told[i - 1] != status]

    @property
    def notifications(self) -> list[Payload]:
        signed = [c.payload for c in self.csms.calls("SignedFirmwareStatusNotification")]
        return signed or [c.payload for c in self.csms.calls("FirmwareStatusNotification")]

    async def tells(self, status: str, within_s: float = LONG_S) -> None:
        """Wait until a status is the last one told."""
        await self.csms.until(
            lambda: self.told[-1:] == [status], f"{status}, it told {self.told}", within_s
        )

    async def reboots(self, within_s: float = 120.0) -> None:
        """Wait until the station reboots into the new slot, and has said so where it can."""
        await self.world.until(lambda: not self.world.machine.is_running, "a reboot", within_s)
        if self.csms.calls("SignedFirmwareStatusNotification") or not self.csms.is_16:
            assert self.told[-1] == "InstallRebooting"
        self.csms.station.expect_boot()

    async def reboots_silently(self) -> None:
        """Wait until the station reboots without an order."""
        await self.world.until(lambda: not self.world.machine.is_running, "a reboot")
        self.csms.station.expect_boot()

    async def hears_when_asked(self, trigger: str = "ExtendedTriggerMessage") -> Payload:
        """Trigger the status; return what is told."""
        before = len(self.notifications)
        action = trigger if self.csms.is_16 else "TriggerMessage"
        request = {"requestedMessage": "FirmwareStatusNotification"}
        assert (await self.csms.call(action, request))["status"] == "Accepted"
        await self.csms.until(lambda: len(self.notifications) > before, "the status")
        return self.notifications[before]

    @property
    def security_events(self) -> list[str]:
        return [event.type for event in self.csms.station.security_events]


def _write(image: Path, content: bytes) -> None:
    image.parent.mkdir(exist_ok=True)
    image.write_bytes(content)


def _present(fields: Payload) -> Payload:
    return {name: value for name, value in fields.items() if value is not None}
