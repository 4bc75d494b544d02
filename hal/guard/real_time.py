"""The guard's place in the machine: real-time class, locked memory, calm garbage collection."""

import ctypes
import gc
import os

PRIORITY = 50
_MCL_CURRENT_AND_FUTURE = 3
# What the guard starts, a simulated board for instance, must not be real-time as well.
_POLICY = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


def enter_real_time() -> str | None:
    """Ask for SCHED_FIFO and locked memory; return what was refused, None if nothing was."""
    refusals = [reason for reason in (_become_fifo(), _lock_memory()) if reason is not None]
    return "; ".join(refusals) or None


def calm_garbage_collection() -> None:
    """Move everything made so far out of the collector's reach and let it run rarely.

    The loop makes no reference cycles; rare errors may, so the collector stays on.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _become_fifo() -> str | None:
    try:
        os.sched_setscheduler(0, _POLICY, os.sched_param(PRIORITY))
    except OSError as error:
        return f"SCHED_FIFO: {error.strerror} (CAP_SYS_NICE or LimitRTPRIO={PRIORITY} is needed)"
    return None


def _lock_memory() -> str | None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(_MCL_CURRENT_AND_FUTURE) == 0:
        return None
    reason = os.strerror(ctypes.get_errno())
    return f"mlockall: {reason} (CAP_IPC_LOCK or LimitMEMLOCK=infinity is needed)"
