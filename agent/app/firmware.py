"""The firmware update of a station put together, or its absence.

A station without slots loads nothing of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from agent.core import standard_variables as sv
from agent.core.commands import Refusal
from agent.core.firmware_order import FirmwareOrder, UpdateAnswer, UpdateStatus
from agent.services.tasks import by_itself
from agent.store.errors import StoreUnavailable
from hal.api import Fault

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from agent.app.certificates import Certificates
    from agent.app.commands import CommandRouter
    from agent.app.foundations import Foundations
    from agent.core.security_events import SecurityEventKind
    from agent.core.update_health import Observation
    from agent.ports import Csms, Slots
    from agent.services.availability import AvailabilityService
    from agent.services.evse import EvseService
    from agent.services.firmware_ports import Download
    from agent.services.firmware_update import FirmwareUpdateService
    from agent.services.lobby import Lobby
    from agent.services.triggers import TriggerService

FOLDER: Final = "update"
IMAGE: Final = "image"
STORAGE_S: Final = 10.0
_NOT_OFFERED = UpdateAnswer(
    UpdateStatus.REJECTED,
    "UnsupportedRequest",
    "this station has no slots for updates",
    offered=False,
)


class Firmware:
    """Firmware updates of one station; `sessions` are those of the EVSEs and the lobby's."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        sessions: Callable[[], list[Lobby | EvseService]],
        certificates: Certificates,
        tell: Callable[[SecurityEventKind, str], None],
        csms: Csms,
    ) -> None:
        self._f = f
        self._evses = evses
        self._sessions = sessions
        self._certificates = certificates
        self._tell = tell
        self._csms = csms
        self._service: FirmwareUpdateService | None = None

    def serve(
        self, router: CommandRouter, triggers: TriggerService, availability: AvailabilityService
    ) -> None:
        """Take the orders, and the trigger for the status."""
        slots = self._f.hardware.slots
        if slots is None:
            router.carries_out(FirmwareOrder, lambda _: _NOT_OFFERED)
            return
        self._service = service = self._made(slots, availability)
        router.carries_out(FirmwareOrder, service.order)
        triggers.tells_firmware(lambda signed: service.progress(signed=signed))

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what must run as long as the station runs."""
        if self._service is not None:
            yield by_itself(self._service.run())

    @property
    def is_switching(self) -> bool:
        """Tell whether the software is about to be restarted in the other slot."""
        return self._service is not None and self._service.is_switching

    @property
    def obstacle(self) -> Refusal | None:
        """What forbids to restart the station now: it is about to be restarted anyway."""
        if not self.is_switching:
            return None
        return Refusal("FwUpdateInProgress", "the software is being switched over")

    def view(self) -> dict[str, Any] | None:
        """Return how far the latest update has come, None if there was none."""
        update = None if self._service is None else self._service.update
        if self._service is None or update is None:
            return None
        return {
            "request_id": update.order.request_id,
            "stage": update.stage.value,
            "from_version": update.from_version,
            "percent": self._service.percent,
            "detail": update.detail,
        }

    def _made(self, slots: Slots, availability: AvailabilityService) -> FirmwareUpdateService:
        from agent.app.firmware_trust import ManufacturerTrust  # noqa: PLC0415 - see above
        from agent.core.update_health import TrialPolicy  # noqa: PLC0415 - see above
        from agent.services.firmware_ports import (  # noqa: PLC0415 - see above
            FirmwarePorts,
            FirmwareSettings,
        )
        from agent.services.firmware_update import FirmwareUpdateService  # noqa: PLC0415
        from agent.store.firmware_update import StoredFirmwareUpdate  # noqa: PLC0415

        f, update = self._f, self._f.config.update
        ports = FirmwarePorts(
            slots=slots,
            download=f.hardware.download or self._network_download(),
            trust=ManufacturerTrust(self._certificates.roots, update.maker_dir),
            store=StoredFirmwareUpdate(f.storage.documents, f.storage.journal),
            queue=f.storage.journal,
            clock=f.clock,
            tell=self._tell,
            busy=self._busy,
            hold_back=availability.hold_back,
            faults=self._board_faults,
            look=self._look,
        )
        settings = FirmwareSettings(
            version=f.version,
            image=f.config.station.state_dir / FOLDER / IMAGE,
            allow_unsigned=update.allow_unsigned,
            allows_new_sessions=lambda: f.model.boolean(
                sv.ALLOW_NEW_SESSIONS_PENDING_FIRMWARE_UPDATE, default=False
            ),
            trial=TrialPolicy(
                health_timeout_s=update.health_timeout_s,
                without_csms_s=update.confirm_without_csms_s,
            ),
        )
        return FirmwareUpdateService(ports, settings)

    def _network_download(self) -> Download:
        from agent.app.firmware_download import network_download  # noqa: PLC0415 - see above

        roots = self._certificates.roots
        return network_download(self._f.config.update, roots.csms_roots_pem, roots.has_cross_signed)

    def _busy(self) -> bool:
        """Tell whether somebody charges, or was just let in to plug in."""
        states = (session.state for session in self._sessions())
        return any(state.transaction or state.authorization for state in states)

    def _board_faults(self) -> frozenset[str]:
        from agent.core.update_health import BOARD_FAULTS  # noqa: PLC0415 - see above

        faults = (evse.state.snapshot.faults for evse in self._evses.values())
        return frozenset().union(*faults) & BOARD_FAULTS

    async def _look(self, before: frozenset[str]) -> Observation:
        """Look at the station as far as its software can be to blame for it."""
        from agent.core.update_health import Observation  # noqa: PLC0415 - see above

        return Observation(
            guard_answers=all(map(_has_guard, self._evses.values())),
            new_faults=self._board_faults() - before,
            storage_works=await self._storage_works(),
            csms_reached=self._csms.online,
        )

    async def _storage_works(self) -> bool:
        """Tell whether the database can be read, and takes what is written."""
        storage = self._f.storage
        try:
            async with asyncio.timeout(STORAGE_S):
                await storage.database.read(_read_something)
        except (StoreUnavailable, TimeoutError):
            return False
        return not storage.endurance.refuses


def _has_guard(evse: EvseService) -> bool:
    return evse.guard_status is not None and Fault.GUARD_LOST.value not in evse.troubles


def _read_something(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT count(*) FROM document").fetchone()
