"""Memory and processor time of an idle station: connected, accepted, no car."""

import asyncio
import time

from tests.benchmarks import processes
from tests.benchmarks.effort import Effort
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.report import Figure
from tests.benchmarks.start_up import VERSIONS
from tests.benchmarks.station import BenchStation

SETTLE_S = 2.0
TOKEN = "DEADBEEF"  # the text of an RFID card
AGENT_MB, GUARD_MB = 45.0, 12.0
AGENT_PERCENT, GUARD_PERCENT = 0.2, 0.6


async def measure_memory(effort: Effort) -> list[Figure]:
    """Boot with one version, settle, and ask the kernel."""
    figures = []
    for version in VERSIONS:
        folder = effort.subfolder(f"memory-{version}")
        async with LoopbackCsms() as csms, BenchStation(folder, csms.url, version) as station:
            pids = await idle(station, csms)
            figures += _memory("agent", f", {version}", pids["agent"], AGENT_MB)
            if version == VERSIONS[-1]:
                figures += _memory("guard", "", pids["guard"], GUARD_MB)
                figures += _memory("simulated board", "", pids["board"], None)
                await _charge_once(station)
                figures += _memory("agent", f", {version}, after a session", pids["agent"], None)
    return figures


async def measure_idle_cpu(effort: Effort) -> list[Figure]:
    """Watch the processes of one idle station."""
    folder, watched_s = effort.subfolder("idle"), effort.seconds(30.0, 10.0)
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, "ocpp2.0.1") as station:
        pids = await idle(station, csms)
        before = {name: processes.cpu_s(pid) for name, pid in pids.items()}
        begin_s = time.monotonic()
        await asyncio.sleep(watched_s)
        span_s = time.monotonic() - begin_s
        used = {name: processes.cpu_s(pid) - before[name] for name, pid in pids.items()}
    aims = {"agent": AGENT_PERCENT, "guard": GUARD_PERCENT, "board": None}
    return [
        Figure(
            name=f"idle processor time, {name}",
            unit="% of a core",
            measured=used[name] / span_s * 100,
            aim=aim,
            note=f"{used[name] * 1000:.1f} ms in {span_s:.0f} s",
        )
        for name, aim in aims.items()
    ]


async def idle(station: BenchStation, csms: LoopbackCsms) -> dict[str, int]:
    """Start everything and let it settle; return the processes by name."""
    await station.start_guard()
    station.start()
    await csms.until(lambda: csms.count("StatusNotification") > 0)
    await station.until(lambda state: state["csms"]["queued_events"] == 0)
    await asyncio.sleep(SETTLE_S)
    found = processes.module_processes(station.folder)
    assert station.pid is not None
    return {"agent": station.pid, "guard": found["hal.guard"], "board": found["hal.mock"]}


async def _charge_once(station: BenchStation) -> None:
    """Charge a car, which loads what signing needs."""
    await station.operate("plug_in", evse=1)
    await station.until(lambda state: state["evses"][0]["plugged_in"])
    await station.operate("swipe", token=TOKEN)
    await station.until(lambda state: state["evses"][0]["contactor_closed"])
    await station.operate("plug_out", evse=1)
    await station.until(lambda state: state["evses"][0]["transaction"] is None)
    await asyncio.sleep(SETTLE_S)


def _memory(name: str, detail: str, pid: int, aim_mb: float | None) -> list[Figure]:
    return [
        Figure(
            name=f"memory of {name}{detail}, PSS",
            unit="MB",
            measured=processes.proportional_mb(pid),
            aim=aim_mb,
            note="pages that others use too count in part",
        ),
        Figure(
            name=f"memory of {name}{detail}, VmRSS",
            unit="MB",
            measured=processes.resident_mb(pid),
            aim=aim_mb,
        ),
    ]
