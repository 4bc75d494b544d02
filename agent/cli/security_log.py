"""`stationd security-log`: the security events that the station logged."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import say, say_table
from agent.cli.programs import Programs
from agent.cli.replies import SecurityEntry, security_entries

EXAMPLE = "stationd security-log --json"

_HEADINGS = ("entry", "time", "event", "told", "details")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and list the entries, the oldest first."""
    del programs
    return tell(options, API_SECTION, {"op": "security_log"}, _show)


def _show(reply: Mapping[str, Any]) -> None:
    found = security_entries(reply)
    if not found:
        say("the security log is empty")
        return
    say_table(_HEADINGS, [_row(entry) for entry in found])


def _row(entry: SecurityEntry) -> tuple[str, ...]:
    told = "to the CSMS" if entry.critical else "logged only"
    return str(entry.number), entry.at, entry.type, told, entry.info or "-"
