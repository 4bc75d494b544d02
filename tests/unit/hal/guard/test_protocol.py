"""Frames survive the wire, and nothing else passes."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import Fault, GuardStatus, Lease, LeaseState, PilotMode, PilotState
from hal.guard.protocol import (
    FRAME_BYTES,
    HIGHEST_CURRENT_A,
    Bye,
    Farewell,
    FrameError,
    Hello,
    Message,
    Role,
    Sequence,
    Unlock,
    decode,
    encode,
)

evses = st.integers(1, 0xFFFF)
measures = st.floats(allow_nan=False, allow_infinity=False)
leases = st.builds(
    Lease,
    evses,
    st.sampled_from(PilotMode),
    st.floats(0.0, HIGHEST_CURRENT_A),
    st.booleans(),
    st.floats(0.0, 1.0, exclude_min=True),
)
statuses = st.builds(
    GuardStatus,
    evse=evses,
    pilot_state=st.sampled_from(PilotState),
    duty=measures,
    offered_a=measures,
    contactor_commanded=st.booleans(),
    contactor_closed=st.booleans(),
    lease=st.sampled_from(LeaseState),
    faults=st.frozensets(st.sampled_from(Fault)),
    lock_engaged=st.sampled_from([None, False, True]),
    cable_rating_a=st.sampled_from([None, 13, 20, 32, 63]),
    pilot_high_v=measures,
    pilot_low_v=measures,
    real_time=st.booleans(),
)
messages: st.SearchStrategy[Message] = st.one_of(
    leases,
    statuses,
    st.builds(Unlock, evses),
    st.builds(Hello, st.sampled_from(Role), st.integers(0, 2**32 - 1)),
    st.builds(Bye, st.sampled_from(Farewell)),
)
LEASE = Lease(1, PilotMode.OFFER, 16.0, lock=True, valid_s=1.0)


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def patched(frame: bytes, offset: int, value: bytes) -> bytes:
    """Return the frame with some bytes replaced and a checksum that fits."""
    body = frame[:-4]
    return sealed(body[:offset] + value + body[offset + len(value) :])


@given(messages, st.integers(0, 2**32 - 1))
def test_every_message_survives_the_wire(message: Message, sequence: int) -> None:
    frame = encode(message, sequence)
    assert len(frame) == FRAME_BYTES
    assert decode(frame) == (message, sequence)


@given(messages, st.integers(0, FRAME_BYTES * 8 - 1))
def test_no_flipped_bit_passes(message: Message, bit: int) -> None:
    frame = bytearray(encode(message, 7))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError, match="checksum"):
        decode(bytes(frame))


@given(st.binary(max_size=2 * FRAME_BYTES))
def test_noise_does_not_pass(noise: bytes) -> None:
    with pytest.raises(FrameError):
        decode(noise)


@given(st.binary(min_size=60, max_size=60))
def test_noise_with_a_checksum_does_not_pass(body: bytes) -> None:
    with pytest.raises(FrameError, match="magic"):
        decode(sealed(body))


@given(st.integers(1, 5), st.binary(min_size=48, max_size=48))
def test_any_payload_is_either_canonical_or_refused(kind: int, payload: bytes) -> None:
    frame = patched(patched(encode(LEASE, 1), 5, bytes([kind])), 12, payload)
    try:
        message, sequence = decode(frame)
    except FrameError:
        return
    assert encode(message, sequence)[12:60] == payload


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES + 1])
def test_a_frame_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(FrameError, match="bytes instead of"):
        decode((encode(LEASE, 1) * 2)[:size])


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0, b"sGrE", "magic"),
        (4, b"\x01", "version 1"),
        (5, b"\x00", "frame type 0"),
        (5, b"\x06", "frame type 6"),
        (6, b"\x00\x00", "no EVSE"),
        (12, b"\x03", "pilot mode 3"),
        (13, b"\x02", "lock 2"),
        (14, b"\x02", "2 phases"),
        (31, b"\x01", "L2 of 3 phases"),
        (31, b"\x03", "L4"),
        (15, struct.pack("<d", float("nan")), "limit"),
        (15, struct.pack("<d", float("inf")), "limit"),
        (15, struct.pack("<d", -0.1), "limit"),
        (15, struct.pack("<d", 80.1), "limit"),
        (23, struct.pack("<d", float("nan")), "validity"),
        (23, struct.pack("<d", 0.0), "validity"),
        (23, struct.pack("<d", 1.01), "validity"),
        (59, b"\x01", "padding"),
    ],
)
def test_a_wrong_lease_is_refused(offset: int, value: bytes, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        decode(patched(encode(LEASE, 1), offset, value))


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (12, b"\x06", "pilot state"),
        (13, b"\x04", "lease state"),
        (13, b"\xc1", "L4"),
        (56, b"\xff\xff\xff\xff", "hindrances"),
        (16, b"\xff\xff\xff\xff", "faults"),
        (20, struct.pack("<d", float("inf")), "finite"),
    ],
)
def test_a_wrong_status_is_refused(offset: int, value: bytes, reason: str) -> None:
    status = GuardStatus(1, PilotState.C, 0.5, 30.0, True, True, LeaseState.LIVE)
    with pytest.raises(FrameError, match=reason):
        decode(patched(encode(status, 1), offset, value))


@pytest.mark.parametrize("phase", [2, 3])
def test_the_phase_of_choice_goes_there_and_back(phase: int) -> None:
    lease = Lease(1, PilotMode.OFFER, 16.0, phases=1, phase=phase)
    assert decode(encode(lease, 1)) == (lease, 1)
    status = GuardStatus(
        1, PilotState.C, 0.5, 30.0, True, True, LeaseState.EXPIRED, phases=1, phase=phase
    )
    assert decode(encode(status, 1)) == (status, 1)


def test_frames_without_a_choice_are_those_of_a_guard_that_has_none() -> None:
    lease = Lease(1, PilotMode.OFFER, 16.0, phases=1)
    assert encode(lease, 1)[12 + 19 : 60] == bytes(29)
    status = GuardStatus(1, PilotState.C, 0.5, 30.0, True, True, LeaseState.LIVE, phases=1)
    assert encode(status, 1)[13] == 1


@pytest.mark.parametrize("greeting", [Hello(Role.SERVICES, 1), Bye(Farewell.REFUSED)])
def test_a_greeting_with_an_unknown_code_is_refused(greeting: Message) -> None:
    with pytest.raises(FrameError, match="9"):
        decode(patched(encode(greeting, 1), 12, b"\x09"))


@pytest.mark.parametrize(
    "lease",
    [
        Lease(0, PilotMode.OFFER, 16.0),
        Lease(70000, PilotMode.OFFER, 16.0),
        Lease(1, PilotMode.OFFER, float("nan")),
        Lease(1, PilotMode.OFFER, 81.0),
        Lease(1, PilotMode.OFFER, 16.0, valid_s=2.0),
    ],
)
def test_a_lease_that_would_be_refused_is_not_even_sent(lease: Lease) -> None:
    with pytest.raises(FrameError):
        encode(lease, 1)


def test_sequence_numbers_only_go_up() -> None:
    sequence = Sequence()
    sequence.accept(5)
    sequence.accept(6)
    sequence.accept(100)
    for number in (100, 99, 5, 0):
        with pytest.raises(FrameError, match="sequence"):
            sequence.accept(number)
    sequence.accept(101)


def test_sequence_numbers_wrap_around() -> None:
    sequence = Sequence()
    sequence.accept(2**32 - 1)
    sequence.accept(0)
    with pytest.raises(FrameError):
        sequence.accept(2**32 - 1)
