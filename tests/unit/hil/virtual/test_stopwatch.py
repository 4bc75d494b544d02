"""Which cause the fall of a coil's line is reckoned from."""

import pytest

from hal.api import Fault
from hil.virtual import wiring as w
from hil.virtual.card import Record
from hil.virtual.registers import Traced
from hil.virtual.stopwatch import Stopwatch

MS = 1_000_000
HEALTHY = sum(1 << line for fault, line in w.FAULT_INPUTS.items() if fault in w.OPENS_WHEN_ON)
STATE_B, STATE_C = w.pilot_steps(9.0), w.pilot_steps(6.0)


def levels(at_ms: int, *lines: int, but: int = 0) -> Record:
    """Return a change after which these lines are high and nothing is wrong but for a line."""
    value = HEALTHY ^ but
    for line in lines:
        value |= 1 << line
    return Record(at_ms * MS, Traced.LEVELS, value)


def pilot(at_ms: int, steps: int) -> Record:
    return Record(at_ms * MS, Traced.PILOT, steps)


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


def test_a_residual_current_is_reckoned_from_its_edge(watch: Stopwatch) -> None:
    watch.note([levels(0, w.COIL), levels(100, w.COIL, w.RCM_TRIP), levels(131, w.RCM_TRIP)])
    assert watch.fault_to_open_ms == pytest.approx(31)
    assert watch.leave_to_open_ms is None
    assert watch.dropped_ns == 131 * MS


@pytest.mark.parametrize("fault", list(w.FAULT_INPUTS))
def test_each_fault_input_counts_by_its_own_level(watch: Stopwatch, fault: Fault) -> None:
    wrong = 1 << w.FAULT_INPUTS[fault]
    watch.note([levels(0, w.COIL), levels(10, w.COIL, but=wrong), levels(15, but=wrong)])
    assert watch.fault_to_open_ms == pytest.approx(5)


def test_a_car_that_leaves_state_c_is_reckoned_from_the_pilots_step(watch: Stopwatch) -> None:
    watch.note([levels(0, w.COIL), pilot(5, STATE_C), pilot(50, STATE_B), levels(95)])
    assert watch.leave_to_open_ms == pytest.approx(45)
    assert watch.fault_to_open_ms is None


def test_a_car_that_comes_back_in_time_is_no_cause(watch: Stopwatch) -> None:
    watch.note([levels(0, w.COIL), pilot(10, STATE_B), pilot(20, STATE_C), levels(90)])
    assert watch.leave_to_open_ms is None


def test_the_first_of_several_causes_counts(watch: Stopwatch) -> None:
    wrong = 1 << w.FAULT_INPUTS[Fault.PROTECTIVE_EARTH]
    watch.note(
        [
            levels(0, w.COIL),
            levels(10, w.COIL, w.RCM_TRIP),
            levels(20, w.COIL, w.RCM_TRIP, but=wrong),
            levels(40, w.RCM_TRIP, but=wrong),
        ]
    )
    assert watch.fault_to_open_ms == pytest.approx(30)


def test_what_happens_behind_an_open_contactor_is_no_cause(watch: Stopwatch) -> None:
    watch.note([levels(0, w.RCM_TRIP), pilot(1, STATE_B), levels(10), levels(20, w.COIL)])
    watch.note([levels(30)])
    assert watch.fault_to_open_ms is None
    assert watch.leave_to_open_ms is None
    assert watch.dropped_ns == 30 * MS


def test_the_last_reaction_is_told(watch: Stopwatch) -> None:
    for start in (0, 1000):
        took = 10 if start else 90
        watch.note([levels(start, w.COIL), levels(start + 1, w.COIL, w.RCM_TRIP)])
        watch.note([levels(start + 1 + took, w.RCM_TRIP)])
    assert watch.fault_to_open_ms == pytest.approx(10)


def test_waves_are_nothing_to_it(watch: Stopwatch) -> None:
    watch.note([Record(5, Traced.PWM, 1 << w.COIL), Record(6, Traced.PWM, 0)])
    assert watch.dropped_ns is None
