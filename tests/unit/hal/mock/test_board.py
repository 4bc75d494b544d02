"""The board process's loop, run in a thread."""

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hal.mock import wire
from hal.mock.board import Board
from hal.mock.client import connect, try_connect
from hal.mock.memory import NEW_METER_MICRO_WH, RegisterMemory
from hal.mock.world import claim_world, read_token, socket_address


def ask(connection: socket.socket, what: str, body: object) -> dict[str, Any]:
    connection.send(json.dumps({"id": 1, "ask": what, "body": body}).encode())
    answer: dict[str, Any] = json.loads(connection.recv(65536))
    return answer


def is_sent(connection: socket.socket, datagram: bytes) -> bool:
    try:
        connection.send(datagram)
    except BlockingIOError:
        time.sleep(0.001)
        return True  # the board is slower than this loop
    except OSError:
        return False
    return True


def test_the_board_of_a_state_directory_is_found(board: Board, state_dir: Path) -> None:
    connect(state_dir).close()
    connection = try_connect(state_dir)
    assert connection is not None
    assert ask(connection, "open", [1])["token"] == read_token(state_dir)
    connection.close()


def test_no_board_is_found_where_none_runs(state_dir: Path) -> None:
    assert try_connect(state_dir) is None
    claim_world(state_dir).close()
    assert try_connect(state_dir) is None


def test_what_a_meter_displayed_is_stored_before_the_answer(board: Board, state_dir: Path) -> None:
    connection = connect(state_dir)
    ask(connection, "open", [1])
    ask(connection, "bench", {"op": "meter", "energy_wh": 4321.5})
    memory = RegisterMemory(state_dir / "board" / "register-1")
    memory.close()
    assert memory.micro_wh == 4_321_500_000
    connection.close()


def test_each_evse_has_a_register_of_its_own(board: Board, state_dir: Path) -> None:
    connection = connect(state_dir)
    ask(connection, "open", [1, 2])
    ask(connection, "bench", {"op": "meter", "evse": 2, "energy_wh": 1})
    assert ask(connection, "meter", 1)["milli_wh"] == NEW_METER_MICRO_WH // 1000
    assert ask(connection, "meter", 2)["milli_wh"] == 1000
    connection.close()


@pytest.mark.parametrize(
    "datagram",
    [bytes([wire.MAGIC]), bytes([wire.MAGIC, 2, 0, 0, 0, 0, 0, 0]), bytes([wire.MAGIC]) * 50],
)
def test_a_client_that_sends_bad_frames_is_dropped_alone(
    board: Board, state_dir: Path, datagram: bytes
) -> None:
    bad, good = connect(state_dir), connect(state_dir)
    bad.send(datagram)
    assert bad.recv(100) == b""
    assert ask(good, "open", [1])["ok"] is True
    bad.close()
    good.close()


def test_a_client_that_never_listens_does_not_stop_the_board(board: Board, state_dir: Path) -> None:
    deaf, good = connect(state_dir), connect(state_dir)
    ask(good, "open", list(range(1, 65)))
    deaf.setblocking(False)
    question = b'{"id": 1, "ask": "bench", "body": {"op": "state"}}'
    assert not all(is_sent(deaf, question) for _ in range(10_000))
    assert ask(good, "open", [1])["ok"] is True
    deaf.close()
    good.close()


def test_a_board_without_clients_leaves(state_dir: Path) -> None:
    world = claim_world(state_dir)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket_address(world.token))
    listener.listen(8)
    board = Board(world, listener, os.getuid(), linger_s=0.05)
    thread = threading.Thread(target=board.run)
    thread.start()
    connection = connect(state_dir)
    assert ask(connection, "open", [1])["ok"] is True
    thread.join(0.1)
    assert thread.is_alive()
    connection.close()
    thread.join(2.0)
    assert not thread.is_alive()
    board.close()


def test_other_users_are_turned_away(
    board: Board, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    friend = connect(state_dir)
    assert ask(friend, "open", [1])["ok"] is True
    monkeypatch.setattr("hal.mock.board.peer_uid", lambda _: os.getuid() + 1)
    stranger = connect(state_dir)
    assert stranger.recv(10) == b""
    stranger.close()
    assert ask(friend, "open", [1])["ok"] is True
    friend.close()
