"""The token that a card's UID becomes."""

import pytest

from hal.serial.events import Sighting
from hal.serial.token_text import ByteOrder, fault_of, is_random, token_text


def card(digits: str, kind: str | None = None) -> Sighting:
    return Sighting(bytes.fromhex(digits), kind)


@pytest.mark.requirement("S16-NUM-03")
@pytest.mark.parametrize(
    ("digits", "order", "strip_bytes", "token"),
    [
        ("04a1b2c3", ByteOrder.AS_READ, 0, "04A1B2C3"),
        ("04a1b2c3", ByteOrder.REVERSED, 0, "C3B2A104"),
        ("010063e9ae", ByteOrder.AS_READ, 1, "0063E9AE"),
        ("010063e9ae", ByteOrder.REVERSED, 1, "AEE96300"),
        ("00000000ab", ByteOrder.AS_READ, 0, "00000000AB"),
    ],
)
def test_a_uid_becomes_upper_case_hex_in_the_wanted_order(
    digits: str, order: ByteOrder, strip_bytes: int, token: str
) -> None:
    assert token_text(card(digits), order, strip_bytes) == token


def test_words_of_a_reader_are_taken_as_they_are() -> None:
    words = Sighting(b"Abc-1", text="Abc-1")
    assert fault_of(words, 3) is None
    assert token_text(words, ByteOrder.REVERSED, 3) == "Abc-1"


@pytest.mark.parametrize(
    ("sighting", "strip_bytes", "why"),
    [
        (card("", "ISO14443"), 0, "no UID of 0 bytes"),
        (card("010203", "ISO14443"), 0, "no UID of 3 bytes"),
        (card("01" * 11, "ISO14443"), 0, "no UID of 11 bytes"),
        (card("01" * 7, "ISO15693"), 0, "no UID of 7 bytes"),
        (card("00000000", "ISO14443"), 0, "zeros"),
        (card("0102"), 0, "2 bytes"),
        (card("01" * 19), 0, "19 bytes"),
        (card("01020304"), 2, "after strip_bytes = 2"),
        (card("0100000000"), 1, "zeros"),
    ],
)
def test_a_uid_that_is_none_has_a_reason(sighting: Sighting, strip_bytes: int, why: str) -> None:
    assert why in str(fault_of(sighting, strip_bytes))


@pytest.mark.parametrize("length", [4, 7, 10])
def test_uids_of_iso_14443_have_three_lengths(length: int) -> None:
    assert fault_of(card("01" * length, "ISO14443")) is None


def test_a_random_uid_is_known_by_its_first_byte() -> None:
    assert is_random(card("08A1B2C3", "ISO14443"))
    assert not is_random(card("08A1B2C3D4E5F6", "ISO14443"))
    assert not is_random(card("04A1B2C3", "ISO14443"))
    assert not is_random(card("08A1B2C3"))
