"""`stationd bench`: plug in, swipe, break and measure on the mock board of a running station."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import Show, tell
from agent.cli.bench_operations import OPERATIONS, add_operation, request_from
from agent.cli.local_socket import BENCH_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import plain, say
from agent.cli.programs import Programs

EXAMPLE = """stationd bench plug_in --evse 1
         stationd bench swipe --token DEADBEEF

`stationd bench OPERATION --help` tells the options of an operation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the operations, each with its own options."""
    operations = parser.add_subparsers(dest="operation", metavar="OPERATION", required=True)
    for operation in OPERATIONS:
        added = operations.add_parser(
            operation.name,
            help=operation.purpose,
            description=f"{operation.purpose[0].upper()}{operation.purpose[1:]}.",
            epilog=f"example: stationd bench {operation.example}",
            allow_abbrev=False,
        )
        add_operation(added, operation)
        add_socket(added)
        add_json(added)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Send the operation to the bench and tell what it says."""
    del programs
    show: Show = _show_state if options.operation == "state" else _show_done
    return tell(options, BENCH_SECTION, request_from(options), show)


def _show_done(reply: Mapping[str, Any]) -> None:
    facts = (f"{key} = {_shown(value)}" for key, value in reply.items() if key != "ok")
    say(" · ".join(("done", *facts)))


def _show_state(reply: Mapping[str, Any]) -> None:
    for key, value in reply.items():
        if key not in {"ok", "evses"}:
            say(f"{plain(key)} = {_shown(value)}")
    for evse in reply.get("evses", ()):
        _show_facts("", evse)


def _show_facts(prefix: str, facts: Mapping[str, Any]) -> None:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            _show_facts(f"{prefix}{key}.", value)
        else:
            say(f"{prefix}{plain(key)} = {_shown(value)}")


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_shown(member) for member in value) or "none"
        case _:
            return plain(str(value))
