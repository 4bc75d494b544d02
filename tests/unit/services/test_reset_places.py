import pytest

from agent.services.reset import _as_text, _places


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", frozenset()),
        ("0", frozenset({0})),
        ("1 3", frozenset({1, 3})),
        ("OnIdle", frozenset({0})),
        ("² x", frozenset({0})),
    ],
)
def test_what_was_scheduled_is_read_back_whatever_it_looks_like(
    text: str, places: frozenset[int]
) -> None:
    assert _places(text) == places
    assert _places(_as_text(places)) == places
