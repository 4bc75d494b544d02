"""Sockets at paths of any length, for the right peers only."""

import os
import stat
from pathlib import Path

import pytest

from hal.guard import endpoint


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_a_path_of_any_length_works(tmp_path: Path, depth: int) -> None:
    folder = tmp_path
    for _ in range(depth):
        folder = folder / ("x" * 60)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "guard.sock"
    with endpoint.listen(path) as listener, endpoint.connect(path) as connection:
        accepted, _ = listener.accept()
        with accepted:
            connection.send(b"one")
            connection.send(b"two")
            assert accepted.recv(10) == b"one", "packets keep their borders"
            assert endpoint.peer_is_allowed(accepted, None)


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "guard.sock"
    endpoint.listen(path).close()
    with endpoint.listen(path), endpoint.connect(path):
        pass


def test_nobody_listening_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        endpoint.connect(tmp_path / "guard.sock")
    long = tmp_path / ("x" * 120) / "guard.sock"
    with pytest.raises(OSError, match="No such file"):
        endpoint.connect(long)
    with pytest.raises(OSError, match="No such file"):
        endpoint.listen(long)


def test_only_the_owner_may_connect_unless_a_group_is_given(tmp_path: Path) -> None:
    path = tmp_path / "guard.sock"
    with endpoint.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with endpoint.listen(path, os.getegid()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert path.stat().st_gid == os.getegid()


@pytest.mark.parametrize(
    ("group", "allowed"), [(None, False), (123456, False), (os.getegid(), True)]
)
def test_another_user_needs_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int | None, allowed: bool
) -> None:
    path = tmp_path / "guard.sock"
    with endpoint.listen(path) as listener, endpoint.connect(path):
        accepted, _ = listener.accept()
        with accepted:
            monkeypatch.setattr(os, "geteuid", lambda: 54321)
            assert endpoint.peer_is_allowed(accepted, group) is allowed


def test_a_further_group_of_the_peer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "guard.sock"
    with endpoint.listen(path) as listener, endpoint.connect(path):
        accepted, _ = listener.accept()
        with accepted:
            monkeypatch.setattr(os, "geteuid", lambda: 54321)
            monkeypatch.setattr(endpoint, "_peer_groups", lambda _: (7, 8))
            assert endpoint.peer_is_allowed(accepted, 8)
            assert not endpoint.peer_is_allowed(accepted, 9)
