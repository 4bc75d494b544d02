"""Frames between guard and services: 64 bytes each, checked by magic, version, CRC and sequence.

Layout, little endian: magic, protocol version, frame type, EVSE, sequence number, 48 bytes of
payload, CRC-32 of everything before it. Padding is zero. A frame that is wrong in any part is
refused as a whole.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from struct import Struct
from zlib import crc32

from hal.api import Fault, GuardStatus, Hindrance, Lease, LeaseState, PilotMode, PilotState
from hal.guard.lease import LONGEST_VALID_S

FRAME_BYTES = 64
PROTOCOL_VERSION = 2
HIGHEST_CURRENT_A = 80.0

_MAGIC = b"sGrd"
_HEADER = Struct("<4sBBHI48s")
_CHECKSUM = Struct("<I")
_HELLO = Struct("<BI43x")
_BYE = Struct("<B47x")
_LEASE = Struct("<BBBddB28x")
_UNLOCK = Struct("<48x")
_STATUS = Struct("<BBBBIddddII")
_SEQUENCE_SPAN = 1 << 32
_HELLO_TYPE, _LEASE_TYPE, _UNLOCK_TYPE, _STATUS_TYPE, _BYE_TYPE = range(1, 6)

# The numbers on the wire; appending is compatible, reordering is not.
_MODES = (PilotMode.UNAVAILABLE, PilotMode.STANDBY, PilotMode.OFFER)
_PILOT_STATES = tuple(PilotState)
_LEASE_STATES = (LeaseState.NONE, LeaseState.LIVE, LeaseState.FALLBACK, LeaseState.EXPIRED)
_FAULTS = tuple(Fault)
_HINDRANCES = tuple(Hindrance)
_PHASES = (1, 3)
_COMMANDED, _CLOSED, _REAL_TIME, _HAS_LOCK, _LOCK_ENGAGED = 1, 2, 4, 8, 16
_TAMPERED, _SHUT_OFF, _ONE_PHASE = 32, 64, 128
# Which phase a single one is, in the upper bits of the lease's state: 0 is L1, as it always was.
_PHASE_SHIFT, _LEASE_STATE = 6, 63
_SINGLE = (1, 2, 3)


class FrameError(Exception):
    """A frame is not to be trusted; the message says why."""


class Role(IntEnum):
    """Who says hello: the services, somebody who only asks whether a guard lives, or the guard."""

    SERVICES = 1
    PROBE = 2
    GUARD = 3


class Farewell(IntEnum):
    """Why the guard closes a connection."""

    SHUTTING_DOWN = 1
    SUPERSEDED = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of each side."""

    role: Role
    pid: int


@dataclass(frozen=True, slots=True)
class Unlock:
    """Ask for the retention lock to be released once."""

    evse: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The guard's last frame on a connection."""

    reason: Farewell


Message = Hello | Lease | Unlock | GuardStatus | Bye


class Sequence:
    """Judges the sequence numbers of one direction of one connection (serial arithmetic)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def accept(self, number: int) -> None:
        """Take the next number; raises `FrameError` for a replayed or an older one."""
        if self._last is not None:
            ahead = (number - self._last) % _SEQUENCE_SPAN
            if not 0 < ahead < _SEQUENCE_SPAN // 2:
                raise FrameError(f"sequence number {number} after {self._last}")
        self._last = number


def encode(message: Message, sequence: int) -> bytes:
    """Return the frame; raises `FrameError` for values that the other side would refuse."""
    kind, evse, payload = _pack(message)
    body = _HEADER.pack(_MAGIC, PROTOCOL_VERSION, kind, evse, sequence % _SEQUENCE_SPAN, payload)
    return body + _CHECKSUM.pack(crc32(body))


def decode(frame: bytes) -> tuple[Message, int]:
    """Return the message and its sequence number; raises `FrameError`."""
    if len(frame) != FRAME_BYTES:
        raise FrameError(f"{len(frame)} bytes instead of {FRAME_BYTES}")
    body = frame[:-4]
    if _CHECKSUM.unpack(frame[-4:])[0] != crc32(body):
        raise FrameError("wrong checksum")
    magic, version, kind, evse, sequence, payload = _HEADER.unpack(body)
    if magic != _MAGIC:
        raise FrameError("wrong magic")
    if version != PROTOCOL_VERSION:
        raise FrameError(f"protocol version {version} instead of {PROTOCOL_VERSION}")
    message = _unpack(kind, evse, payload)
    if _pack(message) != (kind, evse, payload):
        raise FrameError("padding is not zero")
    return message, sequence


def _pack(message: Message) -> tuple[int, int, bytes]:
    match message:
        case Lease():
            return _LEASE_TYPE, message.evse, _pack_lease(message)
        case GuardStatus():
            return _STATUS_TYPE, message.evse, _pack_status(message)
        case Unlock():
            return _UNLOCK_TYPE, message.evse, _UNLOCK.pack()
        case Hello():
            return _HELLO_TYPE, 0, _HELLO.pack(message.role, message.pid)
        case Bye():
            return _BYE_TYPE, 0, _BYE.pack(message.reason)


def _unpack(kind: int, evse: int, payload: bytes) -> Message:
    if kind in (_HELLO_TYPE, _BYE_TYPE):
        return _unpack_greeting(kind, payload)
    if evse < 1:
        raise FrameError(f"no EVSE is numbered {evse}")
    if kind == _LEASE_TYPE:
        return _unpack_lease(evse, payload)
    if kind == _STATUS_TYPE:
        return _unpack_status(evse, payload)
    if kind == _UNLOCK_TYPE:
        return Unlock(evse)
    raise FrameError(f"unknown frame type {kind}")


def _unpack_greeting(kind: int, payload: bytes) -> Message:
    try:
        if kind == _BYE_TYPE:
            return Bye(Farewell(_BYE.unpack(payload)[0]))
        role, pid = _HELLO.unpack(payload)
        return Hello(Role(role), pid)
    except ValueError as error:
        raise FrameError(str(error)) from error


def _pack_lease(lease: Lease) -> bytes:
    _check_lease(lease)
    mode = _MODES.index(lease.mode)
    return _LEASE.pack(
        mode, lease.lock, lease.phases, lease.limit_a, lease.valid_s, lease.phase - 1
    )


def _unpack_lease(evse: int, payload: bytes) -> Lease:
    mode, lock, phases, limit_a, valid_s, beyond_l1 = _LEASE.unpack(payload)
    if mode >= len(_MODES) or lock > 1:
        raise FrameError(f"pilot mode {mode} with lock {lock}")
    lease = Lease(evse, _MODES[mode], limit_a, bool(lock), valid_s, phases, beyond_l1 + 1)
    _check_lease(lease)
    return lease


def _check_lease(lease: Lease) -> None:
    if not isfinite(lease.limit_a) or not 0.0 <= lease.limit_a <= HIGHEST_CURRENT_A:
        raise FrameError(f"limit of {lease.limit_a} A, not within 0..{HIGHEST_CURRENT_A} A")
    if not isfinite(lease.valid_s) or not 0.0 < lease.valid_s <= LONGEST_VALID_S:
        raise FrameError(f"validity of {lease.valid_s} s, not within 0..{LONGEST_VALID_S} s")
    if lease.phases not in _PHASES:
        raise FrameError(f"a lease for {lease.phases} phases, not 1 or 3")
    if lease.phase not in _SINGLE or (lease.phase > 1 and lease.phases > 1):
        raise FrameError(f"a lease for L{lease.phase} of {lease.phases} phases")
    if not 1 <= lease.evse <= 0xFFFF:
        raise FrameError(f"no EVSE is numbered {lease.evse}")


def _pack_status(status: GuardStatus) -> bytes:
    flags = (
        _COMMANDED * status.contactor_commanded
        | _CLOSED * status.contactor_closed
        | _REAL_TIME * status.real_time
        | _HAS_LOCK * (status.lock_engaged is not None)
        | _LOCK_ENGAGED * bool(status.lock_engaged)
        | _TAMPERED * status.tampered
        | _SHUT_OFF * status.shut_off
        | _ONE_PHASE * (status.phases == 1)
    )
    return _STATUS.pack(
        _PILOT_STATES.index(status.pilot_state),
        _LEASE_STATES.index(status.lease) | status.phase - 1 << _PHASE_SHIFT,
        flags,
        status.cable_rating_a or 0,
        sum(1 << _FAULTS.index(fault) for fault in status.faults),
        status.duty,
        status.offered_a,
        status.pilot_high_v,
        status.pilot_low_v,
        status.connection,
        sum(1 << _HINDRANCES.index(hindrance) for hindrance in status.hindrances),
    )


def _unpack_status(evse: int, payload: bytes) -> GuardStatus:
    pilot, lease, flags, rating_a, faults, *numbers, connection, hindrances = _STATUS.unpack(
        payload
    )
    phase, lease = (lease >> _PHASE_SHIFT) + 1, lease & _LEASE_STATE
    if phase not in _SINGLE:
        raise FrameError(f"no phase is L{phase}")
    if pilot >= len(_PILOT_STATES) or lease >= len(_LEASE_STATES):
        raise FrameError(f"pilot state {pilot} with lease state {lease}")
    if faults >> len(_FAULTS) or hindrances >> len(_HINDRANCES):
        raise FrameError(f"unknown faults {faults:#x} or hindrances {hindrances:#x}")
    if not all(map(isfinite, numbers)):
        raise FrameError("a measurement is not finite")
    duty, offered_a, high_v, low_v = numbers
    return GuardStatus(
        evse=evse,
        pilot_state=_PILOT_STATES[pilot],
        duty=duty,
        offered_a=offered_a,
        contactor_commanded=bool(flags & _COMMANDED),
        contactor_closed=bool(flags & _CLOSED),
        lease=_LEASE_STATES[lease],
        faults=frozenset(fault for bit, fault in enumerate(_FAULTS) if faults >> bit & 1),
        lock_engaged=bool(flags & _LOCK_ENGAGED) if flags & _HAS_LOCK else None,
        cable_rating_a=rating_a or None,
        pilot_high_v=high_v,
        pilot_low_v=low_v,
        real_time=bool(flags & _REAL_TIME),
        connection=connection,
        phases=1 if flags & _ONE_PHASE else 3,
        phase=phase,
        tampered=bool(flags & _TAMPERED),
        shut_off=bool(flags & _SHUT_OFF),
        hindrances=frozenset(h for bit, h in enumerate(_HINDRANCES) if hindrances >> bit & 1),
    )
