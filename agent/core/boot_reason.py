"""Why the software runs anew, told from what the last run left behind (B01.FR.09)."""

from agent.core.records import dataclass
from agent.core.vocabulary import BootReason

_BY_THE_CSMS = frozenset({BootReason.REMOTE_RESET, BootReason.SCHEDULED_RESET})
_WATCHDOG = "watchdog"
_FAILURES = frozenset({"exit-code", "signal", "core-dump", "oom-kill", "timeout", "resources"})
"""How a service manager says that a program failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """What is known of how the software ended last.

    `left` is the reason that it wrote down itself. `service_result` is the service manager's word.
    `power_was_lost` says that the machine started anew, `watchdog_bit` that its watchdog did it.
    """

    left: BootReason | None
    first_start: bool = False
    power_was_lost: bool = False
    version_changed: bool = False
    service_result: str = ""
    watchdog_bit: bool = False


def boot_reason(last: LastRun) -> BootReason:  # noqa: PLR0911 - one line a reason
    """Return the most specific reason that is proven, `Unknown` if none is."""
    if last.left in _BY_THE_CSMS:
        return last.left
    if last.version_changed:
        return BootReason.FIRMWARE_UPDATE
    if last.power_was_lost and last.watchdog_bit:
        return BootReason.WATCHDOG
    if last.power_was_lost or last.first_start:
        return BootReason.POWER_UP
    if last.left is not None:
        return last.left
    if last.service_result == _WATCHDOG:
        return BootReason.WATCHDOG
    if last.service_result in _FAILURES:
        return BootReason.APPLICATION_RESET
    return BootReason.UNKNOWN
