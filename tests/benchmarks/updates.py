"""An update: how large, how long, how much is written, and how long the agent is away for it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent import __version__
from agent.update.bundle import seal
from agent.update.installer import install
from agent.update.layout import Layout
from agent.update.making import Description, build, sign_bundle
from agent.update.requests import Outcome
from agent.update.selector import select
from agent.update.slot_keeper import SlotKeeper
from deb.__main__ import lay_out_base
from deb.tree import SITE, make_tree
from device.product import Maker
from tests.benchmarks.effort import Effort
from tests.benchmarks.loopback_csms import LoopbackCsms
from tests.benchmarks.quantiles import median
from tests.benchmarks.report import Figure
from tests.benchmarks.station import BenchStation

NEXT = "999.0.0"
MODEL = "AC22"


@dataclass(frozen=True, slots=True)
class Bundles:
    """The version that is installed, and the next one: whole, and only what changed."""

    installed: Path
    whole: Path
    delta: Path


async def measure(effort: Effort) -> list[Figure]:
    """Make two versions that differ in a few modules, and go from one to the other."""
    effort.tell("building the application tree ...")
    folder = effort.subfolder("update")
    maker = Maker.new()
    bundles = await asyncio.to_thread(_make, folder, maker)
    figures = _sizes(bundles)
    for name, bundle in (("whole", bundles.whole), ("delta", bundles.delta)):
        figures += await asyncio.to_thread(_installation, folder / name, maker, bundles, bundle)
    return [*figures, *await _absence(effort, folder)]


def _make(folder: Path, maker: Maker) -> Bundles:
    tree = folder / "tree"
    make_tree(tree, folder)
    old, new = _description(__version__), _description(NEXT)
    installed = folder / "installed.bundle"
    build(installed, tree, old)
    seal(installed, "", lambda _: b"")
    about = tree / SITE / "agent/__init__.py"
    about.write_text(about.read_text().replace(__version__, NEXT))
    for module in sorted((tree / SITE / "agent/services").glob("*.py"))[:10]:
        module.write_text(module.read_text() + "\n# changed\n")

    def signed(name: str, base: Path | None) -> Path:
        unsigned, bundle = folder / f"{name}.unsigned", folder / f"{name}.bundle"
        build(unsigned, tree, new, base)
        sign_bundle(unsigned, bundle, maker.key_pem, maker.chain_pem)
        return bundle

    return Bundles(installed, signed("whole", None), signed("delta", installed))


def _description(version: str) -> Description:
    return Description(product="stationd", version=version, hardware=(MODEL,))


def _sizes(bundles: Bundles) -> list[Figure]:
    return [
        Figure(name=f"bundle, {name}", unit="KiB", measured=path.stat().st_size / 1024)
        for name, path in (("whole", bundles.whole), ("delta of 11 modules", bundles.delta))
    ]


def _installation(folder: Path, maker: Maker, bundles: Bundles, bundle: Path) -> list[Figure]:
    """Install on a station in a folder: verify, write, compile, flush."""
    layout = Layout(folder)
    for made in (layout.makers, layout.outbox, layout.answer.parent):
        made.mkdir(parents=True)
    (layout.makers / "maker.pem").write_text(maker.root_pem)
    layout.config.write_text(f'[station]\nmodel = "{MODEL}"\n')
    SlotKeeper(layout, lambda _: 0).adopt(bundles.installed)
    select(layout)
    (layout.outbox / "image").write_bytes(bundle.read_bytes())
    before, began_s = _bytes_written(), time.monotonic()
    answer = install(layout, "image", "0" * 32, datetime.now(UTC))
    took_s, wrote = time.monotonic() - began_s, _bytes_written() - before
    if answer.outcome is not Outcome.DONE:
        raise RuntimeError(answer.message)
    name = bundle.stem
    return [
        Figure(name=f"installation, {name}", unit="s", measured=took_s),
        Figure(name=f"written by it, {name}", unit="MiB", measured=wrote / 2**20),
    ]


def _bytes_written() -> int:
    """Return what this process has caused to be written to storage."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes:")))


async def _absence(effort: Effort, folder: Path) -> list[Figure]:
    """Do what the service manager does at a switch: stop, choose a slot, start."""
    base = folder / "base"
    lay_out_base(base)
    absent_ms, choosing_ms = [], []
    async with (
        LoopbackCsms() as csms,
        BenchStation(effort.subfolder("switch"), csms.url, "ocpp2.0.1") as station,
    ):
        await station.start_guard()
        station.start()
        await csms.until(lambda: bool(csms.arrivals))
        for _ in range(effort.times(11, 5)):
            began_s = time.monotonic()
            await station.stop()
            csms.arrivals.clear()
            choosing_ms.append(await asyncio.to_thread(_timed_ms, lambda: _choose(base)))
            station.start()
            await csms.until(lambda: bool(csms.arrivals))
            absent_ms.append((csms.arrivals[0].at_s - began_s) * 1000)
        await station.stop()
    return [
        Figure(
            name="agent away at a switch, stop to first frame, median",
            unit="ms",
            measured=median(absent_ms),
            samples=len(absent_ms),
            note=f"of which choosing the slot {median(choosing_ms):.0f} ms",
        )
    ]


def _choose(base: Path) -> None:
    """Start the selector as the unit does; without its arguments it only loads everything."""
    command = [sys.executable, "-I", "-S", str(base)]
    subprocess.run(command, check=False, capture_output=True)


def _timed_ms(act: Callable[[], None]) -> float:
    began_s = time.monotonic()
    act()
    return (time.monotonic() - began_s) * 1000
