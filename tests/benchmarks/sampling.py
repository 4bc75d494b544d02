"""How long the guard's tick waits for a sample of the control pilot through a converter.

A converter of 60 us, as an MCP3008 at 1.35 MHz behind a kernel driver is, meets a pilot of real
time: what is measured is the driver's own work and how soon it has found both plateaus.
"""

import os
import time
from pathlib import Path

from hal.gpio.adc import AnalogueInput, Calibration
from hal.gpio.sampler import BUDGET_S, AdcSampler, Sampling
from hal.guard import real_time
from hal.sysfs.files import KernelSysfs
from tests.benchmarks.effort import Effort
from tests.benchmarks.report import Figure, spread

CONVERSION_S = 60e-6
PERIOD_S = 0.001
HIGH_V, LOW_V = 6.0, -12.0
DUTIES = {"steady +12 V": 1.0, "6 A": 0.1, "16 A": 16 / 60, "32 A": 32 / 60}


class Converter:
    """A converter that takes its time and looks at a pilot of the given duty."""

    def __init__(self, duty: float, file: Path) -> None:
        self._duty = duty
        self._raw = KernelSysfs().open(file)
        self.readings = 0

    def read_v(self) -> float:
        self.readings += 1
        until_s = time.monotonic() + CONVERSION_S
        int(self._raw.read())
        while (now_s := time.monotonic()) < until_s:
            pass
        return HIGH_V if now_s % PERIOD_S < self._duty * PERIOD_S else LOW_V

    def close(self) -> None:
        self._raw.close()


async def measure(effort: Effort) -> list[Figure]:
    """Sample the pilot again and again at several duties, in the class that the guard runs in."""
    refused = real_time.enter_real_time()
    if refused is not None:
        effort.tell(f"without real time: {refused}")
    try:
        return await _all(effort)
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def _all(effort: Effort) -> list[Figure]:
    file = effort.subfolder("sampling") / "in_voltage0_raw"
    file.write_text("2048\n")
    figures: list[Figure] = []
    for name, duty in DUTIES.items():
        figures += _takes(effort, name, duty, file)
    return figures


def _takes(effort: Effort, name: str, duty: float, file: Path) -> list[Figure]:
    converter = Converter(duty, file)
    source = AnalogueInput(lambda: converter, Calibration())
    source.open()
    sampler = AdcSampler(source, Sampling())
    took_ms, missed = [], 0
    for _ in range(effort.times(2000, 100)):
        begin_s = time.perf_counter()
        sample = sampler.take(duty)
        took_ms.append((time.perf_counter() - begin_s) * 1000)
        missed += duty < 1.0 and (sample.high_v, sample.low_v) != (HIGH_V, LOW_V)
    source.close()
    readings = converter.readings / len(took_ms)
    return [
        *spread(f"sample of the pilot, {name}", "ms", took_ms, (0.5, 0.99), {0.99: BUDGET_S * 1e3}),
        Figure(name=f"conversions for a sample, {name}", unit="", measured=readings),
        Figure(name=f"samples with a wrong plateau, {name}", unit="", measured=missed, aim=0.0),
    ]
