"""The bench's hand in the machine: runs programs, writes files and asks sockets as the host wants.

It speaks JSON lines over the virtio port `bench.control` and needs nothing but the standard
library. A request has an `id` and one of

- `run`, a list of words, with `input` and `timeout_s`
- `write`, a path, with `text` and `mode`
- `ask`, a Unix socket, with the `line` to send it, whose answer is one line
- `signal`, a process, with the `number` of the signal; the answer is the time before it was sent
- `until`, a time to wait for; the answer is the time then

Times are nanoseconds of the kernel's monotonic clock. Requests are served at the same time, so a
slow program holds up nobody.
"""

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PORT = "bench.control"
PORTS = Path("/sys/class/virtio-ports")
LOOK_AGAIN_S = 0.05


def main() -> None:
    """Serve the host for ever."""
    port = os.open(_find_port(), os.O_RDWR)
    talk = Talk(port)
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    talk.say({"hello": boot_id})
    for request in _lines(port):
        threading.Thread(target=talk.serve, args=(request,), daemon=True).start()


class Talk:
    """Answers to the host, one line each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        """Send one line whole."""
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._port, data) :]

    def serve(self, line: bytes) -> None:
        """Carry one request out and answer it, whatever becomes of it."""
        request = json.loads(line)
        try:
            answer = next(do for word, do in _DOES.items() if word in request)(request)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            answer = {"code": -1, "out": "", "err": f"{type(error).__name__}: {error}"}
        self.say({"id": request["id"], **answer})


def _run(request: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        request["run"],
        input=request.get("input", ""),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=request.get("timeout_s"),
        check=False,
    )
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def _write(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request["write"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(request["text"], encoding="utf-8")
    path.chmod(request.get("mode", 0o644))
    return {"code": 0, "out": "", "err": ""}


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(request.get("timeout_s"))
        peer.connect(request["ask"])
        peer.sendall(request["line"].encode() + b"\n")
        answer = peer.makefile("rb").readline().decode()
    return {"code": 0 if answer else 1, "out": answer, "err": ""}


def _signal(request: dict[str, Any]) -> dict[str, Any]:
    now_ns = time.monotonic_ns()
    os.kill(request["signal"], request["number"])
    return {"code": 0, "out": str(now_ns), "err": ""}


def _wait(request: dict[str, Any]) -> dict[str, Any]:
    while (wait_ns := request["until"] - time.monotonic_ns()) > 0:
        time.sleep(wait_ns / 1e9)
    return {"code": 0, "out": str(time.monotonic_ns()), "err": ""}


_DOES = {"run": _run, "write": _write, "ask": _ask, "signal": _signal, "until": _wait}


def _find_port() -> Path:
    """Wait for the port and return its device file."""
    while True:
        if PORTS.is_dir():
            for port in PORTS.iterdir():
                device = Path("/dev") / port.name
                if (port / "name").read_text("ascii").strip() == PORT and device.exists():
                    return device
        time.sleep(LOOK_AGAIN_S)


def _lines(port: int) -> Any:
    """Yield the host's lines; while no host listens, the port ends at once."""
    unread = b""
    while True:
        data = os.read(port, 65536)
        if not data:
            time.sleep(LOOK_AGAIN_S)
        *lines, unread = (unread + data).split(b"\n")
        yield from lines


if __name__ == "__main__":
    main()
