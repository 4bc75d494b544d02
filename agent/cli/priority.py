"""`stationd priority`: lets whoever charges at an EVSE charge with priority, or not any more."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import say
from agent.cli.programs import Programs

EXAMPLE = "stationd priority on --evse 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("switch", choices=("on", "off"), help="with priority, or as before")
    parser.add_argument("--evse", type=int, default=1, help="which EVSE (default: %(default)s)")
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Order it; without a profile for it the station says so."""
    del programs
    request = {"op": "priority", "evse": options.evse, "on": options.switch == "on"}
    return tell(options, API_SECTION, request, _show)


def _show(reply: Mapping[str, Any]) -> None:
    del reply
    say("done")
