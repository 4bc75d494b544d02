"""`stationd update`: which version runs, and an update on site, from a file."""

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.asking import failed
from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import add_json
from agent.cli.output import complain, plain, say, say_json
from agent.cli.programs import Programs

if TYPE_CHECKING:
    from agent.update.application_slots import ApplicationSlots

# ruff: noqa: PLC0415 - each operation loads what it needs

EXAMPLE = """stationd update status
         sudo stationd update install 1.2.0.bundle"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two operations."""
    operations = parser.add_subparsers(dest="operation", metavar="OPERATION", required=True)
    status = operations.add_parser("status", help="the slots, what is in them and what runs")
    add_json(status)
    install = operations.add_parser("install", help="verify a bundle, install it and try it")
    install.add_argument("file", type=Path, metavar="FILE")


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Tell about the slots, or update them."""
    del programs
    return _status(options) if options.operation == "status" else _install(options.file)


def _status(options: argparse.Namespace) -> int:
    from agent.update.layout import Layout
    from agent.update.overview import overview
    from agent.update.slot_state import SlotStateError

    try:
        facts = overview(Layout())
    except SlotStateError as error:
        return failed(options, str(error), {"ok": False, "error": str(error)})
    if options.json:
        say_json({"ok": True, **facts})
        return OK
    for name, value in facts.items():
        say(f"{name} = {plain(str(value))}")
    return OK


def _install(file: Path) -> int:
    from agent.update.application_slots import ApplicationSlots, PortProblem

    if os.geteuid() != 0:
        complain("an update on site needs sudo")
        return FAILED
    if not file.is_file():
        complain(f"{file} is no file")
        return FAILED
    slots = ApplicationSlots()
    try:
        asyncio.run(_installed(slots, file))
    except PortProblem as error:
        complain(plain(str(error)))
        return FAILED
    say("the new version is started now; `stationd update status` tells what comes of it")
    return OK


async def _installed(slots: "ApplicationSlots", file: Path) -> None:
    told = [-10]

    def show(percent: int) -> None:
        if percent >= told[0] + 10:
            told[0] = percent
            say(f"{percent} %")

    await slots.install(file, show)
    await slots.activate()
