"""The privileged side of an update: carries out what the agent asks for, and what a package brings.

It runs as root, from outside the slots, for moments only. What needs more than the standard
library, the check of a bundle's signature, is done by `installer` with the libraries of the slot
that is started; that slot was verified when it was written.
"""

import contextlib
import logging
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from agent.core.records import dataclass
from agent.update.bundle import BundleError, VerifiedBundle, read_seal
from agent.update.layout import AGENT_UNIT, GUARD_UNIT, TRIAL_TIMER, Layout
from agent.update.manifest import ManifestError
from agent.update.requests import (
    Answer,
    Order,
    Outcome,
    Request,
    RequestError,
    read_answer,
    take_request,
    write_answer,
)
from agent.update.selector import Selection
from agent.update.slot_link import linked_slot, station_state
from agent.update.slot_processes import guard_age_s, process_in
from agent.update.slot_state import (
    SLOTS,
    SlotState,
    SlotStateError,
    confirmed,
    emptied,
    rolled_back,
    store,
    tried,
    written,
)
from agent.update.slot_tree import empty, interpreter_of, read_mark, write

_log = logging.getLogger(__name__)

EXPIRED: Final = "the new version was not found healthy in time"
INSTALLER: Final = "agent.update.installer"
GUARD_PROVEN_S: Final = 8.0
"""A guard that runs for so long has been seen by the agent, and survived its own watchdog."""

RunCommand = Callable[[Sequence[str]], int]
"""Runs a command and returns its exit code."""


def run_command(command: Sequence[str]) -> int:
    """Run a command with the journal as its output."""
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603 - fixed words


@dataclass(frozen=True, slots=True)
class SlotKeeper:
    """Changes state and slots on request; `run` is handed in, as a test has no service manager."""

    layout: Layout
    run: RunCommand = run_command

    def serve(self) -> None:
        """Carry out the request that lies there, if any, and answer it."""
        try:
            request = take_request(self.layout.request)
        except RequestError as error:
            _log.error("%s", error)
            return
        if request is None:
            return
        self._answer(request, Outcome.WORKING)
        try:
            self._carry_out(request)
        except (SlotStateError, OSError) as error:
            self._answer(request, Outcome.FAILED, str(error))

    def expire(self) -> None:
        """End a trial that nobody has confirmed."""
        state = station_state(self.layout)
        if state.trial is not None:
            self._roll_back(state, EXPIRED)

    def selected(self, selection: Selection) -> None:
        """Do what a selection wants of the service manager: watch a trial, renew the guard."""
        if selection.on_trial:
            self._systemctl("start", TRIAL_TIMER)
        if selection.moved:
            # The guard goes on with its old code as long as it has a vehicle; see hal.guard.
            self._systemctl("kill", "--kill-who=main", "--signal=HUP", GUARD_UNIT)

    def adopt(self, bundle: Path) -> bool:
        """Install what a package brings; return whether a restart would try something new.

        The package manager has judged where it comes from. On a station without a slot it is
        simply used; otherwise it goes the way of every update, with a trial. A state that was
        lost is made anew around the slot that is started.
        Raises `BundleError`, `ManifestError`, `SlotStateError`, `OSError`.
        """
        seal = read_seal(bundle)
        image = VerifiedBundle(bundle, seal)
        self.layout.slots.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.layout.state.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        state = self._mended_state()
        present = read_mark(self.layout.slots / state.active)
        if present is not None and present.bundle_sha256 == seal.sha256.hex():
            return False
        if state.trial is not None and self._holds(state.trial, seal.sha256):
            # The package is configured a second time, while its version proves itself.
            return False
        if present is None:
            self._fill_active(state, image, seal.sha256)
            return False
        state = rolled_back(state, "another version was installed as a package")
        write_inactive(self.layout, state, image, seal.sha256)
        store(self.layout.state, tried(station_state(self.layout)))
        return True

    def _holds(self, slot: str, sha256: bytes) -> bool:
        mark = read_mark(self.layout.slots / slot)
        return mark is not None and mark.bundle_sha256 == sha256.hex()

    def _mended_state(self) -> SlotState:
        try:
            return station_state(self.layout)
        except SlotStateError as error:
            _log.error("the state of the slots is made anew: %s", error)
            slot = linked_slot(self.layout) or SLOTS[0]
            mark = read_mark(self.layout.slots / slot)
            state = SlotState(slot, rollback_index=0 if mark is None else mark.rollback_index)
            store(self.layout.state, state)
            return state

    def _fill_active(self, state: SlotState, image: VerifiedBundle, sha256: bytes) -> None:
        """Write the slot that should hold what runs; the other one may be all that still starts."""
        slot = self.layout.slots / state.active
        empty(slot)
        write(slot, image, sha256, None)
        index = max(state.rollback_index, image.manifest.rollback_index)
        store(self.layout.state, SlotState(state.active, rollback_index=index))

    def _carry_out(self, request: Request) -> None:
        match request.order:
            case Order.INSTALL:
                self._install(request)
            case Order.ACTIVATE:
                self._activate(request)
            case Order.CONFIRM:
                self._confirm(request)
            case Order.GIVE_UP:
                self._roll_back(station_state(self.layout), request.reason or "was given up")
                self._answer(request, Outcome.DONE)

    def _install(self, request: Request) -> None:
        slot = linked_slot(self.layout)
        if slot is None:
            raise SlotStateError("there is no slot whose installer could verify the image")
        interpreter = interpreter_of(self.layout.slots / slot)
        words = (request.image, request.number, str(request.now_s))
        code = self.run([str(interpreter), "-I", "-m", INSTALLER, *words])
        answer = read_answer(self.layout.answer)
        if answer is None or answer.outcome is Outcome.WORKING:
            self._answer(request, Outcome.FAILED, f"the installer ended with code {code}")

    def _activate(self, request: Request) -> None:
        """Put the written slot on trial; a restart of what runs already would cost a try."""
        state = station_state(self.layout)
        if state.trial is None:
            state = tried(state)
            store(self.layout.state, state)
        self._answer(request, Outcome.DONE)
        if linked_slot(self.layout) != state.trial:
            self._systemctl("restart", AGENT_UNIT)

    def _confirm(self, request: Request) -> None:
        """Keep the version on trial, once nothing runs from the one before, the guard least of all.

        The guard changes over when no vehicle is there. Only then it has shown that it starts.
        """
        state, slot = station_state(self.layout), linked_slot(self.layout)
        if state.trial is not None:
            if state.trial != slot:
                raise SlotStateError("what runs is not what is on trial")
            if process_in(self.layout.slots / state.active) is not None:
                self._answer(request, Outcome.LATER, "the guard has not changed over yet")
                return
            if self.run(["/usr/bin/systemctl", "is-active", "--quiet", GUARD_UNIT]) != 0:
                raise SlotStateError("the guard of the new version does not run")
            age_s = guard_age_s(self.layout.slots / state.trial)
            if age_s is not None and age_s < GUARD_PROVEN_S:
                self._answer(request, Outcome.LATER, "the guard has only just changed over")
                return
            mark = read_mark(self.layout.slots / state.trial)
            index = state.rollback_index if mark is None else mark.rollback_index
            store(self.layout.state, confirmed(state, state.trial, index))
            self._systemctl("stop", TRIAL_TIMER)
        elif slot != state.active:
            raise SlotStateError(f"the trial has ended: {state.failure or 'another slot is kept'}")
        self._answer(request, Outcome.DONE)

    def _roll_back(self, state: SlotState, failure: str) -> None:
        """Go back to the active slot, unless that is what runs."""
        if state.trial is not None:
            store(self.layout.state, rolled_back(state, failure))
            self._systemctl("stop", TRIAL_TIMER)
        elif linked_slot(self.layout) == state.active:
            return
        self._systemctl("restart", AGENT_UNIT)

    def _systemctl(self, *words: str) -> None:
        code = self.run(["/usr/bin/systemctl", "--no-block", *words])
        if code != 0:
            _log.warning("systemctl %s ended with code %d", " ".join(words), code)

    def _answer(self, request: Request, outcome: Outcome, message: str = "") -> None:
        self.layout.answer.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        answer = Answer(number=request.number, outcome=outcome, message=message)
        write_answer(self.layout.answer, answer)


def write_inactive(
    layout: Layout,
    state: SlotState,
    image: VerifiedBundle,
    sha256: bytes,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a bundle that was found good into the slot that is not active, and say so.

    Whatever ends this in the middle leaves the active slot as it is, and the other one unmarked.
    Raises `BundleError`, `OSError`, `SlotStateError`.
    """
    inactive, active = layout.slots / state.inactive, layout.slots / state.active
    before = emptied(state)
    user = process_in(inactive)
    if user is not None:
        raise SlotStateError(f"process {user} still runs from slot {state.inactive}; try later")
    store(layout.state, before)
    empty(inactive)
    try:
        write(inactive, image, sha256, active, progress)
    except BaseException:
        # A torn tree takes room that the next attempt needs, and others meanwhile.
        with contextlib.suppress(OSError):
            empty(inactive)
        raise
    store(layout.state, written(station_state(layout)))


def discard_torn(layout: Layout, state: SlotState) -> None:
    """Remove what a cut has left of the slot that is not active; its room is needed."""
    inactive = layout.slots / state.inactive
    if state.trial is None and read_mark(inactive) is None and process_in(inactive) is None:
        empty(inactive)


PACKAGE_PROBLEMS: Final = (BundleError, ManifestError, SlotStateError, OSError)
"""What can be wrong with `adopt`."""
