import os
import time
from pathlib import Path

import pytest

from tests.benchmarks import processes
from tests.benchmarks.machine import disk_of

ME = os.getpid()


def test_a_share_of_memory_is_no_more_than_all_of_it() -> None:
    assert 1 < processes.proportional_mb(ME) <= processes.resident_mb(ME) + 1


def test_work_costs_processor_time() -> None:
    before_s = processes.cpu_s(ME)
    end_s = time.process_time() + 0.02
    while time.process_time() < end_s:
        pass
    assert 0.01 < processes.cpu_s(ME) - before_s < 5


def test_durable_writes_are_accounted(tmp_path: Path) -> None:
    if disk_of(tmp_path, Path("/proc/self/mountinfo").read_text())[0] == "tmpfs":
        pytest.skip("a RAM disk writes nothing")
    before = processes.bytes_written(ME)
    with (tmp_path / "file").open("wb") as file:
        file.write(bytes(1 << 16))
        file.flush()
        os.fsync(file.fileno())
    assert processes.bytes_written(ME) - before >= 1 << 16


def test_a_process_that_is_gone_is_an_error() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the kernel
        processes.resident_mb(child)


def test_a_folder_without_station_has_no_processes(tmp_path: Path) -> None:
    assert processes.module_processes(tmp_path) == {}
