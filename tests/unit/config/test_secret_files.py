import os
from pathlib import Path

import pytest

from agent.config.secret_files import (
    SecretFileError,
    password_file_problem,
    read_password,
    secret_file_problem,
)


def secret(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_password_is_read_without_its_line_end(tmp_path: Path, end: bytes) -> None:
    assert read_password(secret(tmp_path, b"0123456789abcdef" + end)) == "0123456789abcdef"


@pytest.mark.parametrize(
    "content", [b"", b"too-short\n", b"x" * 65, b"\xff" * 20, b"two-lines-of-it\nof-text\n"]
)
def test_what_is_no_password_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = secret(tmp_path, content)
    with pytest.raises(SecretFileError, match=file.name) as caught:
        read_password(file)
    assert password_file_problem(file) == str(caught.value)
    assert not content.strip() or content.decode("latin-1").strip() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o601, 0o604, 0o610, 0o640, 0o644, 0o666])
def test_a_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    problem = secret_file_problem(secret(tmp_path, b"0123456789abcdef", mode))
    assert problem is not None
    assert "chmod 600" in problem


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_its_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    assert password_file_problem(secret(tmp_path, b"0123456789abcdef", mode)) is None


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in str(secret_file_problem(tmp_path / "pipe"))
    assert secret_file_problem(tmp_path) is not None
    assert secret_file_problem(tmp_path / "absent") is not None
