"""Facts about the machine that figures depend on and are meaningless without."""

import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.quantiles import quantile

SYNCS = 200
BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What runs the benchmarks; `sync_ms` are quantiles of write-and-fsync of 4 kB on the disk."""

    cpu: str
    cores: int
    kernel: str
    python: str
    memory_mb: int
    load_1_min: float
    file_system: str
    device: str
    sync_median_ms: float
    sync_p99_ms: float
    may_be_real_time: bool

    def lines(self) -> tuple[str, ...]:
        """Return the facts as people read them."""
        real_time = "allowed" if self.may_be_real_time else "refused: the guard's tail will be long"
        median_ms, p99_ms = self.sync_median_ms, self.sync_p99_ms
        sync = f"4 kB write and fsync: median {median_ms:.2f} ms, p99 {p99_ms:.2f} ms"
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_mb} MB, load {self.load_1_min:.2f}",
            f"Linux {self.kernel}, Python {self.python}, SCHED_FIFO {real_time}",
            f"{self.file_system} on {self.device}, {sync}",
        )


def machine_facts(folder: Path) -> MachineFacts:
    """Look at this machine, and at the disk that holds `folder`."""
    file_system, device = disk_of(folder, Path("/proc/self/mountinfo").read_text())
    sync_ms = sync_latencies_ms(folder)
    return MachineFacts(
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        load_1_min=os.getloadavg()[0],
        file_system=file_system,
        device=device,
        sync_median_ms=quantile(sync_ms, 0.5),
        sync_p99_ms=quantile(sync_ms, 0.99),
        may_be_real_time=_may_be_real_time(),
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name, or the board's where the kernel tells only that."""
    found: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        found[name.strip().lower()] = value.strip()
    known = (found.get(name) for name in ("model name", "model", "hardware"))
    return next((name for name in known if name), platform.machine())


def disk_of(folder: Path, mountinfo: str) -> tuple[str, str]:
    """Return file system and device of the mount that holds a folder."""
    best, found = -1, ("unknown", "unknown")
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        point = Path(mount.split()[4])
        depth = len(point.parts)
        # Of mounts on the same point the last one hides the others.
        if depth >= best and (folder.resolve() == point or point in folder.resolve().parents):
            kind, device = source.split()[:2]
            best, found = depth, (kind, device)
    return found


def sync_latencies_ms(folder: Path) -> list[float]:
    """Measure how long a small durable write takes."""
    latencies = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for index in range(SYNCS):
            begin = time.perf_counter()
            os.pwrite(file.fileno(), os.urandom(BLOCK_BYTES), index * BLOCK_BYTES)
            os.fsync(file.fileno())
            latencies.append((time.perf_counter() - begin) * 1000)
    return latencies


def _may_be_real_time() -> bool:
    child = os.fork()
    if child == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0
