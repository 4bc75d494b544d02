import logging
import os
from pathlib import Path

import pytest

from agent.store.errors import Reason, StoreInUse, StoreUnavailable
from agent.store.files import InstanceLock, StoreFiles, create_private, prepare_directory


def test_a_new_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    prepare_directory(directory)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_an_existing_open_directory_is_named_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o755)
    with caplog.at_level(logging.WARNING):
        prepare_directory(directory)
    assert directory.stat().st_mode & 0o777 == 0o755
    assert f"{directory} is open to other users" in caplog.text


def test_a_directory_that_cannot_be_made_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file/store"):
        prepare_directory(tmp_path / "file" / "store")


def test_a_file_on_a_read_only_system_is_a_typed_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreUnavailable, match="writable") as caught:
        create_private(tmp_path / "x")
    assert caught.value.reason is Reason.READ_ONLY


def test_a_private_file_keeps_its_content_when_created_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    create_private(path)
    path.write_text("kept")
    create_private(path)
    assert path.read_text() == "kept"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_lock_names_the_process_that_holds_the_first(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path / "lock")
    with pytest.raises(StoreInUse, match=rf"process {os.getpid()} uses this store"):
        InstanceLock(tmp_path / "lock")
    first.release()
    InstanceLock(tmp_path / "lock").release()


def test_damaged_files_are_listed_with_their_logs(tmp_path: Path) -> None:
    files = StoreFiles(tmp_path / "stationd.db")
    for name in ("stationd.db.damaged-2", "stationd.db.damaged-2-wal", "stationd.db.damaged-x"):
        (tmp_path / name).write_text("")
    assert {number for number, _ in files.all_set_aside()} == {2}
    assert len(list(files.all_set_aside())) == 2
