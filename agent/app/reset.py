"""What a reset needs to know of this station."""

from agent.app.firmware import Firmware
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.commands import Refusal
from agent.services.availability import AvailabilityService
from agent.services.reset import ResetMeans


def reset_means(
    f: Foundations, availability: AvailabilityService, firmware: Firmware
) -> ResetMeans:
    """Return the means of resets, read from device model and storage when they are needed."""
    return ResetMeans(
        restart=f.restart,
        operative=availability.operative,
        may_be_reset=lambda evse: f.model.boolean(sv.evse_allow_reset(evse), default=False),
        obstacle=lambda: _obstacle(f) or firmware.obstacle,
        retries=lambda: f.model.integer(sv.RESET_RETRIES),
    )


def _obstacle(f: Foundations) -> Refusal | None:
    """Forbid a restart that would lose what the storage refuses to keep (B12.FR.10)."""
    if f.storage.endurance.refuses:
        return Refusal("OutOfStorage", "what is not stored yet would be lost")
    return None
