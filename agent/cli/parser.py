"""The grammar of the `stationd` command: which commands there are and how one is carried out.

A command's module is loaded when that command is given, so that the daemon's start does not pay
for the others.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, Protocol, cast

from agent import __version__
from agent.cli.exit_codes import FAILED, OK, USAGE
from agent.cli.output import OutputClosed, complain, say
from agent.cli.programs import Programs

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("agent.cli.run", "run the station"),
    "demo": ("agent.cli.demo", "show a whole charging session on this machine"),
    "csms": ("agent.cli.csms", "run the demo CSMS alone"),
    "bench": ("agent.cli.bench", "drive the mock board of a running station"),
    "status": ("agent.cli.status", "what the running station is doing"),
    "why": ("agent.cli.why", "why each EVSE charges as it does, or does not charge"),
    "transactions": ("agent.cli.transactions", "the latest transactions and their energy"),
    "security-log": ("agent.cli.security_log", "the security events that the station logged"),
    "limit": ("agent.cli.limit", "limit the station or an EVSE on site"),
    "priority": ("agent.cli.priority", "let somebody charge with priority, or not any more"),
    "variables": ("agent.cli.variables", "the variables, their values and who set them"),
    "rfid": ("agent.cli.rfid", "watch the token readers, enrol cards"),
    "export": ("agent.cli.export", "all transactions, settings and security events as JSON"),
    "bundle": ("agent.cli.bundle", "build, sign, inspect and verify firmware, for makers"),
    "setup": ("agent.cli.setup", "write the configuration of a new device"),
    "update": ("agent.cli.update", "which version runs; install another one on site"),
    "check-config": ("agent.cli.check_config", "check a configuration file"),
    "hal-check": ("agent.cli.hal_check", "check every line and device of the station's board"),
}
"""Each command's module and what it does."""


class CommandModule(Protocol):
    """What a command's module offers."""

    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def execute(self, options: argparse.Namespace, programs: Programs) -> int:
        """Carry the command out and return the exit code."""
        ...


def run_command(arguments: Sequence[str], programs: Programs) -> int:
    """Parse the arguments, carry the command out and return its exit code."""
    if arguments and arguments[0] == "--version":
        _say_version()
        return OK
    name = _command_in(arguments)
    module = None if name is None else _module_of(name)
    try:
        options = _parser(name, module).parse_args(arguments)
    except SystemExit as leaving:  # argparse has said why
        return OK if leaving.code == 0 else USAGE
    if module is None:
        raise AssertionError("argparse accepts no command line without a command")
    return _carried_out(module, options, programs)


def _carried_out(module: CommandModule, options: argparse.Namespace, programs: Programs) -> int:
    try:
        code = module.execute(options, programs)
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted")
        return FAILED
    except (BrokenPipeError, OutputClosed):
        # Nobody reads on, for instance `| head`. The interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _command_in(arguments: Sequence[str]) -> str | None:
    """Return the command, which is the first argument that is no option."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    return first if first in COMMANDS else None


def _module_of(name: str) -> CommandModule:
    return cast("CommandModule", import_module(COMMANDS[name][0]))


def _say_version() -> None:
    say(f"stationd {__version__}")


def _parser(name: str | None, module: CommandModule | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stationd",
        description="Charging-station software: OCPP 1.6J, 2.0.1 and 2.1.",
        epilog="example: stationd demo\n\n`stationd COMMAND --help` tells more about a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for known, (_, purpose) in COMMANDS.items():
        chosen = module if known == name else None
        command = commands.add_parser(
            known,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=None if chosen is None else f"example: {chosen.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if chosen is not None:
            chosen.add_arguments(command)
    return parser
