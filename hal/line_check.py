"""Tries the safety lines of a board, real or simulated, as far as is safe: no contactor closes.

The pilot is driven to its steady levels, and to PWMs of the shortest plateaus that it will have if
no vehicle is there; the residual-current monitor is tested; everything else is only read.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hal.api import EvseLines, Fault, Finding, HardwareError, PilotSample, SafetyBoard

STEP_S = 0.01
SETTLE_S = 0.15
TEST_LIMIT_S = 5.0
HALF = 0.5
LOOKS = 100
"""How often each PWM is looked at: a sampler that is too slow may still be lucky once."""
HIGH_V = (11.0, 13.0)
LOW_V = (-13.0, -11.0)
STATES_V = {"B": (8.0, 10.0), "C": (5.0, 7.0), "D": (2.0, 4.0)}
# What the driver of several contactors finds out itself, and says nothing about at rest.
_DERIVED = frozenset({Fault.CONTACTOR_STUCK_OPEN, Fault.CONTACTOR_WELDED})


@dataclass(frozen=True, slots=True)
class Pace:
    """The time, and how to let it pass."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def check(
    board: SafetyBoard,
    pace: Pace | None = None,
    duties: Mapping[int, Sequence[float]] | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each device of each EVSE; the board is left open and safe.

    `duties` are those that the pilot of an EVSE must be sampled at besides one half.
    """
    runner = _Runner(board, pace or Pace())
    for evse, lines in board.evses.items():
        try:
            yield from runner.evse(evse, lines, (duties or {}).get(evse, ()))
        except HardwareError as error:
            yield Finding(evse, "lines", ok=False, message=str(error))


class _Runner:
    """Lets the guard's ticks pass while a device is tried."""

    def __init__(self, board: SafetyBoard, pace: Pace) -> None:
        self._board = board
        self._pace = pace

    def evse(self, evse: int, lines: EvseLines, duties: Sequence[float]) -> Iterator[Finding]:
        lines.contactor.command(closed=False)
        self._settle(SETTLE_S)
        for device, ok, message in self._devices(lines, duties):
            yield Finding(evse, device, ok=ok, message=message)

    def _devices(
        self, lines: EvseLines, duties: Sequence[float]
    ) -> Iterator[tuple[str, bool, str]]:
        yield from self._pilot(lines, duties)
        yield "contactor", *_contactor(lines)
        if lines.proximity is not None:
            rating_a = lines.proximity.cable_rating_a()
            cable = "no cable" if rating_a is None else f"a cable for {rating_a} A"
            yield "proximity", True, f"sees {cable}"
        if lines.residual_current is not None:
            yield "rcm", *self._monitor(lines)
        if lines.lock is not None:
            state = "engaged" if lines.lock.is_engaged() else "released"
            yield "lock", True, f"its feedback says {state}; it was not moved"
        for fault, line in lines.fault_inputs.items():
            if fault not in _DERIVED:
                yield f"input {fault}", *_input(is_on=line.is_on())
        if lines.shut_off is not None:
            yield "shut_off", True, "was not tried: that would cut the mains"
        if lines.tamper is not None:
            seen = "the housing is open" if lines.tamper.is_on() else "the housing is shut"
            yield "tamper", True, f"says that {seen}"

    def _pilot(self, lines: EvseLines, duties: Sequence[float]) -> Iterator[tuple[str, bool, str]]:
        steady = self._sample(lines, 1.0)
        yield "pilot +12 V", *_positive(steady)
        yield "pilot -12 V", *_negative(self._sample(lines, 0.0))
        if _within(steady.high_v, HIGH_V):
            yield "pilot PWM", *self._modulated(lines, (HALF, *duties))
            lines.pilot.set_duty(0.0)
            self._settle(STEP_S)

    def _modulated(self, lines: EvseLines, duties: Sequence[float]) -> tuple[bool, str]:
        """Look at each PWM several times; the first that is not seen rightly is told."""
        for duty in duties:
            self._sample(lines, duty)
            for _ in range(LOOKS):
                self._settle(STEP_S)
                sample = lines.pilot.sample()
                if not (_within(sample.high_v, HIGH_V) and _within(sample.low_v, LOW_V)):
                    return False, _not_seen(duty, sample)
        seen = " and ".join(f"{duty * 100:.0f} %" for duty in sorted(set(duties)))
        return True, f"both plateaus of a PWM of {seen} are seen"

    def _sample(self, lines: EvseLines, duty: float) -> PilotSample:
        lines.pilot.set_duty(duty)
        self._settle(SETTLE_S)
        return lines.pilot.sample()

    def _monitor(self, lines: EvseLines) -> tuple[bool, str]:
        monitor = lines.residual_current
        if monitor is None:
            raise AssertionError("asked for only where there is one")
        if monitor.tripped():
            return False, "reports a residual current, or its fault wire is broken"
        started_s = self._pace.clock()
        monitor.start_self_test()
        verdict = None
        while verdict is None and self._pace.clock() - started_s < TEST_LIMIT_S:
            self._settle(STEP_S)
            verdict = monitor.self_test_passed()
        took_ms = (self._pace.clock() - started_s) * 1000
        if verdict:
            return True, f"passed its self test in {took_ms:.0f} ms"
        return False, "failed its self test: check the wires of TEST and FAULT, and its supply"

    def _settle(self, seconds: float) -> None:
        until_s = self._pace.clock() + seconds
        while True:
            self._board.flush()
            self._pace.sleep(STEP_S)
            self._board.refresh()
            if self._pace.clock() >= until_s:
                return


def _positive(sample: PilotSample) -> tuple[bool, str]:
    seen = f"reads {sample.high_v:.1f} V while steady +12 V is driven"
    if _within(sample.high_v, HIGH_V):
        return True, f"{seen}; no vehicle"
    for state, span in STATES_V.items():
        if _within(sample.high_v, span):
            return True, f"{seen}: a vehicle in state {state}"
    return False, f"{seen}: check driver stage, +12 V supply, calibration and pilot wire"


def _negative(sample: PilotSample) -> tuple[bool, str]:
    seen = f"reads {sample.low_v:.1f} V while steady -12 V is driven"
    if _within(sample.low_v, LOW_V):
        return True, seen
    return False, f"{seen}: check driver stage, -12 V supply and calibration"


def _not_seen(duty: float, sample: PilotSample) -> str:
    seen = f"a PWM of {duty * 100:.0f} % reads {sample.high_v:.1f} V and {sample.low_v:.1f} V"
    if duty == HALF:
        return f"{seen}: check that the PWM reaches the pin, and the converter's speed"
    return (
        f"{seen}: the converter is too slow for its short plateau; raise budget_ms, take a faster"
        " converter or peak detectors, or lower max_current_a"
    )


def _contactor(lines: EvseLines) -> tuple[bool, str]:
    if not lines.contactor.is_closed():
        return True, "its mirror contact says open; it was not closed"
    closed = ", ".join(lines.contactor.closed_contactors())
    return False, (
        f"its mirror contact says closed though nothing drives {closed}: the contactor is welded,"
        " a wire is broken, or the board file has the wrong kind of contact"
    )


def _input(*, is_on: bool) -> tuple[bool, str]:
    if not is_on:
        return True, "is off"
    return False, "is on: it was actuated, its wire is broken, or active_low is the wrong way round"


def _within(volts: float, span: tuple[float, float]) -> bool:
    return span[0] <= volts <= span[1]
