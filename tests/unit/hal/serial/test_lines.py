"""Lines and the templates that find a token in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.serial.events import Junk, Sighting
from hal.serial.lines import LONGEST_LINE, BadTemplate, LineFraming, Template


def token(template: str, line: str) -> Sighting | None:
    return Template.parse(template).token_in(line)


@pytest.mark.parametrize(
    ("template", "line", "uid"),
    [
        ("{hex}", "04A1B2C3", "04a1b2c3"),
        ("{hex}", "04:a1:b2:c3", "04a1b2c3"),
        ("{hex}", " 04 A1 B2 C3 ", "04a1b2c3"),
        ("UID: {hex}", "UID: 04-A1-B2-C3", "04a1b2c3"),
        ("{skip}UID={hex};{skip}", "t=12,UID=04A1B2;rssi=7", "04a1b2"),
        ("[{hex}]", "[DEADBEEF]", "deadbeef"),
        ("{skip},{skip},{hex}", "1,2,DEADBEEF", "deadbeef"),
    ],
)
def test_a_template_finds_the_hex_digits(template: str, line: str, uid: str) -> None:
    assert token(template, line) == Sighting(bytes.fromhex(uid))


def test_a_template_finds_words_as_they_are() -> None:
    assert token("card {text}", "card 0006547886") == Sighting(b"0006547886", text="0006547886")


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{hex}", ""),
        ("{hex}", "hello"),
        ("{hex}", "04A1B"),
        ("{hex}", "04" * 40),
        ("UID: {hex}", "uid: 04A1B2C3"),
        ("UID: {hex};", "UID: 04A1B2C3"),
        ("aXa{hex}", "aXa"),
        ("{skip}={hex}", "04A1B2C3"),
        ("{text}", "two words"),
        ("{text}", "x" * 37),
        ("ab{hex}bc", "abc"),
    ],
)
def test_a_line_that_does_not_match_has_no_token(template: str, line: str) -> None:
    assert token(template, line) is None


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("UID: ", "the token once"),
        ("{hex}{text}", "the token once"),
        ("{hex} {hex}", "the token once"),
        ("{skip}{hex}", "some text between"),
        ("{uid}", r"\{uid\} is no placeholder; there is \{hex\}"),
        ("{hex}\n", "printable"),
        ("é{hex}", "printable"),
        ("x" * 200 + "{hex}", "at most"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_the_reason(template: str, why: str) -> None:
    with pytest.raises(BadTemplate, match=why):
        Template.parse(template)


@given(line=st.text(max_size=200), template=st.sampled_from(["{hex}", "a{skip}a{text}a", "{text}"]))
def test_no_line_is_too_odd_for_a_template(line: str, template: str) -> None:
    framing = LineFraming()
    for found in framing.feed(line.encode() + b"\n"):
        if isinstance(found, str):
            Template.parse(template).token_in(found)


def test_a_long_line_full_of_near_misses_costs_no_more_than_its_length() -> None:
    template = Template.parse("{skip}ab{skip}ab{skip}ab{skip}ab{skip}ab{skip}ac{hex}")
    assert template.token_in("ab" * 2_000_000) is None


def test_carriage_returns_and_line_feeds_both_end_a_line_and_empty_ones_are_nothing() -> None:
    assert LineFraming().feed(b"a\r\nb\rc\n\n\r\r\nd\n") == ["a", "b", "c", "d"]


def test_the_longest_line_is_taken_and_a_longer_one_is_junk_to_its_end() -> None:
    longest = b"x" * LONGEST_LINE
    assert LineFraming().feed(longest + b"\n") == [longest.decode()]
    found = LineFraming().feed(longest + b"y\nnext\n")
    assert [f for f in found if isinstance(f, str)] == ["next"]


@pytest.mark.parametrize("data", [b"\x1b[31mred\x1b[0m\n", b"caf\xc3\xa9\n", b"nul\x00\n"])
def test_what_is_not_printable_is_junk(data: bytes) -> None:
    assert [type(f) for f in LineFraming().feed(data)] == [Junk]
