import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.cursor import AcknowledgementCursor
from agent.store.errors import Reason, StoreUnavailable

INSTANCE = b"i" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stationd.db.cursor"


def position(path: Path, instance_id: bytes = INSTANCE) -> int:
    cursor = AcknowledgementCursor(path, instance_id)
    cursor.close()
    return cursor.position


def advanced(path: Path, *row_ids: int) -> None:
    cursor = AcknowledgementCursor(path, INSTANCE)
    for row_id in row_ids:
        cursor.advance(row_id)
    cursor.close()


def test_a_new_cursor_has_acknowledged_nothing(path: Path) -> None:
    assert position(path) == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_position_survives_reopening(path: Path) -> None:
    advanced(path, 1, 2, 7)
    assert position(path) == 7
    advanced(path, 8)
    assert position(path) == 8


def test_the_position_is_in_the_file_before_advance_returns(path: Path) -> None:
    cursor = AcknowledgementCursor(path, INSTANCE)
    cursor.advance(5)
    assert position(path) == 5
    cursor.close()


@pytest.mark.parametrize("row_id", [4, 5])
def test_it_never_goes_back(path: Path, row_id: int) -> None:
    cursor = AcknowledgementCursor(path, INSTANCE)
    cursor.advance(5)
    with pytest.raises(ValueError, match="is not after 5"):
        cursor.advance(row_id)
    cursor.close()


def test_the_cursor_of_another_database_counts_as_nothing(path: Path) -> None:
    advanced(path, 100, 200)
    assert position(path, b"o" * 16) == 0


def test_the_cursor_is_taken_over_from_another_database(path: Path) -> None:
    advanced(path, 100, 200)
    cursor = AcknowledgementCursor(path, b"o" * 16)
    cursor.advance(3)
    cursor.close()
    assert position(path, b"o" * 16) == 3


@given(steps=st.integers(1, 6), cut=st.integers(0, 40), byte=st.integers(0, 255))
def test_a_torn_write_leaves_the_position_before_it_or_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, steps: int, cut: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "cursor"
    advanced(path, *range(1, steps + 1))
    before = path.read_bytes()
    advanced(path, steps + 1)
    after = path.read_bytes()
    start = next(
        (at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        len(before),
    )
    slot = 0 if start < 512 else 512
    torn = bytearray(after)
    old = before[slot : slot + 32].ljust(32, b"\0")
    torn[slot + cut : slot + 32] = old[cut:]
    if cut < 32:
        torn[slot + cut] = byte
    path.write_bytes(torn)
    assert position(path) in {steps, steps + 1}


def test_garbage_counts_as_nothing(path: Path) -> None:
    path.write_bytes(os.urandom(2000))
    assert position(path) == 0


def test_a_failing_write_is_a_typed_error_and_still_moves_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = AcknowledgementCursor(path, INSTANCE)

    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(StoreUnavailable) as caught:
            cursor.advance(1)
    assert caught.value.reason is Reason.INPUT_OUTPUT
    assert cursor.position == 1
    cursor.advance(2)
    cursor.close()
    assert position(path) == 2


def test_a_cursor_that_cannot_be_opened_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        AcknowledgementCursor(tmp_path / "missing" / "cursor", INSTANCE)
