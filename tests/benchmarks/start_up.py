"""From the start of the process to the first OCPP frame on the wire."""

import re
import sys
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.effort import Effort
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.quantiles import median, quantile
from tests.benchmarks.report import Figure
from tests.benchmarks.station import BenchStation

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
AIM_MS = 120.0
MOST_PACKAGES = 12
_IMPORT_TIME = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)$", re.MULTILINE)


async def measure(effort: Effort) -> list[Figure]:
    """Start the daemon again and again, against a running guard and a CSMS that answers."""
    figures = []
    for version in VERSIONS:
        starts_ms = await start_times_ms(effort, version, effort.times(21, 11))
        figures.append(
            Figure(
                name=f"start to first frame, {version}, median",
                unit="ms",
                measured=median(starts_ms),
                aim=AIM_MS,
                samples=len(starts_ms),
                note=f"fastest {min(starts_ms):.0f}, p90 {quantile(starts_ms, 0.9):.0f} ms",
            )
        )
    return [*figures, *await import_figures(effort)]


async def start_times_ms(effort: Effort, version: str, times: int) -> list[float]:
    """Return exec to arrival of BootNotification; a first start, not counted, warms everything."""
    folder = effort.subfolder(f"start-{version}")
    found = []
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, version) as station:
        await station.start_guard()
        for number in range(times + 1):
            csms.arrivals.clear()
            begin_s = station.start()
            await csms.until(lambda: bool(csms.arrivals))
            first = csms.arrivals[0]
            if first.action != "BootNotification":
                raise RuntimeError(f"the first frame is {first.action}, not BootNotification")
            if number:
                found.append((first.at_s - begin_s) * 1000)
            await station.stop()
    return found


async def import_figures(effort: Effort) -> list[Figure]:
    """Return what the imports cost, by package: the interpreter's own account of one start."""
    folder = effort.subfolder("imports")
    options = ("-X", "importtime")
    runs: list[dict[str, float]] = []
    async with LoopbackCsms() as csms:
        station = BenchStation(folder, csms.url, "ocpp2.0.1", interpreter_options=options)
        async with station:
            await station.start_guard()
            for _ in range(effort.times(7, 5)):
                csms.arrivals.clear()
                station.start()
                await csms.until(lambda: bool(csms.arrivals))
                await station.stop()
                runs.append(import_ms_by_package(station.log_file.read_text()))
                station.log_file.unlink()
    return _import_figures(runs)


def import_ms_by_package(log: str) -> dict[str, float]:
    """Add up the time that modules took themselves, in ms, by package."""
    found: defaultdict[str, float] = defaultdict(float)
    for self_us, module in _IMPORT_TIME.findall(log):
        found[package_of(module)] += int(self_us) / 1000
    return found


def package_of(module: str) -> str:
    """Return the package under which a module is counted: for our own the second level."""
    top, _, rest = module.partition(".")
    if top in {"agent", "hal"}:
        return f"{top}.{rest.partition('.')[0]}" if rest else top
    return "standard library" if top in sys.stdlib_module_names else top


def _import_figures(runs: list[dict[str, float]]) -> list[Figure]:
    totals = [sum(run.values(), 0.0) for run in runs]
    figures = [
        Figure(
            name="imports, all (measured one by one, which slows them)",
            unit="ms",
            measured=median(totals),
            samples=len(runs),
        )
    ]
    packages = {package for run in runs for package in run}
    by_package = {name: median([run.get(name, 0.0) for run in runs]) for name in packages}
    slowest = sorted(packages, key=lambda name: -by_package[name])[:MOST_PACKAGES]
    figures += [
        Figure(name=f"imports, {name}", unit="ms", measured=by_package[name], samples=len(runs))
        for name in slowest
    ]
    return figures


def compile_bytecode(root: Path) -> None:
    """Compile everything once, as an installation does."""
    import compileall

    for package in ("agent", "hal"):
        compileall.compile_dir(root / package, quiet=2)
