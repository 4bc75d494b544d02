"""The host's end of the machine's control port: programs run and files written in the machine."""

import contextlib
import json
import shlex
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any


class ControlLost(ConnectionError):
    """The machine ended or was reset before it answered."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program in the machine ended; -1 is one that could not be run, `err` says why."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def checked(self) -> str:
        """Return what it printed; raises `ProgramFailed` if it did not end with 0."""
        if self.code:
            said = f"{self.out}{self.err}".strip()
            raise ProgramFailed(f"{shlex.join(self.words)} ended with {self.code}: {said}")
        return self.out


class ProgramFailed(Exception):
    """A program in the machine did not do what it should."""


class Control:
    """Requests and answers over one connection, which outlives resets of the machine."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._greeted = threading.Condition()
        self._number = 0
        self._open: dict[int, tuple[tuple[str, ...], Future[Done]]] = {}
        self.boots: list[str] = []
        self._ended = False
        self._listener = threading.Thread(target=self._listen, daemon=True, name="control")
        self._listener.start()

    def close(self) -> None:
        """Hang up; whatever is under way is lost."""
        with contextlib.suppress(OSError):  # hung up already
            self._connection.shutdown(socket.SHUT_RDWR)
        self._listener.join()

    def run(self, *words: str, feed: str = "", timeout_s: float = 120.0) -> "Future[Done]":
        """Run a program; the result raises `ControlLost`."""
        return self._ask(words, {"run": words, "input": feed, "timeout_s": timeout_s})

    def write(self, path: str, text: str, mode: int = 0o644) -> "Future[Done]":
        """Write a file, and the folders above it."""
        return self._ask(("write", path), {"write": path, "text": text, "mode": mode})

    def ask(self, path: str, line: str, timeout_s: float = 30.0) -> "Future[Done]":
        """Send a line to a Unix socket of the machine; `out` is the line that answers it."""
        return self._ask(("ask", path), {"ask": path, "line": line, "timeout_s": timeout_s})

    def signal(self, process: int, number: int) -> "Future[Done]":
        """Send a signal; `out` is the machine's monotonic time before that, in nanoseconds."""
        words = ("kill", f"-{number}", str(process))
        return self._ask(words, {"signal": process, "number": number})

    def wait_until(self, time_ns: int) -> "Future[Done]":
        """Wait for a time of the machine's monotonic clock; `out` is the time then."""
        return self._ask(("sleep",), {"until": time_ns})

    def wait_for_boot(self, number: int, timeout_s: float) -> None:
        """Wait until the machine has come up `number` times; raises `ControlLost`."""
        with self._greeted:
            self._greeted.wait_for(lambda: len(self.boots) >= number or self._ended, timeout_s)
            if len(self.boots) < number:
                raise ControlLost(f"the machine did not come up within {timeout_s:g} s")

    def _ask(self, words: tuple[str, ...], request: dict[str, Any]) -> "Future[Done]":
        future: Future[Done] = Future()
        with self._lock:
            self._number += 1
            self._open[self._number] = words, future
            line = json.dumps({"id": self._number, **request}).encode() + b"\n"
            try:
                self._connection.sendall(line)
            except OSError as error:
                del self._open[self._number]
                raise ControlLost(f"the machine is gone: {error}") from error
        return future

    def _listen(self) -> None:
        with (
            self._connection,
            self._connection.makefile("rb") as lines,
            contextlib.suppress(OSError),  # hung up, which is what the next lines tell
        ):
            for line in lines:
                self._take(line)
        self._lose("the machine is gone")
        with self._greeted:
            self._ended = True
            self._greeted.notify_all()

    def _take(self, line: bytes) -> None:
        try:
            message: Mapping[str, Any] = json.loads(line)
        except ValueError:
            return  # the rest of a line that a reset cut
        if "hello" in message:
            self._lose("the machine was reset")
            with self._greeted:
                self.boots.append(message["hello"])
                self._greeted.notify_all()
            return
        with self._lock:
            words, future = self._open.pop(message["id"], ((), Future()))
        if future.set_running_or_notify_cancel():
            future.set_result(Done(words, message["code"], message["out"], message["err"]))

    def _lose(self, reason: str) -> None:
        with self._lock:
            lost, self._open = self._open, {}
        for words, future in lost.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(ControlLost(f"{reason} while it ran {shlex.join(words)}"))
