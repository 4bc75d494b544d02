"""The program that stands outside the slots: choose one, carry out requests, take in a package.

    select           before each start of the agent: count a try, choose, move the link
    select --guard   before each start of the guard: see that there is a link
    serve            carry out what the agent asks for
    expire           end a trial that took too long
    adopt BUNDLE     install what a package brings; code 3: a restart tries it

It is started as a folder, with the standard library alone:
`python3 -I -S /usr/lib/stationd/base COMMAND`.
"""

import contextlib
import fcntl
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.update.layout import Layout
from agent.update.selector import NoSlot, ensure_link, select
from agent.update.slot_keeper import PACKAGE_PROBLEMS, SlotKeeper
from agent.update.slot_state import SlotStateError

RESTART_TRIES_IT = 3


def main(arguments: Sequence[str], layout: Layout | None = None) -> int:
    """Carry out one command; return 0 ok, 1 failed, 2 usage, 3 after `adopt`: restart."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    layout = layout or Layout()
    try:
        return _carried_out(arguments, layout)
    except (NoSlot, SlotStateError) as error:
        logging.getLogger(__name__).error("%s", error)
        return 1


def _carried_out(arguments: Sequence[str], layout: Layout) -> int:
    keeper = SlotKeeper(layout)
    match list(arguments):
        case ["select"]:
            keeper.selected(select(layout))
        case ["select", "--guard"]:
            ensure_link(layout)
        case ["serve"]:
            with _alone(layout):
                keeper.serve()
        case ["expire"]:
            with _alone(layout):
                keeper.expire()
        case ["adopt", bundle]:
            with _alone(layout):
                return _adopted(keeper, Path(bundle))
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Wait until nobody else writes slots: a package may come while the agent's update is on.

    A start of the agent does not wait: it writes no slot.
    """
    layout.lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _adopted(keeper: SlotKeeper, bundle: Path) -> int:
    try:
        tries_it = keeper.adopt(bundle)
        ensure_link(keeper.layout)
    except PACKAGE_PROBLEMS as error:
        logging.getLogger(__name__).error("%s was not installed: %s", bundle, error)
        return 1
    return RESTART_TRIES_IT if tries_it else 0
