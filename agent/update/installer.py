"""Installs one image that the agent has named.

The privileged side starts `python -m agent.update.installer IMAGE NUMBER NOW_S` as root, with the
libraries of the slot in use. The agent's word counts for nothing here: the image is copied out of
its reach, the signature over the whole copy is checked against the makers of this station, and only
then is anything in it read.
"""

import contextlib
import datetime as dt
import logging
import os
import platform
import stat
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from agent.update.bundle import MOST_BUNDLE_BYTES, BundleError
from agent.update.durable import remove_file
from agent.update.fitness import StationFacts, Unfit, check_fits
from agent.update.layout import Layout
from agent.update.requests import Answer, Outcome, write_answer
from agent.update.slot_keeper import write_inactive
from agent.update.slot_state import SlotState, SlotStateError, load
from agent.update.slot_tree import read_mark, require_room
from agent.update.trust import Distrusted, open_signed

PRODUCT: Final = "stationd"
_CHUNK: Final = 1 << 20


class Refused(Exception):
    """An image is not to be installed on this station."""


class Cancelled(Exception):
    """The agent has taken its wish back."""


def install(layout: Layout, image: str, number: str, now: dt.datetime) -> Answer:
    """Install an image of the agent's and return how it went."""

    def tell(done: int, total: int) -> None:
        # A link there would tell the agent what else exists, if it were followed.
        if os.path.lexists(layout.cancel):
            raise Cancelled
        percent = done * 100 // max(total, 1)
        if percent != told[0]:
            told[0] = percent
            answer = Answer(number=number, outcome=Outcome.WORKING, percent=percent)
            write_answer(layout.answer, answer)

    told = [-1]
    try:
        _install(layout, image, now, tell)
    except (Refused, Distrusted, Unfit, BundleError) as error:
        return Answer(number=number, outcome=Outcome.REFUSED, message=str(error)[:300])
    except Cancelled:
        return Answer(number=number, outcome=Outcome.FAILED, message="cancelled")
    except (OSError, SlotStateError) as error:
        return Answer(number=number, outcome=Outcome.FAILED, message=str(error)[:300])
    finally:
        with contextlib.suppress(OSError):
            remove_file(layout.incoming)
    return Answer(number=number, outcome=Outcome.DONE, percent=100)


def _install(layout: Layout, image: str, now: dt.datetime, tell: Any) -> None:
    state = load(layout.state)
    facts = station_facts(layout, state)
    take_over(layout.outbox / image, layout.incoming)
    bundle, seal = open_signed(layout.incoming, layout.makers, now)
    check_fits(bundle.manifest, facts)
    write_inactive(layout, state, bundle, seal.sha256, tell)


def take_over(image: Path, incoming: Path) -> None:
    """Copy an image to where the agent cannot change it; raises `Refused`, `OSError`."""
    remove_file(incoming)
    source = _opened(image)
    try:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST_BUNDLE_BYTES:
            raise Refused("the image is no plain file, or is larger than any bundle")
        require_room(incoming.parent, facts.st_size)
        # Whatever the agent makes root read here must not become readable to it.
        with open(incoming, "xb", opener=_private) as copy:
            while chunk := os.read(source, _CHUNK):
                if copy.tell() + len(chunk) > MOST_BUNDLE_BYTES:
                    raise Refused("the image grows while it is read")
                copy.write(chunk)
    finally:
        os.close(source)


def _opened(image: Path) -> int:
    """Open a file of the agent's; neither it nor its folder may be a link, and nothing waits."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        folder = os.open(image.parent, flags | os.O_DIRECTORY)
        try:
            return os.open(image.name, flags, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Refused(f"the image cannot be read: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def station_facts(layout: Layout, state: SlotState) -> StationFacts:
    """Return what this station is; raises `SlotStateError` if that cannot be told."""
    mark = read_mark(layout.slots / state.active)
    if mark is None:
        raise SlotStateError(f"slot {state.active} is not complete; install the package again")
    try:
        document = tomllib.loads(layout.config.read_text("utf-8"))
        hardware = str(document["station"]["model"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SlotStateError(f"{layout.config} does not tell the model: {error}") from error
    return StationFacts(
        product=PRODUCT,
        hardware=hardware,
        machine=platform.machine(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        version=mark.version,
        rollback_index=state.rollback_index,
    )


def later_of(system_s: float, told_s: float) -> dt.datetime:
    """Return the time by which certificates are judged.

    A machine without a clock of its own starts in the past; the CSMS's time may push it on, and
    never back, since a certificate that has expired must not become valid again.
    """
    return dt.datetime.fromtimestamp(max(system_s, told_s), dt.UTC)


def main(arguments: Sequence[str], layout: Layout | None = None) -> int:
    """Install and answer; return 0, or 1 if nothing was installed."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    layout = layout or Layout()
    image, number, told_s = arguments
    os.nice(10)
    answer = install(layout, image, number, later_of(time.time(), float(told_s)))
    write_answer(layout.answer, answer)
    logging.getLogger(__name__).info("%s: %s %s", image, answer.outcome.value, answer.message)
    return 0 if answer.outcome is Outcome.DONE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
