"""`stationd limit`: limits the whole station or one EVSE, as a relay or an energy manager would."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import say
from agent.cli.programs import Programs

CLEAR = "clear"
SOURCES = ("EMS", "SO", "Other")
EXAMPLE = """stationd limit 16
         stationd limit --evse 2 clear
         stationd limit --watts --source SO --grid-critical 4200"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "amount", type=_amount, metavar="AMPS|clear", help="A per phase, or release the limit"
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
        "--grid-critical", action="store_true", help="at once, without the random delay"
    )
    parser.add_argument(
        "--generation",
        action="store_true",
        help="not a limit, but what is generated on site on top of the station's maximum",
    )
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Order the limit and tell when it holds."""
    del programs
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


def _amount(text: str) -> float | str:
    if text == CLEAR:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is a number, or {CLEAR}") from None
