"""`stationd why`: what limits or prevents charging, EVSE by EVSE, in plain words."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import plain, say
from agent.cli.programs import Programs
from agent.cli.replies import EvseExplanation, explanations

EXAMPLE = "stationd why --evse 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_socket(parser)
    add_json(parser)
    parser.add_argument("--evse", type=int, metavar="N", help="only this EVSE (default: all)")


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and tell the causes, the most important first."""
    del programs
    request = {"op": "why"} if options.evse is None else {"op": "why", "evse": options.evse}
    return tell(options, API_SECTION, request, _show)


def _show(reply: Mapping[str, Any]) -> None:
    for explanation in explanations(reply):
        _show_one(explanation)


def _show_one(explanation: EvseExplanation) -> None:
    say(plain(explanation.sentence))
    for cause in explanation.causes:
        say(plain(f"  {'!' if cause.prevents else '-'} {cause.sentence}"))
        if cause.remedy:
            say(plain(f"      {cause.remedy}"))
