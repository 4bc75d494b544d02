"""Which faults stay, which recover, and what the pilot and the lock do meanwhile."""

import pytest

from hal.api import Fault
from hal.guard.fault_latch import NO_FAULTS, RECOVERABLE, FaultLatch


def update(
    latch: FaultLatch, *active: Fault, now_s: float, free: bool = False, left: bool = False
) -> FaultLatch:
    return latch.update(frozenset(active) or NO_FAULTS, free=free, left=left, now_s=now_s)


def latched(*faults: Fault) -> FaultLatch:
    return update(FaultLatch(), *faults, now_s=100.0)


@pytest.mark.parametrize("fault", sorted(set(Fault) - RECOVERABLE - {Fault.PILOT_NEGATIVE}))
def test_a_fault_stays_until_the_outlet_is_free(fault: Fault) -> None:
    latch = update(latched(fault), now_s=1e6)
    assert latch.faults == {fault}
    assert not update(latch, now_s=1e6, free=True).faults


def test_a_missing_negative_supply_stays_until_a_vehicle_leaves() -> None:
    latch = update(latched(Fault.PILOT_NEGATIVE, Fault.DIODE), now_s=200.0, free=True)
    assert latch.faults == {Fault.PILOT_NEGATIVE}
    assert not update(latch, now_s=300.0, free=True, left=True).faults


def test_a_short_explains_a_missing_negative_supply() -> None:
    latch = update(latched(Fault.PILOT_NEGATIVE), Fault.PILOT_SHORT, now_s=101.0)
    assert latch.faults == {Fault.PILOT_SHORT}
    assert update(latch, Fault.PILOT_NEGATIVE, now_s=102.0).faults == {Fault.PILOT_SHORT}


@pytest.mark.parametrize("fault", Fault)
def test_unplugging_does_not_help_while_the_cause_is_there(fault: Fault) -> None:
    latch = update(latched(fault), fault, now_s=1e6, free=True, left=True)
    assert latch.faults == {fault}


@pytest.mark.parametrize("fault", sorted(RECOVERABLE))
def test_a_recoverable_fault_ends_five_seconds_after_its_cause(fault: Fault) -> None:
    latch = update(latched(fault), fault, now_s=200.0)
    assert update(latch, now_s=204.9).faults == {fault}
    assert not update(latch, now_s=205.0).faults


def test_a_recovering_fault_leaves_the_others() -> None:
    latch = update(latched(Fault.OTHER), Fault.UNDER_VOLTAGE, now_s=101.0)
    assert update(latch, now_s=110.0).faults == {Fault.OTHER}


def test_state_f_is_shown_for_three_hundred_milliseconds_of_the_first_fault() -> None:
    latch = latched(Fault.OTHER)
    assert latch.shows_state_f(100.299)
    assert not latch.shows_state_f(100.301)
    assert not update(latch, Fault.RCD, now_s=200.0).shows_state_f(200.0)
    assert not FaultLatch().shows_state_f(0.0)


def test_the_lock_is_released_after_five_seconds() -> None:
    assert not latched(Fault.OTHER).releases_lock(104.9)
    assert latched(Fault.OTHER).releases_lock(105.0)
    assert not FaultLatch().releases_lock(105.0)
