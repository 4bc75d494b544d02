from hypothesis import given
from hypothesis import strategies as st

from agent.core.basic_auth_password import (
    has_escaped_octets,
    password_octets,
    text_of_octets,
)


@given(st.binary(max_size=40))
def test_any_octets_come_back_from_their_text(octets: bytes) -> None:
    text = text_of_octets(octets)
    assert password_octets(text) == octets
    assert len(text) == len(octets)
    text.encode()


def test_printable_octets_stay_readable() -> None:
    assert text_of_octets(b"OCA_OCTT_admin_test") == "OCA_OCTT_admin_test"
    assert not has_escaped_octets("OCA_OCTT_admin_test")


def test_octets_that_are_no_text_are_recognised() -> None:
    assert has_escaped_octets(text_of_octets(b"\x00secret\xff"))


def test_a_2x_password_travels_as_utf_8() -> None:
    assert password_octets("pässword-pässword") == "pässword-pässword".encode()
