"""The two operations of `stationd rfid` that last: learning cards, and watching readers.

Both ask again and again with short questions. Learning ends with the command, whatever ends it; the
station stops it by itself when the questions cease.
"""

import argparse
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.cli.asking import failed
from agent.cli.exit_codes import FAILED, OK
from agent.cli.local_socket import API_SECTION, QuestionRefused, StationNotReached, ask, socket_path
from agent.cli.output import complain, plain, say, say_json
from agent.cli.replies import OddReply, ReaderNews, held_card, reader_news

WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Learning:
    """Which cards to wait for; `timeout_s` is for each of them."""

    count: int
    timeout_s: float
    evse: int | None
    removes: bool


@dataclass(frozen=True, slots=True)
class Watching:
    """How long to watch; None is without end."""

    count: int | None
    timeout_s: float | None
    shows: bool


def learn(wanted: Learning, options: argparse.Namespace) -> int:
    """Enrol or remove cards as they are held before a reader; return the exit code."""
    return _complaining(options, lambda path: _learn(wanted, options, path))


def watch(wanted: Watching, options: argparse.Namespace) -> int:
    """Tell what the readers tell; return the exit code."""
    return _complaining(options, lambda path: _watch(wanted, options, path))


def _complaining(options: argparse.Namespace, work: Callable[[Path], int]) -> int:
    try:
        return work(socket_path(API_SECTION, options.config, options.socket))
    except QuestionRefused as refusal:
        return failed(options, str(refusal), refusal.reply)
    except (StationNotReached, OddReply) as error:
        return failed(options, str(error), {"ok": False, "error": str(error)})


# --- Learning.


def _learn(wanted: Learning, options: argparse.Namespace, path: Path) -> int:
    session = uuid.uuid4().hex
    request = {"op": "rfid_learn", "session": session, "remove": wanted.removes}
    if wanted.evse is not None:
        request["evse"] = wanted.evse
    try:
        return _learn_all(wanted, options, path, request)
    finally:
        _end(path, session)


def _learn_all(
    wanted: Learning, options: argparse.Namespace, path: Path, request: dict[str, Any]
) -> int:
    left, told = wanted.count, set[str]()
    deadline_s = time.monotonic() + wanted.timeout_s
    # The first question only asks whether cards may be enrolled at all.
    wait_s = 0.0
    while left:
        reply = ask(path, {**request, "wait_s": wait_s})
        card = held_card(reply)
        for loss in card.lost_readers - told:
            complain(plain(loss))
        told |= card.lost_readers
        if card.outcome is not None:
            if options.json:
                say_json(reply)
            else:
                say(plain(card.sentence))
            left -= card.outcome != "refused"
            deadline_s = time.monotonic() + wanted.timeout_s
        elif not wait_s and not options.json:
            say(_invitation(wanted))
        wait_s = min(WAIT_S, deadline_s - time.monotonic())
        if left and wait_s <= 0:
            why = f"no card was held before a reader for {wanted.timeout_s:g} s"
            return failed(options, why, {"ok": False, "error": why})
    return OK


def _invitation(wanted: Learning) -> str:
    where = "a reader" if wanted.evse is None else f"the reader of EVSE {wanted.evse}"
    cards = "the card" if wanted.count == 1 else f"{wanted.count} cards, one after the other,"
    what = "removed" if wanted.removes else "enrolled"
    return f"hold {cards} before {where}; it is {what}, not taken as a wish to charge"


def _end(path: Path, session: str) -> None:
    """Let cards be judged again; a station that cannot be told does so by itself in seconds."""
    try:
        ask(path, {"op": "rfid_learn", "session": session, "end": True})
    except (StationNotReached, QuestionRefused):
        return


# --- Watching.


def _watch(wanted: Watching, options: argparse.Namespace, path: Path) -> int:
    seen = 0
    for news in _all_news(wanted, path):
        if options.json:
            say_json(news.reply)
        else:
            say(plain(news.sentence))
        seen += news.is_token
        if wanted.count is not None and seen >= wanted.count:
            return OK
    short_of = wanted.count is not None and seen < wanted.count
    return FAILED if short_of else OK


def _all_news(wanted: Watching, path: Path) -> Iterator[ReaderNews]:
    """Yield how each reader is, then what is new, until the time is over."""
    request = {"op": "rfid_watch", "show": wanted.shows}
    begin_s = time.monotonic()
    number, states, _ = reader_news(ask(path, request))
    yield from states
    left_s = WAIT_S
    while left_s > 0:
        reply = ask(path, {**request, "after": number, "wait_s": min(WAIT_S, left_s)})
        number, _, news = reader_news(reply)
        yield from news
        if wanted.timeout_s is not None:
            left_s = begin_s + wanted.timeout_s - time.monotonic()
