"""What a run leaves behind for the next one, and what that one makes of it (B01.FR.09)."""

import logging
from pathlib import Path

from agent.app import machine
from agent.app.storage import Storage
from agent.config.model import StationConfig
from agent.core.boot_reason import LastRun, boot_reason
from agent.core.vocabulary import BootReason
from agent.services.reset import KIND, REASON

EPOCH = "power_epoch"
VERSION = "version"
SERVICE_RESULT = "service_result"
"""The file in the state directory into which the unit's ExecStopPost writes $SERVICE_RESULT."""
_LONGEST_RESULT = 32

log = logging.getLogger(__name__)


async def take_last_run(
    config: StationConfig, storage: Storage, *, epoch: str, version: str
) -> LastRun:
    """Read what the last run left, and write down what the next one will be told of this one."""
    documents = storage.documents
    known_epoch, known_version = documents.get(KIND, EPOCH), documents.get(KIND, VERSION)
    power_was_lost = known_epoch is not None and known_epoch != epoch
    last = LastRun(
        left=_known_reason(documents.get(KIND, REASON)),
        first_start=known_epoch is None,
        power_was_lost=power_was_lost,
        version_changed=known_version is not None and known_version != version,
        service_result=_service_result(config.station.state_dir / SERVICE_RESULT),
        watchdog_bit=power_was_lost and machine.watchdog_bit(),
    )
    if (known_epoch, known_version) != (epoch, version):
        await documents.put_many(KIND, {EPOCH: epoch, VERSION: version})
    if documents.get(KIND, REASON) is not None:
        await documents.delete(KIND, REASON)
    log.info("started: %s", boot_reason(last).value)
    return last


async def leave_reason(storage: Storage, reason: BootReason) -> None:
    """Write down why the next run will have begun, unless a reset has done so."""
    if storage.documents.get(KIND, REASON) is None:
        await storage.documents.put(KIND, REASON, reason)


def _known_reason(text: str | None) -> BootReason | None:
    return BootReason(text) if text in frozenset(BootReason) else None


def _service_result(file: Path) -> str:
    """Return the service manager's word for how the last run ended; it is told once."""
    try:
        text = file.read_text("ascii", errors="replace")[:_LONGEST_RESULT].strip()
        file.unlink()
    except OSError:
        return ""
    return text
