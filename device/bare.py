"""Whether a bare Debian can be made and booted here: what fails there is not the product."""

import subprocess
from pathlib import Path

from device import system
from device.container import Container, NotReached


def obstacle(log: Path) -> str:
    """Return why none can, '' if one can; the first time on a machine that takes a minute."""
    try:
        system.debian()
    except (OSError, subprocess.SubprocessError) as error:
        return f"no Debian can be made here: {_worded(error)}"
    try:
        with system.overlay() as root:
            _boot(Container(root, log))
    except (OSError, subprocess.SubprocessError, NotReached, AssertionError) as error:
        return f"a bare Debian does not boot in a container here: {_said(log) or _worded(error)}"
    return ""


def _boot(container: Container) -> None:
    try:
        container.boot()
    finally:
        container.power_off()


def _worded(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd[0]} ended with code {error.returncode}"
    return str(error)


def _said(log: Path) -> str:
    words = log.read_text(errors="replace").split() if log.exists() else []
    return " ".join(words)[-200:]
