"""An event loop whose clock jumps to the next timer as soon as nothing is left to do before it.

Sockets on loopback and threads stay real. While bytes are on their way between sockets of this
process, while a function runs in an executor, or while one of `busy` says so, the clock stands
still; so a story of hours takes seconds and happens in the same order every time.
"""

import asyncio
import fcntl
import selectors
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.services.system_clock import SystemClock
from tests.patience import PATIENT_S

START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
FIRST_MONOTONIC_S = 1_000.0
_PATIENCE_S = 0.002
_MOST_TURNS_AT_AN_INSTANT = 500
_INSTANT_S = 1e-6
_SIOCOUTQNSD = 0x894B
"""Linux: bytes of a TCP socket that were not sent yet."""
_NO_BYTES = bytes(4)
_LONGEST_STANDSTILL_S = PATIENT_S


class Standstill(RuntimeError):
    """The clock may not move for ever: somebody who was busy never got ready."""


class VirtualTimeSelector(selectors.DefaultSelector):
    """Looks at real descriptors, but waits for timers by moving the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = FIRST_MONOTONIC_S
        self.busy: list[Callable[[], bool]] = []
        self._turns = 0
        self._connected: set[int] = set()

    def register(  # type: ignore[explicit-override]
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        if _unsent(key.fd) is not None:
            self._connected.add(key.fd)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # type: ignore[explicit-override]
        key = super().unregister(fileobj)
        self._connected.discard(key.fd)
        return key

    # typing.override, which the type checker misses here, is younger than Python 3.11.
    def select(  # type: ignore[explicit-override]
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            self._count_turn()
            return super().select(0)
        is_busy, ready = self._look()
        if ready:
            self._count_turn()
            return ready
        self._turns = 0
        waited_s = 0.0
        while not ready and (timeout is None or is_busy):
            ready = super().select(_PATIENCE_S)
            waited_s += _PATIENCE_S
            if waited_s > _LONGEST_STANDSTILL_S:
                raise Standstill(f"nothing happened for {waited_s:.0f} real seconds")
            if not ready:
                is_busy, ready = self._look()
        if not ready and timeout is not None:
            self.now_s += timeout
        return ready

    def _look(self) -> tuple[bool, list[tuple[selectors.SelectorKey, int]]]:
        """Ask who is busy, then what is ready: whoever gets ready in between is seen."""
        return self._is_busy(), super().select(0)

    def _count_turn(self) -> None:
        """Let a little time pass for whoever waits for less than the clock can show."""
        self._turns += 1
        if self._turns > _MOST_TURNS_AT_AN_INSTANT:
            self._turns = 0
            self.now_s += _INSTANT_S

    def _is_busy(self) -> bool:
        return any(busy() for busy in self.busy) or self._bytes_travel()

    def _bytes_travel(self) -> bool:
        return any(map(_unsent, self._connected))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; `busy` predicates hold the clock."""

    def __init__(self) -> None:
        self.selector = VirtualTimeSelector()
        super().__init__(self.selector)
        self._clock_resolution = 1e-9
        self._executing = 0
        self.selector.busy.append(lambda: self._executing > 0)

    def time(self) -> float:  # type: ignore[explicit-override]
        return self.selector.now_s

    def run_in_executor(  # type: ignore[override, explicit-override] # generics left out
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._executing += 1
        future.add_done_callback(self._executed)
        return future

    def _executed(self, _future: asyncio.Future[Any]) -> None:
        self._executing -= 1


class VirtualClock(SystemClock):
    """The station's own clock on virtual time; `wrong_by` is what its real-time clock is off."""

    def __init__(self, wrong_by: timedelta = timedelta(0)) -> None:
        super().__init__(lambda: utc_now() + wrong_by, lambda: asyncio.get_running_loop().time())


def utc_now() -> datetime:
    """The true time of the story; on any other event loop it is the real one."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop):
        return datetime.now(UTC)
    passed_s = loop.time() - FIRST_MONOTONIC_S
    return START + timedelta(seconds=passed_s)


def loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """For the hook of pytest-asyncio that chooses the event loop of a test."""
    return {"virtual": VirtualTimeLoop}


def _unsent(descriptor: int) -> int | None:
    """Return the bytes that the kernel has not handed over yet; None for what is no connection.

    What is sent on loopback has arrived; its acknowledgement may come much later.
    """
    try:
        pending = fcntl.ioctl(descriptor, _SIOCOUTQNSD, _NO_BYTES)
    except OSError:
        return None
    return int.from_bytes(pending, sys.byteorder)


__all__ = [
    "FIRST_MONOTONIC_S",
    "START",
    "Standstill",
    "VirtualClock",
    "VirtualTimeLoop",
    "VirtualTimeSelector",
    "loop_factories",
    "utc_now",
]
