"""`stationd demo`: a whole charging session, watched and checked."""

import argparse
import math

from agent.cli.options import OCPP_VERSIONS
from agent.cli.programs import DemoOptions, Programs

EXAMPLE = """stationd demo --ocpp 2.1 --frames

A station with a simulated board, a CSMS and a simulated car charge together: plug in, tap, charge,
a lower limit from the CSMS, tap again, unplug. At the end the signed meter record is verified by a
second program and all energies are compared. The exit code is 0 only if everything agreed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--ocpp",
        choices=tuple(OCPP_VERSIONS),
        default="2.0.1",
        help="the OCPP version (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="divide the waiting times by N; the electricity stays real time (default: 1)",
    )
    parser.add_argument(
        "--frames", action="store_true", help="show each OCPP frame as it went over the wire, too"
    )


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Run the demo."""
    return programs.run_demo(
        DemoOptions(OCPP_VERSIONS[options.ocpp], options.speed, options.frames)
    )


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.1 <= speed <= 100:
        raise argparse.ArgumentTypeError("must be a number from 0.1 to 100")
    return speed
