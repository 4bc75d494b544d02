"""What a firmware update needs from outside besides the slots, and how it may go."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.core.events import StoredEvent
from agent.core.firmware_order import FirmwareOrder
from agent.core.firmware_update import FirmwareUpdate
from agent.core.records import dataclass
from agent.core.security_events import SecurityEventKind
from agent.core.update_health import Observation, TrialPolicy
from agent.ports import Clock, EventQueue, Slots


class Download(Protocol):
    """Fetches files for the CSMS, who may be hostile."""

    def objection(self, location: str) -> str:
        """Return why nothing is fetched from a location, '' if that is to be tried."""

    async def fetch(self, location: str, image: Path, progress: Callable[[int], None]) -> None:
        """Fetch a file, going on with what came of it before; `progress` is in percent.

        Raises `DownloadInterrupted`, `DownloadRefused`. It may be cancelled.
        """

    def forget(self, image: Path) -> None:
        """Remove what came of a file."""


class FirmwareTrust(Protocol):
    """Says who may sign firmware."""

    async def check_signer(self, certificate: str, at: datetime) -> None:
        """Check a signing certificate; raises `CertificateProblem`."""

    async def check_image(self, order: FirmwareOrder, image: Path, at: datetime) -> None:
        """Check signer and signature of a whole file.

        Raises `CertificateProblem`, `SignatureRefused`.
        """


class UpdateStore(Protocol):
    """The durable memory of the latest update."""

    @property
    def found(self) -> FirmwareUpdate | None:
        """Return what the last run left."""

    async def record(self, update: FirmwareUpdate, events: Sequence[StoredEvent]) -> None:
        """Keep an update and queue its events, all or nothing. Raises `StorageRefused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwarePorts:
    """The parts of a firmware update.

    `busy` tells whether somebody charges or was just let in, `hold_back` keeps new ones away.
    `faults` are those of the station now, `look` is given those of before.
    """

    slots: Slots
    download: Download
    trust: FirmwareTrust
    store: UpdateStore
    queue: EventQueue
    clock: Clock
    tell: Callable[[SecurityEventKind, str], None]
    busy: Callable[[], bool]
    hold_back: Callable[[bool], None]
    faults: Callable[[], frozenset[str]]
    look: Callable[[frozenset[str]], Awaitable[Observation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareSettings:
    """How updates may go; `allows_new_sessions` is AllowNewSessionsPendingFirmwareUpdate."""

    version: str
    image: Path
    allow_unsigned: bool
    allows_new_sessions: Callable[[], bool]
    trial: TrialPolicy = TrialPolicy()
