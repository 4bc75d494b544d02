"""Frames between the guard and the board: fixed-size binary datagrams.

A frame is a header (magic, kind, number of records, sequence) and one record per EVSE. The guard
introduces its lines with `SETTINGS`, drives them with `OUTPUTS` and gets `INPUTS` with the same
sequence; `INPUTS` with sequence 0 is a pushed edge. `REFUSED` carries a sentence. Instruments talk
JSON datagrams instead, whose first byte is never the magic.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from hal.api import Fault, Feed

MAGIC = 0xB5
MAX_DATAGRAM = 128 * 1024
MAX_LINES_DATAGRAM = 4096
PUSHED = 0

_HEADER = struct.Struct("<BBHI")
_SETTINGS = struct.Struct("<HHHBBd")
_OUTPUTS = struct.Struct("<HHHd")
_INPUTS = struct.Struct("<HHHHdd")

_UNDRIVEN = -1.0
_ATTACHED = 0

_HAS_LOCK, _HAS_SHUT_OFF, _PER_PHASE = 1, 2, 4
_COIL, _LOCK = 1, 2
_PHASES_SHIFT, _SHUT_OFF_SHIFT, _PHASE_SHIFT = 2, 4, 6
_HELD, _RELEASED, _TRIPPED = 0, 1, 2
_CLOSED, _LOCKED, _RESIDUAL, _TESTED, _PASSED, _TAMPERED = 1, 2, 4, 8, 16, 32
_FAULT_SHIFT, _CONTACTOR_SHIFT = 6, 12

_SHUT_OFFS = {_RELEASED: False, _TRIPPED: True}

# Faults that show as a binary input of their own, in the order of their bits.
FAULT_INPUTS = (
    Fault.EMERGENCY_STOP,
    Fault.PROTECTIVE_EARTH,
    Fault.OVER_TEMPERATURE,
    Fault.OVER_CURRENT,
    Fault.UNDER_VOLTAGE,
    Fault.OTHER,
)

# The contactors of an outlet with one for each choice of phases, in the order of their bits.
CONTACTORS = (Feed(1, 1), Feed(1, 2), Feed(1, 3), Feed(3))


class BadFrame(ValueError):
    """A datagram is not a frame of this protocol; drop the peer."""


class Kind(IntEnum):
    """What a frame carries."""

    SETTINGS = 1
    OUTPUTS = 2
    INPUTS = 3
    REFUSED = 4


_KINDS = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """How one EVSE is built; `cable_a` rates the loose cable of a socket, None if attached.

    `per_phase`: it has a contactor for each single phase, and one for all three.
    """

    max_current_a: int = 32
    phases: int = 3
    nominal_voltage_v: float = 230.0
    cable_a: int | None = 32
    has_lock: bool = True
    has_shut_off: bool = False
    per_phase: bool = False


@dataclass(frozen=True, slots=True)
class LineOutputs:
    """What the guard drives; `duty` None is a pilot that nobody drives.

    `phases` are those that the coil closes, and `phase` is which one, if it is one; `shut_off` cuts
    the mains before the contactor; None leaves either as it is.
    """

    duty: float | None = None
    coil: bool = False
    lock: bool = False
    self_test: int = 0
    phases: int | None = None
    shut_off: bool | None = None
    phase: int = 1


@dataclass(frozen=True, slots=True)
class LineInputs:
    """What the guard can see of one EVSE; `fault_inputs` are the binary inputs that are on.

    `closed` are the contactors that read closed, where there is one for each choice of phases.
    """

    high_v: float = 0.0
    low_v: float = 0.0
    contactor_closed: bool = False
    lock_engaged: bool = False
    residual_current: bool = False
    cable_a: int | None = None
    self_test: int = 0
    self_test_passed: bool | None = None
    fault_inputs: frozenset[Fault] = frozenset()
    tampered: bool = False
    closed: frozenset[Feed] = frozenset()


@dataclass(frozen=True, slots=True)
class Frame:
    """A received header with the bytes of its records."""

    kind: Kind
    count: int
    sequence: int
    body: bytes


def parse(datagram: bytes) -> Frame:
    """Split a datagram; raises `BadFrame`."""
    if len(datagram) < _HEADER.size:
        raise BadFrame(f"frame of {len(datagram)} bytes is shorter than its header")
    magic, kind, count, sequence = _HEADER.unpack_from(datagram)
    if magic != MAGIC or kind not in _KINDS:
        raise BadFrame(f"frame starts with {magic:#x} {kind:#x}, which is no frame of a board")
    return Frame(_KINDS[kind], count, sequence, datagram[_HEADER.size :])


def encode_refusal(reason: str) -> bytes:
    """Encode why the board does not serve a client."""
    return _HEADER.pack(MAGIC, Kind.REFUSED, 0, PUSHED) + reason.encode()


def encode_settings(settings: Mapping[int, EvseSettings], sequence: int) -> bytes:
    """Encode the guard's introduction."""
    records = [
        _SETTINGS.pack(
            evse,
            one.max_current_a,
            _ATTACHED if one.cable_a is None else one.cable_a,
            one.phases,
            one.has_lock * _HAS_LOCK
            + one.has_shut_off * _HAS_SHUT_OFF
            + one.per_phase * _PER_PHASE,
            one.nominal_voltage_v,
        )
        for evse, one in settings.items()
    ]
    return _join(Kind.SETTINGS, records, sequence)


def decode_settings(frame: Frame) -> dict[int, EvseSettings]:
    """Decode a `SETTINGS` frame; raises `BadFrame`."""
    return {
        evse: EvseSettings(
            max_a,
            phases,
            voltage_v,
            cable_a or None,
            bool(flags & _HAS_LOCK),
            bool(flags & _HAS_SHUT_OFF),
            bool(flags & _PER_PHASE),
        )
        for evse, max_a, cable_a, phases, flags, voltage_v in _split(frame, _SETTINGS)
    }


def encode_outputs(outputs: Mapping[int, LineOutputs], sequence: int) -> bytes:
    """Encode what the guard drives."""
    records = [
        _OUTPUTS.pack(
            evse,
            _output_flags(one),
            one.self_test,
            _UNDRIVEN if one.duty is None else one.duty,
        )
        for evse, one in outputs.items()
    ]
    return _join(Kind.OUTPUTS, records, sequence)


def decode_outputs(frame: Frame) -> dict[int, LineOutputs]:
    """Decode an `OUTPUTS` frame; raises `BadFrame`."""
    outputs = {}
    for evse, flags, self_test, duty in _split(frame, _OUTPUTS):
        if duty != _UNDRIVEN and not 0.0 <= duty <= 1.0:
            raise BadFrame(f"duty {duty} of EVSE {evse} is not within 0..1")
        driven = None if duty == _UNDRIVEN else duty
        outputs[evse] = LineOutputs(
            driven,
            bool(flags & _COIL),
            bool(flags & _LOCK),
            self_test,
            flags >> _PHASES_SHIFT & 3 or None,
            _SHUT_OFFS.get(flags >> _SHUT_OFF_SHIFT & 3),
            (flags >> _PHASE_SHIFT & 3) + 1,
        )
    return outputs


def encode_inputs(inputs: Mapping[int, LineInputs], sequence: int) -> bytes:
    """Encode what the lines show; `sequence` is that of the question, or `PUSHED`."""
    records = [
        _INPUTS.pack(evse, _flags(one), one.self_test, one.cable_a or 0, one.high_v, one.low_v)
        for evse, one in inputs.items()
    ]
    return _join(Kind.INPUTS, records, sequence)


def decode_inputs(frame: Frame) -> dict[int, LineInputs]:
    """Decode an `INPUTS` frame; raises `BadFrame`."""
    return {
        evse: LineInputs(
            high_v,
            low_v,
            bool(flags & _CLOSED),
            bool(flags & _LOCKED),
            bool(flags & _RESIDUAL),
            cable_a or None,
            self_test,
            bool(flags & _PASSED) if flags & _TESTED else None,
            _fault_inputs(flags >> _FAULT_SHIFT),
            bool(flags & _TAMPERED),
            _closed(flags >> _CONTACTOR_SHIFT),
        )
        for evse, flags, self_test, cable_a, high_v, low_v in _split(frame, _INPUTS)
    }


def _join(kind: Kind, records: list[bytes], sequence: int) -> bytes:
    return _HEADER.pack(MAGIC, kind, len(records), sequence) + b"".join(records)


def _split(frame: Frame, record: struct.Struct) -> Iterator[tuple[Any, ...]]:
    if len(frame.body) != frame.count * record.size:
        raise BadFrame(f"{frame.kind.name} frame has {len(frame.body)} bytes of records")
    return record.iter_unpack(frame.body)


def _output_flags(outputs: LineOutputs) -> int:
    shut_off = _HELD if outputs.shut_off is None else _RELEASED + outputs.shut_off
    flags = outputs.coil * _COIL + outputs.lock * _LOCK
    flags += (outputs.phases or 0) << _PHASES_SHIFT
    return flags + (shut_off << _SHUT_OFF_SHIFT) + (outputs.phase - 1 << _PHASE_SHIFT)


def _flags(inputs: LineInputs) -> int:
    flags = inputs.contactor_closed * _CLOSED + inputs.lock_engaged * _LOCKED
    flags += inputs.residual_current * _RESIDUAL + inputs.tampered * _TAMPERED
    flags += (inputs.self_test_passed is not None) * _TESTED + bool(
        inputs.self_test_passed
    ) * _PASSED
    for bit, fault in enumerate(FAULT_INPUTS):
        flags += (fault in inputs.fault_inputs) << (bit + _FAULT_SHIFT)
    for bit, contactor in enumerate(CONTACTORS if inputs.closed else ()):
        flags += (contactor in inputs.closed) << (bit + _CONTACTOR_SHIFT)
    return flags


def _closed(bits: int) -> frozenset[Feed]:
    return frozenset(one for bit, one in enumerate(CONTACTORS) if bits >> bit & 1)


def _fault_inputs(bits: int) -> frozenset[Fault]:
    if not bits:
        return frozenset()
    return frozenset(fault for bit, fault in enumerate(FAULT_INPUTS) if bits >> bit & 1)
