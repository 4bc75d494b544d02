"""Numbers and texts in registers, both ways."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.modbus import registers
from hal.modbus.registers import RegisterType, WordOrder, width
from tests.unit.hal.modbus.strategies import numbers

NUMBERS = [kind for kind in RegisterType if kind is not RegisterType.STR]
words_of = st.integers(0, 0xFFFF)


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=40)
@given(data=st.data(), order=st.sampled_from(WordOrder))
def test_a_number_comes_back_as_it_went_in(
    kind: RegisterType, data: st.DataObject, order: WordOrder
) -> None:
    number = data.draw(numbers(kind))
    words = registers.encode(kind, number, order)
    assert len(words) == width(kind)
    assert registers.decode(kind, words, order) == number


@pytest.mark.parametrize("kind", NUMBERS)
@settings(max_examples=40)
@given(data=st.data(), order=st.sampled_from(WordOrder))
def test_any_bits_are_a_number_or_none(
    kind: RegisterType, data: st.DataObject, order: WordOrder
) -> None:
    words = data.draw(st.lists(words_of, min_size=width(kind), max_size=width(kind)))
    number = registers.decode(kind, words, order)
    assert number is None or number.is_finite()


def test_the_vendors_example_of_a_float_is_read() -> None:
    assert registers.decode(RegisterType.F32, (0x449A, 0x5000), WordOrder.BIG) == Decimal("1234.5")


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800000, 0xFF800000, 0x7F800001])
def test_a_float_that_is_no_number_is_none(bits: int) -> None:
    assert registers.decode(RegisterType.F32, (bits >> 16, bits & 0xFFFF), WordOrder.BIG) is None


def test_a_float_is_what_the_display_shows_and_not_its_binary_expansion() -> None:
    words = struct.unpack(">2H", struct.pack(">f", 123.456))
    assert registers.decode(RegisterType.F32, words, WordOrder.BIG) == Decimal("123.456")


def test_the_least_significant_word_may_come_first() -> None:
    assert registers.decode(RegisterType.U32, (0x5678, 0x1234), WordOrder.LITTLE) == 0x12345678
    assert registers.decode(RegisterType.I64, (0xFFFE, *[0xFFFF] * 3), WordOrder.LITTLE) == -2


@pytest.mark.parametrize(
    ("kind", "words", "number"),
    [
        (RegisterType.T5, (0x0302, 0x0000), "131072E3"),
        (RegisterType.T5, (0xFF00, 0x08FF), "230.3"),
        (RegisterType.T6, (0xFFFF, 0xFFFF), "-0.1"),
        (RegisterType.I16, (0x8000,), "-32768"),
        (RegisterType.ACC32, (0x0000, 0xCCD8), "52440"),
    ],
)
def test_less_usual_types_are_read(kind: RegisterType, words: list[int], number: str) -> None:
    assert registers.decode(kind, words, WordOrder.BIG) == Decimal(number)


@pytest.mark.parametrize(
    ("kind", "number"), [("u16", 65536), ("u32", -1), ("i16", 40000), ("t5", -1), ("f32", 10**39)]
)
def test_a_number_that_does_not_fit_is_refused(kind: str, number: int) -> None:
    with pytest.raises(OverflowError):
        registers.encode(RegisterType(kind), Decimal(number), WordOrder.BIG)


@given(st.text(st.characters(codec="ascii", min_codepoint=0x21), max_size=16))
def test_a_text_comes_back_as_it_went_in(text: str) -> None:
    assert registers.decode_text(registers.encode_text(text, 8)) == text


def test_a_text_ends_at_its_first_nul() -> None:
    assert registers.decode_text((0x4142, 0x0043, 0x4400)) == "AB"
    with pytest.raises(OverflowError):
        registers.encode_text("too long", 3)


@pytest.mark.parametrize(
    ("kind", "number", "step"),
    [
        ("f32", "1000", "0.00006103515625"),
        ("f32", "10000", "0.0009765625"),
        ("f32", "100000", "0.0078125"),
        ("f64", "10000000", "0.0000000018626451492309570312500"),
        ("u32", "5", "1"),
        ("t5", "230.3", "0.1"),
    ],
)
def test_the_resolution_of_a_register_is_known(kind: str, number: str, step: str) -> None:
    found = registers.step(RegisterType(kind), Decimal(number))
    assert found == Decimal(step).normalize()


@given(st.floats(1, 1e7, width=32))
def test_the_resolution_of_a_float_is_the_distance_to_the_next(value: float) -> None:
    (bits,) = struct.unpack(">I", struct.pack(">f", value))
    (following,) = struct.unpack(">f", struct.pack(">I", bits + 1))
    assert registers.step(RegisterType.F32, Decimal(value)) == Decimal(following) - Decimal(value)
