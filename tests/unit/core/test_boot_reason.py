import pytest

from agent.core.boot_reason import LastRun, boot_reason
from agent.core.vocabulary import BootReason


@pytest.mark.requirement("B01.FR.09")
@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (LastRun(left=None, first_start=True), BootReason.POWER_UP),
        (LastRun(left=None, power_was_lost=True), BootReason.POWER_UP),
        (LastRun(left=BootReason.LOCAL_RESET, power_was_lost=True), BootReason.POWER_UP),
        (LastRun(left=None, power_was_lost=True, watchdog_bit=True), BootReason.WATCHDOG),
        (LastRun(left=BootReason.REMOTE_RESET, power_was_lost=True), BootReason.REMOTE_RESET),
        (LastRun(left=BootReason.SCHEDULED_RESET), BootReason.SCHEDULED_RESET),
        (LastRun(left=BootReason.REMOTE_RESET, version_changed=True), BootReason.REMOTE_RESET),
        (LastRun(left=BootReason.LOCAL_RESET, version_changed=True), BootReason.FIRMWARE_UPDATE),
        (LastRun(left=BootReason.LOCAL_RESET), BootReason.LOCAL_RESET),
        (LastRun(left=BootReason.APPLICATION_RESET), BootReason.APPLICATION_RESET),
        (LastRun(left=None, service_result="watchdog"), BootReason.WATCHDOG),
        (LastRun(left=None, service_result="core-dump"), BootReason.APPLICATION_RESET),
        (LastRun(left=None, service_result="success"), BootReason.UNKNOWN),
        (LastRun(left=None), BootReason.UNKNOWN),
    ],
)
def test_the_most_specific_reason_that_is_proven_is_told(last: LastRun, reason: BootReason) -> None:
    assert boot_reason(last) is reason
