"""`stationd rfid`: watch the token readers, and enrol cards where no CSMS sends a list."""

import argparse
import math
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import say, say_table
from agent.cli.programs import Programs
from agent.cli.replies import learnt_cards, removed_cards
from agent.cli.rfid_session import Learning, Watching, learn, watch

EXAMPLE = """stationd rfid watch
         stationd rfid learn --count 3
         stationd rfid list

`stationd rfid OPERATION --help` tells the options of an operation."""

_LONGEST_S = 86_400
_MOST_CARDS = 500
_OPERATIONS = {
    "watch": (
        "tell each token that is held before a reader, and what is wrong with a reader",
        "watch --show",
    ),
    "learn": (
        "add the next card that is held before a reader to those that may charge",
        "learn --evse 1 --count 3",
    ),
    "list": ("list the enrolled cards", "list --show"),
    "forget": ("remove an enrolled card that is lost", "forget --token 04A1B2C3D4E580"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the operations, each with its own options."""
    operations = parser.add_subparsers(dest="operation", metavar="OPERATION", required=True)
    for name, (purpose, example) in _OPERATIONS.items():
        added = operations.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=f"example: stationd rfid {example}",
            allow_abbrev=False,
        )
        _add_options(name, added)
        add_socket(added)
        add_json(added)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Carry the operation out."""
    del programs
    match options.operation:
        case "watch":
            return watch(Watching(options.count, options.timeout, options.show), options)
        case "learn":
            return learn(
                Learning(options.count, options.timeout, options.evse, options.remove), options
            )
        case "list":
            return tell(options, API_SECTION, {"op": "rfid_cards", "show": options.show}, _list)
        case _:
            request = {"op": "rfid_forget", "token": options.token}
            return tell(options, API_SECTION, request, _show_forgotten)


def _add_options(name: str, parser: argparse.ArgumentParser) -> None:
    if name in {"watch", "list"}:
        parser.add_argument(
            "--show", action="store_true", help="show whole tokens, not only their last characters"
        )
    if name == "watch":
        parser.add_argument("--count", type=_count, metavar="N", help="leave after N tokens")
        parser.add_argument(
            "--timeout", type=_seconds, metavar="S", help="leave after S seconds (default: never)"
        )
    if name == "learn":
        parser.add_argument(
            "--count", type=_count, default=1, metavar="N", help="how many cards (default: 1)"
        )
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=60.0,
            metavar="S",
            help="how long to wait for each card, in seconds (default: 60)",
        )
        parser.add_argument(
            "--evse", type=int, metavar="N", help="only at the reader of this EVSE (default: any)"
        )
        parser.add_argument(
            "--remove", action="store_true", help="remove cards that were enrolled here instead"
        )
    if name == "forget":
        parser.add_argument("--token", required=True, help="the token, as `list --show` tells it")


def _list(reply: Mapping[str, Any]) -> None:
    cards = learnt_cards(reply)
    if not cards.enrolled:
        say("no cards are enrolled")
        return
    say_table(("token", "type", "enrolled"), [(c.token, c.type, c.at) for c in cards.enrolled])
    if not cards.are_used:
        say("they let nobody in: LocalAuthListCtrlr.Enabled is false")


def _show_forgotten(reply: Mapping[str, Any]) -> None:
    removed = removed_cards(reply)
    words = "removed" if removed else "not enrolled, so nothing was removed"
    say(words if removed <= 1 else f"{removed} kinds of this token removed")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_CARDS:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MOST_CARDS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"must be seconds, more than 0 and at most {_LONGEST_S}")
    return seconds
