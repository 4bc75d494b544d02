"""`python -m hil.virtual.wires MEMORY TO_GUEST TO_HOST STATE_DIR`: the wires of EVSE 1.

They lie between the card, whose descriptors are given, and the simulated board of a folder: what
the guest drives moves the board's world, and what that shows moves the guest's lines. To the board
this is the owner of its lines, as the guard is on the bench `sim`. Wires do not wait for a busy
computer, so they have a process of their own, with real-time priority where that is allowed.
"""

import logging
import os
import select
import sys
import time
from pathlib import Path

from hal.api import EvseLines, HardwareLost, ResidualCurrentMonitor, SafetyBoard
from hal.mock.safety_board import open_safety_board
from hal.mock.wire import EvseSettings
from hil.virtual import wiring as w
from hil.virtual.card import Card, CardFiles, Outputs

EVSE = 1
BUILT = EvseSettings(has_shut_off=True)
REFRESH_S = 0.05
# A machine that has not looked for so long is off or hangs.
DEAF_S = 5.0
# How long a monitor's output stays on after its own test, by the machine's clock.
ANSWER_NS = 200_000_000
# Contacts and a lock that have not moved after this time do not move.
MOVING_S = 0.5
PRIORITY = 35

_log = logging.getLogger(__name__)


class Wires:
    """The cable loom of EVSE 1."""

    def __init__(self, card: Card, state_dir: Path) -> None:
        self._card = card
        self._state_dir = state_dir
        self._asked = self._testing = False
        self._answers = False
        self._answers_until_ns: int | None = None
        self._shown: object = None
        self._looked_ns, self._rung_s = -1, 0.0
        self._driven: Outputs | None = None
        self._driven_s = 0.0

    def run(self) -> None:
        """Serve board after board: one that fails its mains lets go of its lines."""
        while True:
            try:
                board = open_safety_board({EVSE: BUILT}, self._state_dir)
            except HardwareLost:
                time.sleep(REFRESH_S)
                continue
            try:
                self._serve(board)
            except HardwareLost as error:
                _log.info("the board lets go of its lines: %s", error)
            finally:
                self._card.attend(attended=False)
                board.close()

    def _serve(self, board: SafetyBoard) -> None:
        self._asked = self._testing = self._answers = False
        self._shown = None
        poll = select.poll()
        for fileno in (self._card.fileno(), board.fileno()):
            poll.register(fileno, select.POLLIN)
        while True:
            self._card.heard()
            lines, written, outputs = board.evses[EVSE], self._card.written, self._card.outputs()
            self._drive(lines, outputs)
            board.flush()
            board.refresh()
            self._show(lines)
            self._time_answer()
            self._card.answer(written, owing=self._owes(lines, outputs))
            self._card.attend(attended=True)
            poll.poll(REFRESH_S * 1000)

    def _drive(self, lines: EvseLines, outputs: Outputs) -> None:
        """Take the guest's outputs over to the board."""
        disconnected = outputs.is_high(w.PILOT_DISCONNECT)
        lines.pilot.set_duty(0.0 if disconnected else min(1.0, outputs.waves[w.PILOT_PWM].duty))
        lines.contactor.command(closed=outputs.is_high(w.COIL))
        if lines.shut_off is not None and outputs.is_high(w.SHUT_OFF):
            lines.shut_off.command(tripped=True)  # only a person can set it again
        if lines.lock is not None:
            forward, backward = outputs.is_high(w.LOCK_FORWARD), outputs.is_high(w.LOCK_BACKWARD)
            if forward is not backward:  # both together are the motor's brake
                lines.lock.command(engaged=forward)
        if lines.residual_current is not None:
            self._test(lines.residual_current, asked=outputs.is_high(w.RCM_TEST))

    def _owes(self, lines: EvseLines, outputs: Outputs) -> bool:
        """Tell whether the guest's outputs have yet to have an effect, or it has yet to see one."""
        now_s = time.monotonic()
        if outputs != self._driven:
            self._driven, self._driven_s = outputs, now_s
        if self._testing or not self._is_seen():
            return True
        moves = lines.contactor.is_closed() is not outputs.is_high(w.COIL)
        if lines.lock is not None:
            forward, backward = outputs.is_high(w.LOCK_FORWARD), outputs.is_high(w.LOCK_BACKWARD)
            moves |= forward is not backward and lines.lock.is_engaged() is not forward
        return moves and now_s - self._driven_s < MOVING_S

    def _test(self, monitor: ResidualCurrentMonitor, *, asked: bool) -> None:
        """Let the monitor test itself at the beginning of a pulse, and show its answer a while."""
        if asked and not self._asked:
            monitor.start_self_test()
            self._testing = True
        self._asked = asked
        if self._testing and monitor.self_test_passed() is not None:
            self._testing = False
            self._answers, self._answers_until_ns = monitor.self_test_passed() is True, None

    def _show(self, lines: EvseLines) -> None:
        """Take what the board's world shows over to the guest, if it has changed."""
        levels = self._levels(lines)
        sample = lines.pilot.sample()
        cable_a = None if lines.proximity is None else lines.proximity.cable_rating_a()
        shown = (levels, sample, cable_a)
        if shown == self._shown:
            return
        if not self._is_seen():
            return
        self._shown = shown
        for line, high in levels.items():
            self._card.drive(line, high=high)
        self._card.apply(w.PILOT_ADC, w.pilot_steps(sample.high_v), w.pilot_steps(sample.low_v))
        self._card.apply(w.PROXIMITY_ADC, w.proximity_steps(cable_a))
        self._ring()

    def _ring(self) -> None:
        self._looked_ns, self._rung_s = self._card.looked_ns, time.monotonic()
        self._card.ring()

    def _is_seen(self) -> bool:
        """Tell whether the guest has seen the last change: a slow machine must not miss an edge."""
        seen = self._card.looked_ns != self._looked_ns
        return seen or time.monotonic() - self._rung_s > DEAF_S

    def _time_answer(self) -> None:
        """End a monitor's answer once it was there long enough for the guest, who is asked when."""
        if not self._answers or not self._is_seen():
            return
        if self._answers_until_ns is None:
            self._answers_until_ns = self._card.looked_ns + ANSWER_NS
        elif self._card.looked_ns >= self._answers_until_ns:
            self._answers = False
        elif time.monotonic() - self._rung_s >= REFRESH_S:
            self._ring()

    def _levels(self, lines: EvseLines) -> dict[int, bool]:
        levels = {
            line: lines.fault_inputs[fault].is_on() is not (fault in w.OPENS_WHEN_ON)
            for fault, line in w.FAULT_INPUTS.items()
        }
        levels[w.MIRROR_CONTACT] = not lines.contactor.is_closed()
        levels[w.LOCK_FEEDBACK] = lines.lock is not None and lines.lock.is_engaged()
        levels[w.LID] = lines.tamper is not None and lines.tamper.is_on()
        monitor = lines.residual_current
        if monitor is not None:
            levels[w.RCM_TRIP] = monitor.tripped() or self._answers
        return levels


def main() -> None:
    """Be the wires until the process is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    memory, to_guest, to_host = map(int, sys.argv[1:4])
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        _log.info("the wires run without real time and may be late")
    Wires(Card(CardFiles(memory, to_guest, to_host)), Path(sys.argv[4])).run()


if __name__ == "__main__":
    main()
