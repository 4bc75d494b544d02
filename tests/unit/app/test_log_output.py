import logging
import sys

from agent.app.log_output import LONGEST_MESSAGE, LineFormatter

FORM = LineFormatter("%(levelname)s %(message)s")


def line(message: str, *arguments: object) -> str:
    record = logging.LogRecord("x", logging.INFO, "file", 1, message, arguments, None)
    return FORM.format(record)


def test_text_of_a_peer_cannot_forge_a_line() -> None:
    assert line("%s", "a\nCRITICAL forged\r\x1b[31m") == "INFO a\\nCRITICAL forged\\r\\x1b[31m"


def test_what_turns_the_reading_direction_or_breaks_encoding_is_escaped() -> None:
    assert line("%s", "\u202e\u2028\x00\ud800\x9b") == "INFO \\u202e\\u2028\\x00\\ud800\\x9b"


def test_ordinary_text_stays_as_it_is() -> None:
    assert line("Straße %d … 充电", 7) == "INFO Straße 7 … 充电"


def test_a_long_message_is_cut_and_says_so() -> None:
    written = line("%s", "a" * 100_000)
    assert len(written) < LONGEST_MESSAGE + 50
    assert written.endswith("(100000 characters)")


def test_a_traceback_keeps_its_lines_but_no_control_characters() -> None:
    try:
        int("no number")
    except ValueError:
        error = ValueError("\x1b[2J\rforged").with_traceback(sys.exc_info()[2])
        kind = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "file", 1, "failed", (), kind)
    written = FORM.format(record)
    assert "\nTraceback (most recent call last):\n" in written
    assert "\\x1b[2J\\rforged" in written
    assert "\x1b" not in written
