"""All EVSEs on their lines: sample, decide, drive; and what happens when the lines are lost."""

import logging
from collections.abc import Callable, Mapping

from hal.api import (
    EvseLines,
    Fault,
    GuardStatus,
    HardwareError,
    HardwareLost,
    Lease,
    SafetyBoard,
)
from hal.guard import decision
from hal.guard.duty import STEADY_NEGATIVE
from hal.guard.evse import EvseInputs, EvseOutputs, EvseSetup, EvseState
from hal.guard.fault_latch import NO_FAULTS
from hal.guard.shut_off import NOWHERE, ShutOffMemory
from hal.guard.trouble import TroubleNote

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 2.0
# After the lines are found the pilot is given this long before anybody is told its state: the
# first samples may still show the level of whoever drove it before.
SETTLE_S = 0.200

_log = logging.getLogger(__name__)


class Station:
    """The EVSEs of one board. `step` never raises `HardwareError`: lost lines are a state.

    After a step `pending` asks for the next one soon, `calm` allows it to come late. `memory`
    keeps what only a person may undo over restarts of the guard, `note` tells why lines are lost.
    """

    def __init__(
        self,
        setups: tuple[EvseSetup, ...],
        open_board: Callable[[], SafetyBoard],
        now_s: float,
        memory: ShutOffMemory | None = None,
        note: TroubleNote | None = None,
    ) -> None:
        self._setups = {setup.evse: setup for setup in setups}
        self._open_board = open_board
        self._board: SafetyBoard | None = None
        self._memory = memory
        self._note = note
        self._kept = NOWHERE if memory is None else memory.tripped()
        self._states = {
            evse: decision.start(setup, now_s, shut_off=evse in self._kept)
            for evse, setup in self._setups.items()
        }
        self._statuses: dict[int, GuardStatus] = {}
        self._found_s: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = now_s
        self.pending = False
        self.calm = False

    @property
    def evses(self) -> frozenset[int]:
        """The numbers of the EVSEs."""
        return frozenset(self._setups)

    @property
    def fileno(self) -> int | None:
        """The descriptor that becomes readable on an edge, None while the lines are lost."""
        return None if self._board is None or self._found_s is None else self._board.fileno()

    @property
    def states(self) -> Mapping[int, EvseState]:
        """What is remembered of each EVSE."""
        return self._states

    @property
    def at_rest(self) -> bool:
        """Tell whether every contactor is commanded open and has opened, as far as one can know."""
        return self._found_s is None or all(
            not state.contactor.commanded
            and (not state.contactor.closed or Fault.CONTACTOR_WELDED in state.latch.faults)
            for state in self._states.values()
        )

    @property
    def deserted(self) -> bool:
        """Tell whether nothing is plugged in or supplied: a new guard would lose nothing."""
        return self.at_rest and not any(state.plug.plugged for state in self._states.values())

    def statuses(self, now_s: float) -> Mapping[int, GuardStatus]:
        """Return what may be told now: nothing until the pilots have settled."""
        if self._found_s is not None and now_s - self._found_s < SETTLE_S:
            return {}
        return self._statuses

    def grant(self, lease: Lease, now_s: float) -> None:
        """Take a lease for one of the EVSEs."""
        self._states[lease.evse] = decision.grant(self._states[lease.evse], lease, now_s)

    def request_unlock(self, evse: int) -> None:
        """Release the lock of an EVSE once, if it is safe."""
        self._states[evse] = decision.request_unlock(self._states[evse])

    def abandon(self, now_s: float) -> None:
        """Take notice that the services are gone."""
        for evse, state in self._states.items():
            self._states[evse] = decision.abandon(state, now_s)

    def shut_down(self) -> None:
        """Begin to stop all EVSEs for good."""
        for evse, state in self._states.items():
            self._states[evse] = decision.shut_down(state)

    def open(self) -> None:
        """Open the board; raises `HardwareError` unless its lines are only out of reach for now."""
        try:
            self._board = self._opened()
        except HardwareLost as error:
            self._lose_lines(error, self._retry_at_s)

    def step(self, now_s: float) -> None:
        """Sample, decide and drive every EVSE once."""
        try:
            board = self._board_in_reach(now_s)
            if board is not None:
                self._step_on(board, now_s)
        except HardwareError as error:
            self._lose_lines(error, now_s)
        if self._found_s is None:
            self._statuses = {
                evse: decision.status_without_lines(setup, self._states[evse], now_s)
                for evse, setup in self._setups.items()
            }

    def close(self) -> None:
        """Drive everything safe and give the lines back."""
        if self._board is None:
            return
        make_safe(self._board, self._tripped())
        self._board.close()
        self._board = None
        self._found_s = None

    def _keep_tripped(self) -> None:
        """Leave a mark for each shut-off tripped since the last time; the lines come first."""
        for evse in self._tripped() - self._kept:
            self._kept |= {evse}
            if self._memory is not None:
                self._memory.keep(evse)

    def _tripped(self) -> frozenset[int]:
        return frozenset(evse for evse, state in self._states.items() if state.shut_off)

    def _board_in_reach(self, now_s: float) -> SafetyBoard | None:
        if self._board is None:
            if now_s < self._retry_at_s:
                return None
            self._board = self._opened()
        return self._board

    def _opened(self) -> SafetyBoard:
        board = self._open_board()
        missing = self._setups.keys() - board.evses.keys()
        if missing:
            board.close()
            raise HardwareError(f"the board has no lines for EVSE {min(missing)}")
        return board

    def _step_on(self, board: SafetyBoard, now_s: float) -> None:
        board.refresh()
        found = self._found_s is None
        statuses, pending, calm = {}, False, True
        for evse, setup in self._setups.items():
            lines, state = board.evses[evse], self._states[evse]
            inputs = read(lines)
            if found:
                state = decision.find_lines(setup, state, inputs, now_s)
            decided = decision.decide(setup, state, inputs, now_s)
            drive(lines, decided.outputs)
            self._states[evse], statuses[evse] = decided.state, decided.status
            pending, calm = pending or decided.pending, calm and decided.calm
        board.flush()
        self._statuses, self.pending, self.calm = statuses, pending, calm
        self._keep_tripped()
        if found:
            self._found_s, self._retry_s = now_s, FIRST_RETRY_S
            _log.info("the safety lines are in reach")
            if self._note is not None:
                self._note.forget()

    def _lose_lines(self, error: HardwareError, now_s: float) -> None:
        if self._found_s is not None or self._retry_s == FIRST_RETRY_S:
            _log.error("the safety lines are out of reach, every output counts as open: %s", error)
        self._found_s, self.pending, self.calm = None, False, False
        self._retry_at_s = now_s + self._retry_s
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        for evse, state in self._states.items():
            self._states[evse] = decision.lose_lines(self._setups[evse], state, now_s)
        if self._board is not None:
            make_safe(self._board, self._tripped())
            self._board.close()
            self._board = None
        self._keep_tripped()
        if self._note is not None:
            self._note.tell(str(error))


def read(lines: EvseLines) -> EvseInputs:
    """Return one sample of every line of an EVSE."""
    monitor, proximity, lock = lines.residual_current, lines.proximity, lines.lock
    tamper = lines.tamper
    on = [fault for fault, line in lines.fault_inputs.items() if line.is_on()]
    return EvseInputs(
        pilot=lines.pilot.sample(),
        contactor_closed=lines.contactor.is_closed(),
        fault_inputs=frozenset(on) if on else NO_FAULTS,
        residual_tripped=None if monitor is None else monitor.tripped(),
        self_test_passed=None if monitor is None else monitor.self_test_passed(),
        cable_rating_a=None if proximity is None else proximity.cable_rating_a() or 0,
        lock_engaged=None if lock is None else lock.is_engaged(),
        tampered=None if tamper is None else tamper.is_on(),
        has_shut_off=lines.shut_off is not None,
    )


def drive(lines: EvseLines, outputs: EvseOutputs) -> None:
    """Set every output of an EVSE; the contactor first, should anything after it fail."""
    lines.contactor.command(closed=outputs.contactor_closed)
    if lines.shut_off is not None:
        lines.shut_off.command(tripped=outputs.shut_off)
    if outputs.select_phases is not None:
        lines.contactor.select_phases(outputs.select_phases)
    lines.pilot.set_duty(outputs.duty)
    if lines.lock is not None:
        lines.lock.command(engaged=outputs.lock_engaged)
    if outputs.start_self_test and lines.residual_current is not None:
        lines.residual_current.start_self_test()


def make_safe(board: SafetyBoard, tripped: frozenset[int] = NOWHERE) -> bool:
    """Open every contactor and show state F; locks stay as they are. Tell whether it was done.

    A second shut-off is never released here; it is tripped anew for the EVSEs in `tripped`.
    """
    try:
        for evse, lines in board.evses.items():
            lines.contactor.command(closed=False)
            if evse in tripped and lines.shut_off is not None:
                lines.shut_off.command(tripped=True)
            lines.pilot.set_duty(STEADY_NEGATIVE)
        board.flush()
    except HardwareError:
        return False
    return True
