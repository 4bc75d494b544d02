"""All benchmarks by name."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import (
    charging,
    drain,
    footprint,
    guard_edges,
    guard_reaction,
    messages,
    sampling,
    start_up,
    tap,
    updates,
)
from tests.benchmarks.effort import Effort
from tests.benchmarks.report import Figure


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: what to call it, what it measures, and how."""

    name: str
    title: str
    measure: Callable[[Effort], Coroutine[Any, Any, list[Figure]]]


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("start", "process start to first OCPP frame", start_up.measure),
        Benchmark("memory", "resident memory, idle after boot", footprint.measure_memory),
        Benchmark("idle", "processor time without a car", footprint.measure_idle_cpu),
        Benchmark("tap", "token at the reader to the contactor's coil", tap.measure),
        Benchmark("drain", "a full outbox drained, with kill -9", drain.measure),
        Benchmark("messages", "round trips of CALLs of the CSMS", messages.measure),
        Benchmark("charging", "composite schedules and profiles", charging.measure),
        Benchmark("guard", "fault to contactor line low", guard_reaction.measure_reaction),
        Benchmark("edges", "pilot and RCD edge to contactor line low", guard_edges.measure),
        Benchmark("sampling", "a sample of the control pilot", sampling.measure),
        Benchmark("update", "an update of the software", updates.measure),
        Benchmark("loss", "daemon killed to fallback", guard_reaction.measure_agent_loss),
    )
}
