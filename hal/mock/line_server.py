"""The board's side of the safety lines: one owner drives them, every edge is pushed to it."""

import socket
import struct
from collections.abc import Callable, Mapping

from hal.mock import wire
from hal.mock.plant import Plant
from hal.mock.wire import EvseSettings, Kind

_CREDENTIALS = struct.Struct("3i")


class LineServer:
    """Serves the guard; when it goes, its outputs fall to safe.

    After a pushed edge nothing more is pushed until the owner asks again: its socket is readable
    already, and the answer will be newer than any push.
    """

    def __init__(
        self, plant: Plant, add_evses: Callable[[Mapping[int, EvseSettings], int], None]
    ) -> None:
        self._plant = plant
        self._add_evses = add_evses
        self._numbers: tuple[int, ...] = ()
        self._told = b""
        self._pushed = False
        self.owner: socket.socket | None = None

    @property
    def owner_pid(self) -> int | None:
        """The process that owns the lines."""
        return None if self.owner is None else peer_pid(self.owner)

    def serve(self, peer: socket.socket, datagram: bytes, now_ns: int) -> None:
        """Answer one frame; raises `wire.BadFrame` for a peer that does not follow the rules."""
        frame = wire.parse(datagram)
        if frame.kind is Kind.SETTINGS:
            self._own(peer, wire.decode_settings(frame), now_ns)
        elif frame.kind is Kind.OUTPUTS and peer is self.owner:
            self._drive(frame, now_ns)
        else:
            raise wire.BadFrame(f"unexpected {frame.kind.name} frame")
        self._answer(frame.sequence)

    def publish(self) -> None:
        """Push the inputs if they differ from what the owner knows."""
        if self.owner is None or self._pushed:
            return
        body = self._inputs(wire.PUSHED)
        if body != self._told:
            self._told = body
            self._pushed = True
            self._send(body)

    def lost(self, peer: socket.socket, now_ns: int) -> None:
        """Forget a connection that is gone; if it owned the lines, they fall to safe."""
        if peer is self.owner:
            self.owner = None
            self._plant.release(now_ns)

    def _own(self, peer: socket.socket, settings: Mapping[int, EvseSettings], now_ns: int) -> None:
        if self.owner is not None and self.owner is not peer:
            if not _is_dead(self.owner):
                reason = f"the lines of this board are held by process {self.owner_pid}"
                peer.send(wire.encode_refusal(reason))
                raise wire.BadFrame(reason)
            self.lost(self.owner, now_ns)
        self._add_evses(settings, now_ns)
        self.owner = peer
        self._numbers = tuple(settings)
        self._plant.release(now_ns)
        self._plant.set_mains(now_ns, on=True)

    def _drive(self, frame: wire.Frame, now_ns: int) -> None:
        outputs = wire.decode_outputs(frame)
        if not outputs.keys() <= set(self._numbers):
            raise wire.BadFrame("outputs for an EVSE that was not introduced")
        for number, driven in outputs.items():
            self._plant.evses[number].drive(driven, now_ns)

    def _answer(self, sequence: int) -> None:
        self._told = self._inputs(wire.PUSHED)
        self._pushed = False
        self._send(self._inputs(sequence))

    def _inputs(self, sequence: int) -> bytes:
        evses = self._plant.evses
        return wire.encode_inputs({n: evses[n].read_lines() for n in self._numbers}, sequence)

    def _send(self, datagram: bytes) -> None:
        if self.owner is not None:
            try:
                self.owner.send(datagram)
            except OSError as error:
                raise wire.BadFrame(f"the owner of the lines does not listen: {error}") from error


def peer_pid(peer: socket.socket) -> int:
    """Return the process at the other end."""
    return _credentials(peer)[0]


def peer_uid(peer: socket.socket) -> int:
    """Return the user at the other end."""
    return _credentials(peer)[1]


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return pid, uid, gid


def _is_dead(peer: socket.socket) -> bool:
    try:
        return peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
