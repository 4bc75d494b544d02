"""A board that runs in a thread of the test's own process."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.mock.board import Board
from hal.mock.world import claim_world, socket_address


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def board(state_dir: Path) -> Iterator[Board]:
    world = claim_world(state_dir)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket_address(world.token))
    listener.listen(8)
    board = Board(world, listener, os.getuid())
    thread = threading.Thread(target=board.run)
    thread.start()
    yield board
    board.stop()
    thread.join()
    board.close()
