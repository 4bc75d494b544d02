"""`stationd run`: the daemon."""

import argparse

from agent.cli.exit_codes import FAILED
from agent.cli.options import add_config
from agent.cli.output import complain
from agent.cli.programs import Programs

EXAMPLE = "stationd run --config station.toml --with-guard"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    parser.add_argument(
        "--with-guard",
        action="store_true",
        help="start the safety guard too, where no service manager does (laptop, bench)",
    )


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Run the station until it is stopped."""
    if not options.config.is_file():
        complain(f"{options.config}: there is no such file; name the configuration with --config")
        return FAILED
    return programs.run_station(options.config, options.with_guard)
