"""Facts about the machine and the service manager under the daemon."""

import logging
import os
import signal
import socket
import sys
from pathlib import Path

WATCHDOG_STATUS = Path("/sys/class/watchdog/watchdog0/bootstatus")
_WATCHDOG_RESET = 0x20
"""WDIOF_CARDRESET of linux/watchdog.h: the watchdog started the machine anew."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


def boot_id() -> str:
    """Return the kernel's id of this boot; a new one means that power was lost or it rebooted."""
    return BOOT_ID.read_text("ascii").strip()


def watchdog_bit() -> bool:
    """Tell whether the hardware watchdog started the machine; False where there is none."""
    try:
        return bool(int(WATCHDOG_STATUS.read_text("ascii"), 0) & _WATCHDOG_RESET)
    except (OSError, ValueError):
        return False


def notify(state: str) -> None:
    """Tell the service manager something, if there is one (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), name)
    except OSError as error:
        log.warning("the service manager cannot be told %s: %s", state, error)


def watchdog_interval_s() -> float | None:
    """Return how often the service manager wants a sign of life, None if it wants none."""
    wanted_us = os.environ.get("WATCHDOG_USEC", "")
    return int(wanted_us) / 1_000_000 / 3 if wanted_us.isdigit() else None


def restart() -> None:
    """Replace this process by a fresh start of the same program; never returns."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line, no shell


def lose_power(guard_pid: int | None) -> None:
    """End as a simulated power failure ends things: guard and daemon at once, without a word."""
    if guard_pid is not None:
        os.kill(guard_pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
