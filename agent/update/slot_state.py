"""Which of two application slots is started: the rule, and the file that remembers it.

Only the standard library is used: the service manager runs this from outside the slots, before any
slot is trusted. The file is replaced as a whole and on the disk before anything is started, so that
a power cut leaves the old state or the new one.

A slot on trial is started at most `tries` times without being confirmed; then the active one is
started again, for good. So a version that crashes, hangs, or never gets to its confirmation loses.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from agent.update.durable import replace_file

SLOTS: Final = ("a", "b")
TRIES: Final = 3
SCHEMA: Final = 1
LONGEST_TEXT: Final = 300
UNCONFIRMED: Final = "the new version was started several times and never found healthy"


class SlotStateError(Exception):
    """The state of the slots cannot be read or written; the message names the file."""


@dataclass(frozen=True, slots=True)
class SlotState:
    """`active` is confirmed; `trial` is to be tried `tries` more times, None without one.

    `ready` is a slot that was written and may be put on trial. `failed` is the slot whose trial
    came to nothing last, `failure` why. `rollback_index` is the highest that was confirmed: no
    bundle with a lower one is installed.
    """

    active: str = "a"
    trial: str | None = None
    tries: int = 0
    ready: str | None = None
    failed: str | None = None
    failure: str = ""
    rollback_index: int = 0

    @property
    def inactive(self) -> str:
        """Return the slot that an update may be written into."""
        return SLOTS[1 - SLOTS.index(self.active)]


def emptied(state: SlotState) -> SlotState:
    """Say that the other slot is about to be written; raises `SlotStateError` during a trial."""
    if state.trial is not None:
        raise SlotStateError(f"slot {state.trial} is on trial")
    return replace(state, ready=None, failed=None, failure="")


def written(state: SlotState) -> SlotState:
    """Say that the other slot is complete and may be tried; raises `SlotStateError`."""
    return replace(emptied(state), ready=state.inactive)


def tried(state: SlotState, tries: int = TRIES) -> SlotState:
    """Put the slot that was written on trial; raises `SlotStateError` if none was."""
    if state.ready is None:
        raise SlotStateError("no slot was written that could be tried")
    return replace(state, trial=state.ready, tries=tries, ready=None, failed=None, failure="")


def started(state: SlotState) -> tuple[str, SlotState]:
    """Return the slot to start now, and the state that must be on the disk before."""
    if state.trial is None:
        return state.active, state
    if state.tries <= 0:
        return state.active, rolled_back(state, UNCONFIRMED)
    return state.trial, replace(state, tries=state.tries - 1)


def confirmed(state: SlotState, slot: str, rollback_index: int) -> SlotState:
    """Make the slot on trial the active one; for any other slot nothing changes."""
    if state.trial != slot:
        return state
    highest = max(state.rollback_index, rollback_index)
    return SlotState(active=slot, rollback_index=highest)


def rolled_back(state: SlotState, failure: str) -> SlotState:
    """End a trial without success; the active slot stays."""
    if state.trial is None:
        return state
    return replace(state, trial=None, tries=0, failed=state.trial, failure=failure[:LONGEST_TEXT])


def parse(text: str) -> SlotState:
    """Read a state; raises `SlotStateError`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SlotStateError("is not JSON") from error
    if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
        raise SlotStateError(f"is not of schema {SCHEMA}")
    try:
        state = SlotState(**document)
    except TypeError as error:
        raise SlotStateError("has other keys than it should") from error
    if not isinstance(document.get("failure", ""), str) or not _makes_sense(state):
        raise SlotStateError("contradicts itself")
    return state


def as_text(state: SlotState) -> str:
    """Return what `parse` reads."""
    return json.dumps({"schema": SCHEMA, **asdict(state)}, indent=1, sort_keys=True) + "\n"


def load(file: Path, new: SlotState | None = None) -> SlotState:
    """Read the state, from its copy if it is damaged; a station without either is `new`.

    Raises `SlotStateError` if neither can be read: nothing is started by guessing.
    """
    problems = []
    for candidate in (file, _copy_of(file)):
        try:
            return parse(candidate.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, SlotStateError) as error:
            problems.append(f"{candidate} {error}")
    if problems:
        raise SlotStateError("; ".join(problems) + "; put a good one there, or install anew")
    return new or SlotState()


def store(file: Path, state: SlotState) -> None:
    """Put a state on the disk, a copy of it first; raises `OSError`."""
    text = as_text(state).encode()
    for target in (_copy_of(file), file):
        replace_file(target, text)


def _makes_sense(state: SlotState) -> bool:
    integers = (state.tries, state.rollback_index)
    return (
        state.active in SLOTS
        and state.trial in (None, *SLOTS)
        and state.trial != state.active
        and state.ready in (None, state.inactive)
        and state.failed in (None, *SLOTS)
        and all(type(number) is int and number >= 0 for number in integers)
    )


def _copy_of(file: Path) -> Path:
    return file.with_name(file.name + ".copy")
