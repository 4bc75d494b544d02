"""The identity of a world."""

import shutil
from pathlib import Path

import pytest

from hal.mock.world import WorldTaken, board_directory, claim_world, read_token, socket_address


def test_a_state_directory_without_a_board_has_no_token(tmp_path: Path) -> None:
    assert read_token(tmp_path) is None


def test_a_world_is_run_by_one_process_at_a_time(tmp_path: Path) -> None:
    world = claim_world(tmp_path)
    with pytest.raises(WorldTaken):
        claim_world(tmp_path)
    world.close()
    claim_world(tmp_path).close()


def test_a_world_keeps_its_token_from_board_to_board(tmp_path: Path) -> None:
    first = claim_world(tmp_path)
    first.close()
    second = claim_world(tmp_path)
    second.close()
    assert first.token == second.token == read_token(tmp_path)


def test_two_state_directories_are_two_worlds(tmp_path: Path) -> None:
    one, other = claim_world(tmp_path / "a"), claim_world(tmp_path / "b")
    assert one.token != other.token
    one.close()
    other.close()


def test_a_wiped_state_directory_is_a_new_world_and_the_old_one_notices(tmp_path: Path) -> None:
    old = claim_world(tmp_path)
    assert old.is_ours()
    shutil.rmtree(board_directory(tmp_path))
    assert not old.is_ours()
    new = claim_world(tmp_path)
    assert not old.is_ours()
    assert new.is_ours()
    assert new.token != old.token
    old.close()
    new.close()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 32, b"x" * 40])
def test_a_damaged_token_counts_as_none_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    board_directory(tmp_path).mkdir()
    (board_directory(tmp_path) / "world").write_bytes(content)
    assert read_token(tmp_path) is None
    world = claim_world(tmp_path)
    world.close()
    assert read_token(tmp_path) == world.token


def test_the_socket_has_no_path_in_the_file_system() -> None:
    address = socket_address("t" * 32)
    assert address.startswith("\0")
    assert len(address) < 108


def test_the_boards_directory_is_for_its_user_alone(tmp_path: Path) -> None:
    claim_world(tmp_path).close()
    assert board_directory(tmp_path).stat().st_mode & 0o077 == 0
