"""`stationd transactions`: the latest transactions and their energy."""

import argparse
from collections.abc import Mapping
from typing import Any

from agent.cli.asking import tell
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import say, say_table
from agent.cli.programs import Programs
from agent.cli.replies import PastTransaction, past_transactions

EXAMPLE = "stationd transactions --json"

_HEADINGS = ("transaction", "EVSE", "started", "ended", "energy", "reason", "signed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and list its transactions, the newest first."""
    del programs
    return tell(options, API_SECTION, {"op": "transactions"}, _show)


def _show(reply: Mapping[str, Any]) -> None:
    found = past_transactions(reply)
    if not found:
        say("no transactions yet")
        return
    say_table(_HEADINGS, [_row(transaction) for transaction in found])


def _row(transaction: PastTransaction) -> tuple[str, ...]:
    energy_wh = transaction.energy_wh
    signed = len(transaction.records)
    return (
        transaction.id,
        str(transaction.evse),
        transaction.started_at,
        transaction.ended_at or "running",
        "-" if energy_wh is None else f"{energy_wh / 1000:.3f} kWh",
        transaction.stopped_reason or "-",
        f"{signed} record{'' if signed == 1 else 's'}" if signed else "-",
    )
