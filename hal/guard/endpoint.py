"""Sockets of the guard's link: AF_UNIX, SEQPACKET, at paths of any length.

A socket address holds at most 107 bytes, so the folder is opened and the socket is addressed
through its descriptor in /proc/self/fd.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct, calcsize, unpack

_LONGEST_ADDRESS_BYTES = 107
_CREDENTIALS = Struct("3i")
_SO_PEERGROUPS = 59
_MOST_GROUPS = 256


def listen(path: Path, group: int | None = None) -> socket.socket:
    """Return a listening, non-blocking socket at `path`, replacing a stale one.

    Only the own user may connect, and members of `group` where one is given. Raises OSError.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        mask = os.umask(0o177)
        try:
            with _address(path) as address:
                listener.bind(address)
        finally:
            os.umask(mask)
        if group is not None:
            if path.stat().st_gid != group:
                os.chown(path, -1, group)
            path.chmod(0o660)
        listener.listen(8)
    except BaseException:
        listener.close()
        raise
    return listener


def connect(path: Path) -> socket.socket:
    """Return a connected, non-blocking socket; raises OSError while nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        with _address(path) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def peer_is_allowed(connection: socket.socket, group: int | None) -> bool:
    """Tell whether the peer runs as our user or belongs to `group`."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(raw)
    if uid == os.geteuid():
        return True
    return group is not None and (gid == group or group in _peer_groups(connection))


def _peer_groups(connection: socket.socket) -> tuple[int, ...]:
    """Return the peer's further groups, none if they cannot be had or are too many."""
    size = calcsize("I")
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * size)
    except OSError:
        return ()
    return unpack(f"{len(raw) // size}I", raw)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST_ADDRESS_BYTES:
        yield text
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
