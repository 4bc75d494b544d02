"""The command `python -m tests.benchmarks`: measure, show, and write the figures to a file."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.catalogue import BENCHMARKS, Benchmark
from tests.benchmarks.effort import Effort
from tests.benchmarks.machine import machine_facts
from tests.benchmarks.report import Figure, Section, table, to_json
from tests.benchmarks.start_up import compile_bytecode
from tests.benchmarks.station import ROOT

MOST_FAILURE_CHARS = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 0 whatever the figures are, 1 if something did not run."""
    options = _parse(arguments)
    if options.list:
        for benchmark in BENCHMARKS.values():
            print(f"{benchmark.name:14} {benchmark.title}")
        return 0
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 140)
    chosen = [BENCHMARKS[name] for name in options.names or BENCHMARKS]
    compile_bytecode(ROOT)
    sections = []
    with tempfile.TemporaryDirectory(prefix="stationd-bench-", dir=options.folder) as folder:
        machine = machine_facts(Path(folder))
        for line in machine.lines():
            console.print(line, highlight=False)
        for benchmark in chosen:
            sys.stderr.write(f"{benchmark.name}: {benchmark.title} ...\n")
            section = _run(benchmark, Path(folder), quick=options.quick)
            console.print(table(section))
            sections.append(section)
    if options.json is not None:
        options.json.write_text(to_json(machine, sections, quick=options.quick))
    return int(any(section.failure is not None for section in sections))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measures the station on this machine. Figures never pass or fail.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; see --list")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and leave")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, wider tails")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where to put the stations' files (which disk)"
    )
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there is {', '.join(BENCHMARKS)}")
    return options


def _run(benchmark: Benchmark, folder: Path, *, quick: bool) -> Section:
    own = folder / benchmark.name
    own.mkdir()
    begin_s = time.monotonic()
    figures: tuple[Figure, ...] = ()
    failure = None
    try:
        figures = tuple(asyncio.run(benchmark.measure(Effort(own, quick))))
    except (OSError, RuntimeError, LookupError) as error:
        sys.stderr.write(f"{benchmark.name} was not measured: {error}\n")
        first_line = (str(error).splitlines() or [""])[0]
        failure = f"{type(error).__name__}: {first_line[:MOST_FAILURE_CHARS]}"
    return Section(benchmark.name, benchmark.title, figures, time.monotonic() - begin_s, failure)


if __name__ == "__main__":
    sys.exit(main())
