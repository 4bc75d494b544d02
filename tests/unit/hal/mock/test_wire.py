"""Frames between guard and board."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.mock import wire
from hal.mock.wire import BadFrame, EvseSettings, Kind, LineInputs, LineOutputs

evses = st.integers(1, 0xFFFF)
sequences = st.integers(0, 0xFFFFFFFF)
volts = st.floats(-15, 15)
ratings = st.none() | st.sampled_from([13, 20, 32, 63])

all_settings = st.builds(
    EvseSettings,
    st.integers(1, 80),
    st.integers(1, 3),
    st.floats(1, 1000),
    ratings,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
all_outputs = st.builds(
    LineOutputs,
    st.none() | st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.sampled_from([None, 1, 3]),
    st.none() | st.booleans(),
    st.integers(1, 3),
)
all_inputs = st.builds(
    LineInputs,
    volts,
    volts,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    ratings,
    st.integers(0, 0xFFFF),
    st.none() | st.booleans(),
    st.frozensets(st.sampled_from(wire.FAULT_INPUTS)),
    st.booleans(),
    st.frozensets(st.sampled_from(wire.CONTACTORS)),
)


@given(settings=st.dictionaries(evses, all_settings, max_size=8), sequence=sequences)
def test_settings_arrive_as_they_were_sent(
    settings: dict[int, EvseSettings], sequence: int
) -> None:
    frame = wire.parse(wire.encode_settings(settings, sequence))
    assert (frame.kind, frame.sequence) == (Kind.SETTINGS, sequence)
    assert wire.decode_settings(frame) == settings


@given(outputs=st.dictionaries(evses, all_outputs, max_size=8), sequence=sequences)
def test_outputs_arrive_as_they_were_sent(outputs: dict[int, LineOutputs], sequence: int) -> None:
    frame = wire.parse(wire.encode_outputs(outputs, sequence))
    assert (frame.kind, frame.sequence) == (Kind.OUTPUTS, sequence)
    assert wire.decode_outputs(frame) == outputs


@given(inputs=st.dictionaries(evses, all_inputs, max_size=8), sequence=sequences)
def test_inputs_arrive_as_they_were_sent(inputs: dict[int, LineInputs], sequence: int) -> None:
    frame = wire.parse(wire.encode_inputs(inputs, sequence))
    assert (frame.kind, frame.sequence) == (Kind.INPUTS, sequence)
    assert wire.decode_inputs(frame) == inputs


@given(datagram=st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"\xb5\x02" + b))
def test_whatever_arrives_is_a_frame_or_is_refused(datagram: bytes) -> None:
    try:
        frame = wire.parse(datagram)
        for decode in (wire.decode_settings, wire.decode_outputs, wire.decode_inputs):
            try:
                decode(frame)
            except BadFrame:
                continue
    except BadFrame:
        return


def test_a_frame_whose_length_belies_its_count_is_refused() -> None:
    datagram = wire.encode_outputs({1: LineOutputs()}, 1)
    with pytest.raises(BadFrame, match="OUTPUTS"):
        wire.decode_outputs(wire.parse(datagram[:-1]))


@pytest.mark.parametrize("duty", [1.01, -0.5, float("nan"), float("inf")])
def test_a_duty_outside_of_zero_to_one_is_refused(duty: float) -> None:
    frame = wire.parse(wire.encode_outputs({1: LineOutputs(duty=duty)}, 1))
    with pytest.raises(BadFrame, match="duty"):
        wire.decode_outputs(frame)


def test_a_station_of_the_largest_size_fits_into_a_datagram_of_lines() -> None:
    inputs = {evse: LineInputs() for evse in range(1, 65)}
    assert len(wire.encode_inputs(inputs, 1)) <= wire.MAX_LINES_DATAGRAM


def test_a_json_datagram_is_never_taken_for_a_frame() -> None:
    with pytest.raises(BadFrame):
        wire.parse(b'{"id": 1, "ask": "bench"}')


def test_a_refusal_carries_its_sentence() -> None:
    frame = wire.parse(wire.encode_refusal("the lines are held by process 7"))
    assert frame.kind is Kind.REFUSED
    assert frame.body.decode() == "the lines are held by process 7"
