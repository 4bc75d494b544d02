"""The marks that keep a tripped shut-off tripped."""

from pathlib import Path

import pytest

from hal.guard.shut_off import ShutOffMemory


def test_nothing_was_tripped_where_nothing_is(tmp_path: Path) -> None:
    assert ShutOffMemory(tmp_path / "nowhere").tripped() == frozenset()


def test_a_mark_outlives_the_guard_until_it_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    ShutOffMemory(folder).keep(2)
    ShutOffMemory(folder).keep(11)
    ShutOffMemory(folder).keep(2)
    assert ShutOffMemory(folder).tripped() == {2, 11}
    ShutOffMemory(folder).forget(2)
    ShutOffMemory(folder).forget(2)
    assert ShutOffMemory(folder).tripped() == {11}


def test_other_files_are_no_marks(tmp_path: Path) -> None:
    (tmp_path / "shut-off-x").touch()
    (tmp_path / "guard.sock.lock").touch()
    assert ShutOffMemory(tmp_path).tripped() == frozenset()


def test_a_mark_that_cannot_be_made_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ShutOffMemory(tmp_path / "file").keep(1)
    assert "EVSE 1: the second shut-off is tripped, but" in caplog.text
