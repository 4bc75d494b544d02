"""`stationd csms`: the demo CSMS alone."""

import argparse

from agent.cli.options import OCPP_VERSIONS
from agent.cli.programs import CsmsOptions, Programs

EXAMPLE = """stationd csms --port 9000 --ocpp 2.0.1

It accepts every station and every token; the stations' csms.url is then ws://HOST:PORT/ocpp."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--port",
        type=_port,
        default=9000,
        help="the TCP port; 0 takes any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--ocpp",
        action="append",
        choices=tuple(OCPP_VERSIONS),
        help="an OCPP version that it speaks; may be repeated (default: all)",
    )


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Serve until interrupted."""
    chosen = options.ocpp or tuple(OCPP_VERSIONS)
    versions = tuple(OCPP_VERSIONS[name] for name in OCPP_VERSIONS if name in chosen)
    return programs.run_csms(CsmsOptions(options.host, options.port, versions))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be a port number from 0 to 65535")
    return int(text)
