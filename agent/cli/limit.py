"""`stationd limit`: limits the station or one EVSE, as a relay or an energy manager would.

Without an amount it shows the limits that there are, and what the receivers on site say.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import plain, say
from agent.cli.programs import Programs

CLEAR = "clear"
SOURCES = ("EMS", "SO", "Other")
EXAMPLE = """stationd limit
         stationd limit 16
         stationd limit --evse 2 clear
         stationd limit --watts --source SO --grid-critical 4200"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "amount",
        type=_amount,
        nargs="?",
        metavar="AMPS|clear",
        help="A per phase, or release the limit (default: show the limits)",
    )
    parser.add_argument(
        "--evse", type=int, default=0, help="only this EVSE (default: the whole station)"
    )
    parser.add_argument("--watts", action="store_true", help="the amount is W in total")
    parser.add_argument(
        "--source",
        choices=SOURCES,
        default="Other",
        help="who limits: an energy manager, the grid operator (default: %(default)s)",
    )
    parser.add_argument(
        "--grid-critical", action="store_true", help="the grid needs it: without the random delay"
    )
    parser.add_argument(
        "--generation",
        action="store_true",
        help="not a limit, but what is generated on site on top of the station's maximum",
    )
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Order the limit and tell when it holds; or show the limits."""
    del programs
    if options.amount is None:
        return tell(options, API_SECTION, {"op": "limits"}, _show_limits)
    request: dict[str, Any] = {
        "op": "limit",
        "evse": options.evse,
        "source": options.source,
        "generation": options.generation,
    }
    if options.amount == CLEAR:
        request["clear"] = True
    else:
        request["watts" if options.watts else "amps"] = options.amount
        request["grid_critical"] = options.grid_critical
    return tell(options, API_SECTION, request, _show)


def _show(reply: Mapping[str, Any]) -> None:
    in_s = reply.get("in_s")
    say("done" if not in_s else f"will be done in {in_s} s, as random_delay_s of the file wants it")


def _show_limits(reply: Mapping[str, Any]) -> None:
    for limit in reply.get("limits", ()):
        amount = f"{limit['amps']:g} A" if "amps" in limit else f"{limit['watts']:g} W"
        kind = "generates at" if limit.get("generation") else "limits"
        say(plain(f"{limit['source']} {kind} {_place(limit)}: {amount}, since {limit['since']}"))
    if not reply.get("limits"):
        say("no limit from outside")
    if not reply.get("obeyed", True):
        say("the variables of SmartChargingCtrlr do not let limits from outside hold")
    for receiver in reply.get("receivers", ()):
        mark = "! " if receiver.get("failed") else ""
        place = _place(receiver)
        say(plain(f"{mark}receiver {receiver['id']} for {place}: {receiver['sentence']}"))


def _place(facts: Mapping[str, Any]) -> str:
    return f"EVSE {facts['evse']}" if facts.get("evse") else "the station"


def _amount(text: str) -> float | str:
    if text == CLEAR:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is a number, or {CLEAR}") from None
