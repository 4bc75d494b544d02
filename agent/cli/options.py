"""Options that several commands share."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_CONFIG_FILE = Path("/etc/stationd/station.toml")
CONFIG_VARIABLE = "STATIOND_CONFIG"

OCPP_VERSIONS: Mapping[str, str] = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
"""OCPP versions as people write them, with their WebSocket subprotocols."""


def default_config_file() -> Path:
    """Return $STATIOND_CONFIG, or the place where an installed station has its file."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG_FILE)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add --config."""
    parser.add_argument(
        "--config",
        type=Path,
        default=default_config_file(),
        metavar="FILE",
        help=f"the station's configuration (default: ${CONFIG_VARIABLE} or {DEFAULT_CONFIG_FILE})",
    )


def add_socket(parser: argparse.ArgumentParser) -> None:
    """Add --config and --socket, two ways to name the socket of the running station."""
    add_config(parser)
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="the socket of the running station (default: what the configuration says)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
