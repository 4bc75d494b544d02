"""`python -m hil [--bench NAME|FILE] [pytest arguments]`: run benches.

Without `--bench` that is `sim`. Each bench is a pytest run of its own.
Exit code: 0 only if all of them passed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run the benches; return the worst exit code."""
    parser = argparse.ArgumentParser(prog="./dev hil", add_help=False)
    parser.add_argument("--bench", action="append", metavar="NAME|FILE")
    options, others = parser.parse_known_args(arguments)
    benches = options.bench or ["sim"]
    return max([_run(bench, others) for bench in benches])


def _run(bench: str, others: list[str]) -> int:
    print(f"--- bench {bench}", flush=True)
    command = [sys.executable, "-m", "pytest", str(HERE), "--bench", bench, "-n", "auto"]
    return subprocess.run([*command, *others], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
