"""`stationd check-config`: is this configuration file usable, and if not, why."""

import argparse
from pathlib import Path

from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import add_json
from agent.cli.output import complain, plain, say, say_json
from agent.cli.programs import Programs
from agent.config.problems import ConfigError, ConfigProblem

EXAMPLE = "stationd check-config station.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration to check")
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Check the file; print the settings in force, or every problem."""
    try:
        settings = programs.check_config(options.file)
    except ConfigError as error:
        _tell_problems(error, as_json=options.json)
        return FAILED
    if options.json:
        say_json({"ok": True, "file": str(options.file), "settings": list(settings)})
        return OK
    say(f"{options.file} is valid; the settings in force are")
    for line in settings:
        say(f"  {plain(line)}")
    return OK


def _tell_problems(error: ConfigError, *, as_json: bool) -> None:
    if as_json:
        problems = [_facts(problem) for problem in error.problems]
        say_json({"ok": False, "error": str(error), "problems": problems})
        return
    for problem in error.problems:
        complain(plain(problem.text()))


def _facts(problem: ConfigProblem) -> dict[str, str]:
    return {"file": str(problem.file), "key": problem.key, "reason": problem.reason}
