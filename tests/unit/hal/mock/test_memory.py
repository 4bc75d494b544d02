"""The meters' non-volatile memory."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.mock.memory import NEW_METER_MICRO_WH, RegisterMemory


def stored(path: Path) -> int:
    memory = RegisterMemory(path)
    memory.close()
    return memory.micro_wh


def test_a_new_meter_does_not_start_at_zero(tmp_path: Path) -> None:
    assert stored(tmp_path / "register-1") == NEW_METER_MICRO_WH == 1_234_567 * 10**6


def test_the_register_survives_a_board_that_never_closed_it(tmp_path: Path) -> None:
    memory = RegisterMemory(tmp_path / "register-1")
    for micro_wh in (10, 20, 30):
        memory.store(micro_wh)
    assert stored(tmp_path / "register-1") == 30
    memory.close()


def test_the_register_survives_being_set_back(tmp_path: Path) -> None:
    memory = RegisterMemory(tmp_path / "register-1")
    memory.store(500)
    memory.store(100)
    memory.close()
    assert stored(tmp_path / "register-1") == 100


@pytest.mark.parametrize("cut", range(0, 24, 3))
def test_a_torn_write_leaves_the_register_before_it(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "register-1"
    memory = RegisterMemory(path)
    memory.store(1_000)  # second slot
    memory.store(2_000)  # first slot
    before = path.read_bytes()
    memory.store(3_000)  # second slot again
    memory.close()
    after = path.read_bytes()
    torn = after[: 512 + cut] + before[512 + cut :]
    path.write_bytes(torn)
    assert stored(path) in {2_000, 3_000}
    assert stored(path) == (2_000 if torn != after else 3_000)


def test_a_register_without_an_intact_slot_starts_anew_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "register-1"
    path.write_bytes(os.urandom(600))
    with caplog.at_level(logging.WARNING):
        assert stored(path) == NEW_METER_MICRO_WH
    assert "register-1" in caplog.text


@given(junk=st.binary(max_size=700))
def test_no_content_keeps_the_board_from_starting(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("memory") / "register-1"
    path.write_bytes(junk)
    assert stored(path) == NEW_METER_MICRO_WH


def test_a_full_disk_is_logged_and_the_next_write_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "register-1"
    memory = RegisterMemory(path)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, "pwrite", full)
        memory.store(7)
    assert "No space left" in caplog.text
    memory.store(7)
    memory.close()
    assert stored(path) == 7


def test_an_unchanged_register_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "register-1"
    memory = RegisterMemory(path)
    memory.store(7)
    before = path.read_bytes()
    memory.store(7)
    memory.close()
    assert path.read_bytes() == before
