import pytest

from agent.core.faults import ENDS_TRANSACTION, stopped_reason
from agent.core.vocabulary import StoppedReason
from hal.api import Fault

SUSPENDING = {
    Fault.OVER_TEMPERATURE,
    Fault.METER_LOST,
    Fault.READER_LOST,
    Fault.UNDER_VOLTAGE,
    Fault.LINES_LOST,
    Fault.GUARD_LOST,
}


def test_every_fault_of_the_hardware_either_ends_or_suspends() -> None:
    assert set(ENDS_TRANSACTION) == {fault.value for fault in set(Fault) - SUSPENDING}


@pytest.mark.parametrize("fault", sorted(SUSPENDING))
def test_a_fault_that_may_pass_ends_nothing(fault: str) -> None:
    assert stopped_reason(frozenset({fault})) is None


def test_no_fault_ends_nothing() -> None:
    assert stopped_reason(frozenset()) is None


@pytest.mark.requirement("E06.FR.16", "S16-TXN-04")
@pytest.mark.parametrize(("fault", "reason"), ENDS_TRANSACTION.items())
def test_a_fatal_fault_has_its_reason_whatever_comes_with_it(
    fault: str, reason: StoppedReason
) -> None:
    assert stopped_reason(frozenset({fault, "over_temperature", "unheard_of"})) is reason


def test_the_most_serious_fault_gives_the_reason() -> None:
    assert stopped_reason(frozenset({"other", "over_current", "rcd"})) is StoppedReason.GROUND_FAULT
    assert stopped_reason(frozenset({"lock", "estop"})) is StoppedReason.EMERGENCY_STOP
