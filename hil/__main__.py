"""`python -m hil [--bench NAME|FILE] [pytest arguments]`: run one bench, or all that can run here.

Without `--bench` that is `sim`, and `virtual` where this computer has what it needs; what is
missing is named. Each bench is a pytest run of its own. Exit code: 0 only if all of them passed.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VIRTUAL = "virtual"


def main(arguments: list[str]) -> int:
    """Run the benches; return the worst exit code."""
    parser = argparse.ArgumentParser(prog="./dev hil", add_help=False)
    parser.add_argument("--bench", action="append", metavar="NAME|FILE")
    options, others = parser.parse_known_args(arguments)
    benches = options.bench or ["sim", *_virtual()]
    return max([_run(bench, others) for bench in benches])


def _virtual() -> list[str]:
    """Return the virtual bench if it can run here; otherwise say what it lacks."""
    if importlib.util.find_spec("hil.virtual") is None:
        return []
    available = importlib.import_module("hil.virtual.available")
    lacking: list[str] = available.missing()
    if not lacking:
        return [VIRTUAL]
    print(f"bench virtual is left out; it needs {', '.join(lacking)} (see hil/README.md)")
    return []


def _run(bench: str, others: list[str]) -> int:
    print(f"--- bench {bench}", flush=True)
    command = [sys.executable, "-m", "pytest", str(HERE), "--bench", bench, "-n", "auto"]
    return subprocess.run([*command, *others], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
