"""The dead man's handle: a guard that hangs while it holds the lines is ended by the kernel.

A process that ended lets its lines fall; one that hangs keeps a contactor closed. The service
manager's watchdog does the same where there is one. This needs nobody: the kernel's alarm ends a
process also in the middle of a driver's call.
"""

import faulthandler
import signal


def tell_where_it_hung() -> None:
    """Let the alarm write to standard error where the guard was, before it ends the guard."""
    faulthandler.register(signal.SIGALRM, chain=True)


class DeadMan:
    """An alarm that is put off as long as the loop runs; None never rings."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._fed_s: float | None = None

    def feed(self, now_s: float) -> None:
        """Put the alarm off; it rings when this is not called again within the limit."""
        if self._limit_s is None:
            return
        if self._fed_s is None or now_s - self._fed_s >= self._limit_s / 10:
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)
            self._fed_s = now_s

    def rest(self) -> None:
        """Switch the alarm off: nothing is held that could hurt."""
        if self._fed_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            self._fed_s = None
