"""`python -m hal.mock --state-dir DIR`: run the simulated board of one state directory.

Exit codes: 0 the board ran, or another one runs already; 1 it cannot run; 2 wrong usage. With
`--detach` the command returns as soon as the board listens, which then goes on alone.
"""

import argparse
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from hal.mock.board import LINGER_S, Board
from hal.mock.world import WorldTaken, claim_world, socket_address

BACKLOG = 64
PRIORITY = 40

_log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run the board until nobody needs it."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return _detach(options) if options.detach else _run(options, lambda: None)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hal.mock", description="the simulated board")
    parser.add_argument("--state-dir", type=Path, required=True, help="the station's state_dir")
    parser.add_argument(
        "--linger-s",
        type=float,
        default=LINGER_S,
        help="leave after this time without clients (default: %(default)g)",
    )
    parser.add_argument(
        "--detach", action="store_true", help="return once the board listens, which goes on alone"
    )
    return parser.parse_args(arguments)


def _detach(options: argparse.Namespace) -> int:
    """Run the board in a child with a session of its own; return when it listens or has failed."""
    listening, announce = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listening)
        os.setsid()
        return _run(options, lambda: os.close(announce) if os.write(announce, b"!") else None)
    os.close(announce)
    if os.read(listening, 1):
        return 0
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _run(options: argparse.Namespace, announce: Callable[[], None]) -> int:
    try:
        board = _open_board(options.state_dir, options.linger_s)
    except WorldTaken as taken:
        _log.info("%s", taken)
        return 0
    except OSError as error:
        _log.error("the simulated board cannot run in %s: %s", options.state_dir, error)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: board.stop())
    announce()
    _prefer_real_time()
    gc.freeze()
    try:
        board.run()
    finally:
        board.close()
    return 0


def _open_board(state_dir: Path, linger_s: float) -> Board:
    world = claim_world(state_dir)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket_address(world.token))
    listener.listen(BACKLOG)
    return Board(world, listener, os.getuid(), linger_s)


def _prefer_real_time() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return  # a laptop has no such right, and the world still runs in real time


if __name__ == "__main__":
    sys.exit(main())
