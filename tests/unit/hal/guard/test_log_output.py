"""A log line never makes the guard wait."""

import os
from types import SimpleNamespace

import pytest

from hal.guard import log_output


def test_a_full_pipe_loses_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    try:
        monkeypatch.setattr(log_output.sys, "stderr", SimpleNamespace(fileno=lambda: writer))
        stream = log_output.PatientStream()
        written = [stream.write("x" * 4000) for _ in range(100)]
        stream.flush()
        assert written == [4000] * 100
        os.set_blocking(reader, False)
        taken = 0
        while True:
            try:
                taken += len(os.read(reader, 65536))
            except BlockingIOError:
                break
        assert 4000 <= taken < 400_000
    finally:
        os.close(reader)
        os.close(writer)


def test_a_closed_reader_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(log_output.sys, "stderr", SimpleNamespace(fileno=lambda: writer))
    assert log_output.PatientStream().write("gone") == 4
    os.close(writer)
