"""Running the programs that build an image."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LAST_WORDS = 3000
LONGEST_S = 600.0


class BuildFailed(Exception):
    """A step of the build did not work; the message has the command and its last words."""


def run(
    *command: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    feed: IO[bytes] | None = None,
) -> str:
    """Run a program to its end and return what it printed; raises `BuildFailed`."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=feed or subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailed(f"{words[0]} cannot be run: {error}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-LAST_WORDS:]
        raise BuildFailed(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
    return done.stdout.decode(errors="replace")


def pipe(source: Sequence[str | Path], sink: Sequence[str | Path]) -> None:
    """Run two programs, the first one's output into the second one; raises `BuildFailed`."""
    with subprocess.Popen([str(word) for word in source], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        try:
            run(*sink, feed=first.stdout)
        finally:
            first.stdout.close()  # so that a source without a sink ends
            code = first.wait()
    if code:
        raise BuildFailed(f"{' '.join(map(str, source))} ended with {code}")
