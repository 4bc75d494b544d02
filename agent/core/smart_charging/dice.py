"""Chance that stays what it was: numbers from a seed, so that a plan made twice is the same plan.

The seed itself is rolled outside, when a profile is installed.
"""

from typing import Final

_WORD: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


def seed_of(seed: int, text: str) -> int:
    """Return another seed for each text."""
    folded = int.from_bytes(text.encode(), "big") % _WORD
    return _mixed(seed ^ _mixed(folded))


def rolled(seed: int, number: int, highest: int) -> int:
    """Return a number from 0 to `highest`, the same for the same seed and number."""
    return _mixed(seed + number * _GOLDEN) % (highest + 1)


def _mixed(value: int) -> int:
    """Return a word in which every bit depends on every bit (the finalizer of SplitMix64)."""
    value &= _WORD
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _WORD
    return value ^ value >> 31
