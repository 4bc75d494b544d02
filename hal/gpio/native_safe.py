"""A shell script that drives the outputs to idle without Python, for the moments after a crash.

The service manager runs it as soon as the guard has ended, however that happened, and before
`stationd-guard safe`, which takes many times as long to start. The guard writes it anew whenever it
has opened the lines, because device files may be numbered differently after the next boot. It uses
`gpioset` of libgpiod 2, else of libgpiod 1, and does nothing where neither is installed.
"""

import logging
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

NAME = "make-safe"
# Set by the service manager to the folder of `RuntimeDirectory=`.
FOLDER_VARIABLE = "RUNTIME_DIRECTORY"

_log = logging.getLogger(__name__)

Levels = Iterable[tuple[str, Mapping[int, bool]]]


def leave_behind(levels: Levels, duty_files: Iterable[Path | None]) -> None:
    """Write the script where the service manager looks for it; without one, do nothing."""
    folder = os.environ.get(FOLDER_VARIABLE, "").partition(":")[0]
    if not folder:
        return
    file = Path(folder) / NAME
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(script(levels, duty_files), "utf-8")
        fresh.replace(file)
    except OSError as error:
        _log.warning("%s cannot be written: %s", file, error.strerror)


def script(levels: Levels, duty_files: Iterable[Path | None]) -> str:
    """Return the script: contactors and all other outputs first, then state F on the pilots."""
    lines = ["# Written by stationd-guard: its outputs at their idle level."]
    for chip, outputs in levels:
        device = shlex.quote(chip)
        values = " ".join(f"{offset}={int(high)}" for offset, high in sorted(outputs.items()))
        lines.append(f"gpioset -t0 -c {device} {values} 2>/dev/null || gpioset {device} {values}")
    lines += [f"echo 0 > {shlex.quote(str(file))}" for file in duty_files if file is not None]
    return "\n".join(lines) + "\n"
