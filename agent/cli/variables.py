"""`stationd variables`: the device model's values and where each comes from."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import plain, say, say_table
from agent.cli.programs import Programs
from agent.cli.replies import VariableValue, variable_values

EXAMPLE = "stationd variables --changed"

_HEADINGS = ("variable", "value", "origin", "access", "initial value")
_SECRET = "(secret)"  # noqa: S105 - what is shown instead of one
_ORIGINS = {
    "default": "default",
    "configured": "station.toml",
    "changed": "CSMS",
    "live": "station",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--changed",
        action="store_true",
        help="only what the CSMS has changed; these values survive restarts and updates",
    )
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and show its variables."""
    del programs
    request = {"op": "variables", "changed": options.changed}
    return tell(options, API_SECTION, request, _show)


def _show(reply: Mapping[str, Any]) -> None:
    values = variable_values(reply)
    if not values:
        say("nothing was changed")
        return
    say_table(_HEADINGS, [_row(value) for value in values])


def _row(variable: VariableValue) -> tuple[str, ...]:
    changed = variable.origin == "changed"
    return (
        plain(variable.name),
        plain(_SECRET if variable.value is None else variable.value),
        _ORIGINS.get(variable.origin, variable.origin),
        variable.access,
        plain(_SECRET if variable.initial is None else variable.initial) if changed else "",
    )
