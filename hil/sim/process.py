"""Child processes of the bench: each has a log of its own, and ends when the bench does.

A station that outlived its bench would go on looking for its devices, and find the ptys of others.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


async def spawn(log: Path, *command: str) -> Process:
    """Start a program in a session of its own; what it says is added to the log."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *leash(),
            *command,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            env=environment(),
            start_new_session=True,
        )


def leash() -> tuple[str, ...]:
    """Return what a command begins with that is to end when the thread that starts it does."""
    setpriv = shutil.which("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "KILL")


def environment() -> dict[str, str]:
    """Return this process's environment, with this source tree to be imported from."""
    known = os.environ.get("PYTHONPATH")
    path = str(ROOT) if not known else f"{ROOT}{os.pathsep}{known}"
    return dict(os.environ) | {"PYTHONPATH": path}
