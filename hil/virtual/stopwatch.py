"""The stopwatch: from what happens at the outlet to the coil's line, by the machine's own clock.

The bench card notes every change with the kernel's monotonic time at which the machine could see
or did it. A reaction is from the first cause under a driven coil to the fall of the coil's line.
"""

from collections.abc import Iterable

from hil.virtual import wiring as w
from hil.virtual.card import Record
from hil.virtual.registers import Traced

# Between state C (6 V) and state B (9 V).
LEFT_C_STEPS = w.pilot_steps(7.5)


class Stopwatch:
    """Follows the trace; the last reactions are None until there is one.

    `dropped_ns` is when the coil's line fell last.
    """

    def __init__(self) -> None:
        self.fault_to_open_ms: float | None = None
        self.leave_to_open_ms: float | None = None
        self.dropped_ns: int | None = None
        self._fault_ns: int | None = None
        self._left_ns: int | None = None
        self._coil = False

    def note(self, records: Iterable[Record]) -> None:
        """Take the next changes, in their order."""
        for record in records:
            if record.kind == Traced.LEVELS:
                self._note_levels(record)
            elif record.kind == Traced.PILOT:
                self._note_pilot(record)

    def _note_levels(self, record: Record) -> None:
        if not record.is_high(w.COIL):
            if self._coil:
                self._stop(record.at_ns)
            self._coil, self._fault_ns, self._left_ns = False, None, None
            return
        self._coil = True
        if not _shows_fault(record):
            self._fault_ns = None
        elif self._fault_ns is None:
            self._fault_ns = record.at_ns

    def _note_pilot(self, record: Record) -> None:
        if record.value < LEFT_C_STEPS:
            self._left_ns = None
        elif self._coil and self._left_ns is None:
            self._left_ns = record.at_ns

    def _stop(self, now_ns: int) -> None:
        self.dropped_ns = now_ns
        if self._fault_ns is not None:
            self.fault_to_open_ms = (now_ns - self._fault_ns) / 1e6
        elif self._left_ns is not None:
            self.leave_to_open_ms = (now_ns - self._left_ns) / 1e6


def _shows_fault(record: Record) -> bool:
    """Tell whether the residual current monitor or a fault input is on."""
    if record.is_high(w.RCM_TRIP):
        return True
    return any(
        record.is_high(line) is not (fault in w.OPENS_WHEN_ON)
        for fault, line in w.FAULT_INPUTS.items()
    )
