"""Which faults stay, which recover, and what the pilot and the lock do meanwhile."""

import pytest

from hal.api import Fault
from hal.guard.fault_latch import NO_FAULTS, RECOVERABLE, FaultLatch


def latched(fault: Fault) -> FaultLatch:
    return FaultLatch().update(frozenset({fault}), unplugged=False, now_s=100.0)


@pytest.mark.parametrize("fault", sorted(set(Fault) - RECOVERABLE))
def test_a_fault_stays_until_unplugged(fault: Fault) -> None:
    latch = latched(fault).update(NO_FAULTS, unplugged=False, now_s=1e6)
    assert latch.faults == {fault}
    assert not latch.update(NO_FAULTS, unplugged=True, now_s=1e6).faults


@pytest.mark.parametrize("fault", Fault)
def test_unplugging_does_not_help_while_the_cause_is_there(fault: Fault) -> None:
    latch = latched(fault).update(frozenset({fault}), unplugged=True, now_s=1e6)
    assert latch.faults == {fault}


@pytest.mark.parametrize("fault", sorted(RECOVERABLE))
def test_a_recoverable_fault_ends_five_seconds_after_its_cause(fault: Fault) -> None:
    latch = latched(fault).update(frozenset({fault}), unplugged=False, now_s=200.0)
    assert latch.update(NO_FAULTS, unplugged=False, now_s=204.9).faults == {fault}
    assert not latch.update(NO_FAULTS, unplugged=False, now_s=205.0).faults


def test_a_recovering_fault_leaves_the_others() -> None:
    latch = latched(Fault.OTHER).update(
        frozenset({Fault.UNDER_VOLTAGE}), unplugged=False, now_s=101.0
    )
    assert latch.update(NO_FAULTS, unplugged=False, now_s=110.0).faults == {Fault.OTHER}


def test_state_f_is_shown_for_three_hundred_milliseconds_of_the_first_fault() -> None:
    latch = latched(Fault.OTHER)
    assert latch.shows_state_f(100.299)
    assert not latch.shows_state_f(100.301)
    more = latch.update(frozenset({Fault.RCD}), unplugged=False, now_s=200.0)
    assert not more.shows_state_f(200.0)
    assert not FaultLatch().shows_state_f(0.0)


def test_the_lock_is_released_after_five_seconds() -> None:
    assert not latched(Fault.OTHER).releases_lock(104.9)
    assert latched(Fault.OTHER).releases_lock(105.0)
    assert not FaultLatch().releases_lock(105.0)
