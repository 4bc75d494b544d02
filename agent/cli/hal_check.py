"""`stationd hal-check`: which lines and devices of the board are well, which are not, and why."""

import argparse
from collections.abc import Iterator

from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import add_config, add_json
from agent.cli.output import complain, plain, say, say_json
from agent.cli.programs import HardwareFinding, Programs
from agent.config.problems import ConfigError

EXAMPLE = "stationd hal-check --config station.toml --board raspberry-pi-5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    parser.add_argument(
        "--board",
        metavar="NAME",
        help="a board that ships, or a board file, instead of the one in the configuration",
    )
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Print a line for each device; fail if one is not well."""
    try:
        found = list(_told(options, programs))
    except ConfigError as error:
        return _refused(error, as_json=options.json)
    bad = sum(not finding.ok for finding in found)
    if options.json:
        say_json({"ok": not bad, "findings": [_facts(finding) for finding in found]})
    elif bad:
        complain(f"{bad} of {len(found)} checks found something wrong")
    else:
        say(f"all {len(found)} checks are well; no contactor was closed")
    return FAILED if bad else OK


def _told(options: argparse.Namespace, programs: Programs) -> Iterator[HardwareFinding]:
    """Pass findings on, each printed as soon as it is made."""
    for finding in programs.check_hardware(options.config, options.board):
        if not options.json:
            say(_line(finding))
        yield finding


def _line(finding: HardwareFinding) -> str:
    word = "ok   " if finding.ok else "WRONG"
    place = "station" if finding.evse is None else f"EVSE {finding.evse}"
    return plain(f"{word}  {place}  {finding.device}: {finding.message}")


def _refused(error: ConfigError, *, as_json: bool) -> int:
    if as_json:
        say_json({"ok": False, "error": str(error), "findings": []})
    for problem in () if as_json else error.problems:
        complain(plain(problem.text()))
    return FAILED


def _facts(finding: HardwareFinding) -> dict[str, object]:
    return {
        "evse": finding.evse,
        "device": finding.device,
        "ok": finding.ok,
        "message": finding.message,
    }
