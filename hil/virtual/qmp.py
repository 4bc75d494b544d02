"""QEMU's monitor protocol: commands and their answers, and the events that QEMU tells by itself."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

ANSWER_S = 60.0

Event = Mapping[str, Any]


class QmpError(Exception):
    """QEMU refuses a command, or is gone; the message has its words."""


class Qmp:
    """One connection; a thread of its own reads. `on_event` is called in that thread."""

    def __init__(self, connection: socket.socket, on_event: Callable[[Event], None]) -> None:
        self._connection = connection
        self._on_event = on_event
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._answers: list[Mapping[str, Any]] = []
        self._gone = False
        self.events: list[Event] = []
        self._listener = threading.Thread(target=self._listen, daemon=True, name="qmp")
        self._listener.start()
        try:
            self.execute("qmp_capabilities")
        except QmpError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # hung up already
            self._connection.shutdown(socket.SHUT_RDWR)
        self._listener.join()

    def execute(self, command: str, **arguments: object) -> Any:
        """Carry out a command and return its answer; raises `QmpError`."""
        line = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        with self._lock, self._changed:
            try:
                self._connection.sendall(line)
            except OSError as error:
                raise QmpError(f"QEMU is gone: {error}") from error
            self._changed.wait_for(lambda: self._answers or self._gone, ANSWER_S)
            answer = self._answers.pop() if self._answers else None
        if answer is None:
            raise QmpError(f"QEMU does not answer {command!r}; is it still there?")
        if "error" in answer:
            raise QmpError(f"QEMU refuses {command!r}: {answer['error']['desc']}")
        return answer["return"]

    def wait_for(self, name: str, timeout_s: float, *, after: int = 0) -> Event:
        """Return the first event of a name from `events[after:]` on; raises `QmpError`."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(name, after) or self._gone, timeout_s)
            found = self._find(name, after)
        if found is None:
            raise QmpError(f"QEMU did not tell of {name} within {timeout_s:g} s")
        return found

    def _find(self, name: str, after: int) -> Event | None:
        return next((event for event in self.events[after:] if event["event"] == name), None)

    def _listen(self) -> None:
        with (
            self._connection,
            self._connection.makefile("rb") as lines,
            contextlib.suppress(OSError, ValueError),  # hung up, which is what the next lines tell
        ):
            for line in lines:
                self._take(json.loads(line))
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _take(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._on_event(message)
        with self._changed:
            if "event" in message:
                self.events.append(message)
            elif "QMP" not in message:  # which is the greeting
                self._answers.append(message)
            self._changed.notify_all()
