"""How often a costly property is tried: seldom by default, ten times as often when asked for."""

from hypothesis import settings

USUAL = 100
"""Examples of a property that says nothing of its own; `--hypothesis-profile=thorough` has more."""


def examples(few: int) -> int:
    """Return how often to try a property that is tried `few` times by default."""
    return few * settings().max_examples // USUAL
