import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.diagnostics.redaction import redacted

MARK = "PRIVATE" + " KEY"
KEY = f"-----BEGIN EC {MARK}-----\nAAAA\nBBBB\n-----END EC {MARK}-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fetching https://user:pw@host/x", "fetching https://[removed]@host/x"),
        ('password = "hunter2-hunter2"', 'password = "[removed]"'),
        ("AuthorizationKey: 00FF00FF", "AuthorizationKey: [removed]"),
        ("Authorization: Basic Q1MwMDE6cHc=", "Authorization: Basic [removed]"),
        ('{"idTag": "DEADBEEF"}', '{"idTag": "…BEEF"}'),
        ("idToken=04A1B2C3D4E5F6 accepted", "idToken=…E5F6 accepted"),
        (f"found {KEY} here", "found [removed] here"),
        (f"-----BEGIN {MARK}-----\nAAAA", "[removed]"),
        ("EVSE 1 is charging with 16 A", "EVSE 1 is charging with 16 A"),
    ],
)
def test_secrets_that_have_a_name_or_a_form_are_removed(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(
    st.text(max_size=40),
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=4, max_size=20),
    st.text(max_size=40),
)
def test_a_known_secret_is_nowhere_in_the_text(before: str, secret: str, after: str) -> None:
    text = redacted(f"{before} {secret} {after}", [secret])
    assert secret.lower() not in text.lower().replace("[removed]", "")


def test_a_secret_of_no_length_removes_nothing() -> None:
    assert redacted("abc", ["", "a"]) == "abc"
