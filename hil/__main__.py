"""`python -m hil [--bench NAME|FILE] [pytest arguments]`: run benches.

Without `--bench` that is `sim` and, where everything that it needs is installed, `virtual`. Each
bench is a pytest run of its own. Exit code: 0 only if all of them passed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from hil.virtual import available

HERE = Path(__file__).parent
SIM, VIRTUAL = "sim", "virtual"


def main(arguments: list[str]) -> int:
    """Run the benches; return the worst exit code."""
    parser = argparse.ArgumentParser(prog="./dev hil", add_help=False)
    parser.add_argument("--bench", action="append", metavar="NAME|FILE")
    options, others = parser.parse_known_args(arguments)
    lacking = available.sentence()
    benches = options.bench or [SIM, *([] if lacking else [VIRTUAL])]
    codes = [_run(bench, others) for bench in benches]
    if lacking and not options.bench:
        print(f"bench {VIRTUAL} was left out: {lacking}")
    return max(codes)


def _run(bench: str, others: list[str]) -> int:
    print(f"--- bench {bench}", flush=True)
    if bench == VIRTUAL and not _there_is_an_image():
        return 1
    return _python("-m", "pytest", str(HERE), "--bench", bench, "-n", "auto", *others)


def _there_is_an_image() -> bool:
    """Build what the machine boots, before any test has a time limit; tell whether it is there."""
    if lacking := available.sentence():
        print(f"bench {VIRTUAL} cannot run: {lacking}")
        return False
    return _python("-m", "hil.virtual.image") == 0


def _python(*words: str) -> int:
    return subprocess.run([sys.executable, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
