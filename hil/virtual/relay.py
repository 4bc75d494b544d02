"""`relay.py FILE`: join standard input and output with the TCP port on this host that a file names.

QEMU starts it for each connection that the machine opens to the bench's CSMS. It runs without the
site's packages, and ends when either side does.
"""

import os
import socket
import sys
import threading
from pathlib import Path

HOST = "127.0.0.1"
CHUNK = 65536


def main() -> int:
    """Join the two; 1 if nobody listens."""
    try:
        port = int(Path(sys.argv[1]).read_text("ascii"))
        peer = socket.create_connection((HOST, port))
    except (OSError, ValueError):
        return 1
    threading.Thread(target=_forward, args=(peer,), daemon=True).start()
    while data := peer.recv(CHUNK):
        while data:
            data = data[os.write(1, data) :]
    return 0


def _forward(peer: socket.socket) -> None:
    try:
        while data := os.read(0, CHUNK):
            peer.sendall(data)
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
