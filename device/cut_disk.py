"""A disk with a volatile cache, as memory cards have: what was not flushed may be lost in a cut.

It speaks the NBD protocol on a socket and logs every write and flush, so that its content after
a power cut at any moment can be made afterwards.
"""

import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
_SUPERBLOCK = range(1024, 2048)
"""ext4 writes it in place with a checksum over it, and mounts nothing once it is torn; the disks
that it lives on write at least as much at once."""
_MAGIC = b"NBDMAGICIHAVEOPT"
_OPTION_REPLY = 0x3E889045565A9
_REQUEST, _REPLY = 0x25609513, 0x67446698
_HAS_FLAGS, _SEND_FLUSH, _SEND_FUA = 1, 4, 8
_READ, _WRITE, _CLOSE, _FLUSH, _ZEROES = 0, 1, 2, 3, 6
_OPT_EXPORT_NAME, _OPT_ABORT, _OPT_INFO, _OPT_GO = 1, 2, 6, 7
_ACK, _INFO, _UNSUPPORTED = 1, 3, 0x80000001


@dataclass(frozen=True)
class Write:
    """Bytes that reached the disk's cache."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class Flush:
    """Everything before it is durable."""


@dataclass(frozen=True)
class Mark:
    """Something that the workload was told to be done."""

    text: str


Event = Write | Flush | Mark


@dataclass
class CutDisk:
    """A disk over a file in memory; `log` tells what was done to it since `content` was `base`."""

    content: bytearray
    path: Path
    log: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(4)
        threading.Thread(target=self._serve, daemon=True).start()

    def mark(self, text: str) -> None:
        """Note that something was said to be done."""
        with self._lock:
            self.log.append(Mark(text))

    def seen_so_far(self) -> list[Event]:
        """Return what was done to it until now: what a cut of this moment finds."""
        with self._lock:
            return list(self.log)

    def close(self) -> None:
        """Serve nobody any more; closing alone does not wake who waits there."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._session, args=(client,), daemon=True).start()

    def _session(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as incoming:
            try:
                self._negotiate(client, incoming)
                while self._request(client, incoming):
                    pass
            except (EOFError, OSError):
                return

    def _negotiate(self, client: socket.socket, incoming: BinaryIO) -> None:
        flags = _HAS_FLAGS | _SEND_FLUSH | _SEND_FUA
        client.sendall(_MAGIC + struct.pack(">H", 3))
        _exactly(incoming, 4)
        while True:
            _, option, length = struct.unpack(">8sII", _exactly(incoming, 16))
            _exactly(incoming, length)
            head = struct.Struct(">QIII")
            match option:
                case 1:
                    client.sendall(struct.pack(">QH", len(self.content), flags) + bytes(124))
                    return
                case 6 | 7:
                    info = struct.pack(">HQH", 0, len(self.content), flags)
                    client.sendall(head.pack(_OPTION_REPLY, option, _INFO, len(info)) + info)
                    client.sendall(head.pack(_OPTION_REPLY, option, _ACK, 0))
                    if option == _OPT_GO:
                        return
                case 2:
                    raise EOFError
                case _:
                    client.sendall(head.pack(_OPTION_REPLY, option, _UNSUPPORTED, 0))

    def _request(self, client: socket.socket, incoming: BinaryIO) -> bool:
        head = struct.unpack(">IHHQQI", _exactly(incoming, 28))
        _, flags, kind, handle, offset, length = head
        data = _exactly(incoming, length) if kind == _WRITE else b""
        answer = b""
        with self._lock:
            match kind:
                case 0:
                    answer = bytes(self.content[offset : offset + length])
                case 1 | 6:
                    self._write(offset, data or bytes(length))
                case 2:
                    return False
                case 3:
                    self.log.append(Flush())
            if flags & 1 and kind in (_WRITE, _ZEROES):
                self.log.append(Flush())
        client.sendall(struct.pack(">IIQ", _REPLY, 0, handle) + answer)
        return True

    def _write(self, offset: int, data: bytes) -> None:
        self.content[offset : offset + len(data)] = data
        self.log.append(Write(offset, data))


class Cuts:
    """Makes the disk as a cut at a place of the log leaves it; places are taken in order."""

    def __init__(self, base: bytes, log: list[Event], seed: int) -> None:
        self._durable = bytearray(base)
        self._log = log
        self._done = 0
        self._pending: list[Write] = []
        self._dice = random.Random(seed)  # noqa: S311 - what a cut leaves is no secret
        self.said: list[str] = []

    def at(self, place: int, torn: int = SECTOR) -> bytearray:
        """Return the content after a cut before `log[place]`.

        Of what was not flushed a random part has arrived, in any order, in pieces of `torn` bytes;
        only the superblock of the file system arrives whole or not at all.
        """
        for event in self._log[self._done : place]:
            self._apply(event)
        self._done = place
        content = bytearray(self._durable)
        for write in self._pending:
            for begin, piece in _pieces(write, torn):
                if self._dice.random() < 0.5:
                    content[begin : begin + len(piece)] = piece
        return content

    def _apply(self, event: Event) -> None:
        match event:
            case Write():
                self._pending.append(event)
            case Flush():
                for write in self._pending:
                    self._durable[write.offset : write.offset + len(write.data)] = write.data
                self._pending = []
            case Mark(text):
                self.said.append(text)


def _pieces(write: Write, torn: int) -> Iterator[tuple[int, bytes]]:
    """Return what of a write arrives or does not, with its place on the disk."""
    ends = write.offset + len(write.data)
    edges = [edge for edge in range(write.offset, ends, torn) if edge not in _SUPERBLOCK[1:]]
    for begin, end in pairwise([*edges, ends]):
        yield begin, write.data[begin - write.offset : end - write.offset]


def _exactly(incoming: BinaryIO, length: int) -> bytes:
    data = incoming.read(length)
    if len(data) != length:
        raise EOFError
    return data
