"""One descriptor that wakes the guard: an edge on any line, or a device whose time has come."""

import ctypes
import os
import select
from collections.abc import Iterable

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_NANO = 1_000_000_000
_COUNT_BYTES = 8


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class Wake:
    """An epoll over the lines' descriptors and one timer of the kernel."""

    def __init__(self, filenos: Iterable[int]) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._timer = self._library.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._timer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._due_s: float | None = None
        self._poll = select.epoll()
        for fileno in (*filenos, self._timer):
            self._poll.register(fileno, select.EPOLLIN)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._poll.fileno()

    def arm(self, due_s: float | None) -> None:
        """Wake at a monotonic time, or for edges only; the last call holds."""
        if due_s == self._due_s:
            return
        self._due_s = due_s
        # A time that has passed already still has to wake; 0 would switch the timer off.
        value_ns = 0 if due_s is None else max(1, round(due_s * _NANO))
        value = _Timespec(value_ns // _NANO, value_ns % _NANO)
        spec = _Itimerspec(_Timespec(0, 0), value)
        self._library.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(spec), None)

    def clear(self) -> None:
        """Take notice of a timer that has fired, so that the descriptor rests again."""
        try:
            os.read(self._timer, _COUNT_BYTES)
        except BlockingIOError:
            return
        self._due_s = None

    def close(self) -> None:
        """Close both descriptors."""
        self._poll.close()
        os.close(self._timer)
