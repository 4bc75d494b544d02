"""Modbus RTU frames: what is sent, and what is taken for the answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from hal.modbus.frames import (
    READ_HOLDING,
    READ_INPUT,
    WRITE_MANY,
    WRITE_ONE,
    Call,
    Mismatch,
    Reply,
    find_answer,
    frame_of,
    reply_characters,
)
from tests.rigs.modbus_meter import Exchange

CALL = Call(1, READ_INPUT, 0x48, 2)
REPLY = bytes.fromhex("010404449A5000F35B")
WORDS = (0x449A, 0x5000)

words = st.integers(0, 0xFFFF)
reads = st.builds(
    Call,
    st.integers(1, 247),
    st.sampled_from([READ_HOLDING, READ_INPUT]),
    words,
    st.integers(1, 125),
)


def answered(call: Call, told: tuple[int, ...] = ()) -> bytes:
    """A device's own frame for a call."""
    return Exchange(call.device, call.function, call.start, call.count, call.words, told).frame


def test_the_vendors_example_is_asked_and_understood() -> None:
    assert frame_of(CALL) == bytes.fromhex("010400480002F1DD")
    assert find_answer(REPLY, CALL) == Reply(WORDS)


@settings(max_examples=50)
@given(call=reads, data=st.data())
def test_an_answer_is_found_whole_and_never_before_it_is_complete(
    call: Call, data: st.DataObject
) -> None:
    told = tuple(data.draw(st.lists(words, min_size=call.count, max_size=call.count)))
    frame = answered(call, told)
    assert len(frame) == reply_characters(call)
    assert find_answer(frame, call) == Reply(told)
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert not isinstance(find_answer(frame[:cut], call), Reply)


@given(call=reads)
def test_requests_are_what_a_foreign_server_understands(call: Call) -> None:
    used, request = FramerRTU(DecodePDU(is_server=True)).handleFrame(frame_of(call), 0, 0)
    assert request is not None
    assert used == 8
    told = (request.dev_id, request.function_code, request.address, request.count)
    assert told == (call.device, call.function, call.start, call.count)


@given(noise=st.binary(max_size=40))
def test_disturbances_before_the_answer_do_no_harm(noise: bytes) -> None:
    found = find_answer(noise + REPLY, CALL)
    assert found == Reply(WORDS) or isinstance(found, Mismatch)


@pytest.mark.parametrize("noise", ["00", "ff", "00ff", "01", "0104", "010404", "01048300"])
def test_usual_disturbances_are_passed_over(noise: str) -> None:
    assert find_answer(bytes.fromhex(noise) + REPLY, CALL) == Reply(WORDS)


@given(data=st.binary(max_size=300))
def test_noise_is_never_an_answer(data: bytes) -> None:
    assert not isinstance(find_answer(data, CALL), Reply)


@given(bit=st.integers(0, 8 * len(REPLY) - 1))
def test_no_turned_bit_goes_unseen(bit: int) -> None:
    frame = bytearray(REPLY)
    frame[bit // 8] ^= 1 << bit % 8
    assert not isinstance(find_answer(bytes(frame), CALL), Reply)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (Call(2, READ_INPUT, 0, 2), "device 2 answers instead of 1"),
        (Call(1, READ_HOLDING, 0, 2), "function code 3 instead of 4"),
        (Call(1, READ_INPUT, 0, 3), "3 registers instead of 2"),
        (Call(1, READ_INPUT, 0, 1), "1 registers instead of 2"),
    ],
)
def test_the_answer_to_another_call_is_none(other: Call, what: str) -> None:
    found = find_answer(answered(other, (9,) * other.count), CALL)
    assert isinstance(found, Mismatch)
    assert what in found.what


def test_an_answer_without_registers_is_none() -> None:
    found = find_answer(answered(CALL, ()), CALL)
    assert found == Mismatch("it has 0 registers instead of 2")


def test_an_odd_number_of_bytes_is_no_answer() -> None:
    body = bytes.fromhex("010403449A50")
    frame = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
    assert isinstance(find_answer(frame, CALL), Mismatch)


def test_an_exception_is_an_answer_to_its_own_function_only() -> None:
    refusal = Exchange(1, READ_INPUT, 0x48, 2, exception=6).frame
    assert find_answer(refusal, CALL) == Reply(exception=6)
    assert isinstance(find_answer(refusal, Call(1, READ_HOLDING, 0x48, 2)), Mismatch)
    assert isinstance(find_answer(refusal, Call(2, READ_INPUT, 0x48, 2)), Mismatch)


def test_the_echo_of_an_adapter_is_passed_over() -> None:
    assert find_answer(frame_of(CALL) + REPLY, CALL) == Reply(WORDS)
    assert find_answer(frame_of(CALL), CALL) is None


@pytest.mark.parametrize(
    ("call", "other"),
    [
        (Call(1, WRITE_ONE, 7, 1, (5,)), Call(1, WRITE_ONE, 7, 1, (6,))),
        (Call(1, WRITE_ONE, 7, 1, (5,)), Call(1, WRITE_ONE, 8, 1, (5,))),
        (Call(1, WRITE_MANY, 7, 2, (5, 6)), Call(1, WRITE_MANY, 8, 2, (5, 6))),
        (Call(1, WRITE_MANY, 7, 2, (5, 6)), Call(1, WRITE_MANY, 7, 3, (5, 6, 7))),
    ],
)
def test_a_write_is_acknowledged_by_its_own_address_and_content(call: Call, other: Call) -> None:
    assert find_answer(answered(call), call) == Reply()
    assert isinstance(find_answer(answered(other), call), Mismatch)


def test_other_functions_are_not_asked_for() -> None:
    with pytest.raises(ValueError, match="function code 1"):
        frame_of(Call(1, 1, 0, 1))


@pytest.mark.parametrize("function", [1, 2, 5, 15, 43])
def test_frames_of_other_functions_are_noise(function: int) -> None:
    body = bytes([1, function, 4, 0x44, 0x9A, 0x50, 0x00])
    frame = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
    assert find_answer(frame, CALL) is None
    assert find_answer(frame + REPLY, CALL) == Reply(WORDS)
