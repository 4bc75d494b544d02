"""When a card counts as presented: once, however often the reader tells it while it is there.

A card is there until it has been away for `absence_s`. Held again after that it is presented again,
which is how a driver asks for the end of a session. While one card is there another one is not
taken: which of two is meant is not for the station to guess.
"""

from enum import Enum


class Verdict(Enum):
    """What a sighting means."""

    PRESENTED = "presented"
    STILL_THERE = "still there"
    ANOTHER_CARD = "another card"


class Presence:
    """Follows what is before one reader, in seconds of a clock that never jumps.

    A reader that `is_polled` says also when there is nothing: a card is away once it has said so
    for `absence_s`, since silence may be a fault. Of one that speaks by itself silence is all there
    is.
    """

    def __init__(self, absence_s: float, *, is_polled: bool) -> None:
        self._absence_s = absence_s
        self._is_polled = is_polled
        self._card: bytes | None = None
        self._away_since_s: float | None = None
        self._refused: bytes | None = None

    def seen(self, card: bytes, now_s: float) -> Verdict:
        """Take note of a card; one that is refused beside another is told once."""
        if not self._is_polled or card != self._card:
            self._let_go(now_s)
        if self._card is not None and card != self._card:
            self._missed(now_s)
            told, self._refused = self._refused, card
            return Verdict.STILL_THERE if told == card else Verdict.ANOTHER_CARD
        verdict = Verdict.PRESENTED if self._card is None else Verdict.STILL_THERE
        self._card = card
        self._stays(now_s)
        return verdict

    def nothing(self, now_s: float) -> None:
        """Take note that the reader looked and found no card."""
        self._missed(now_s)
        self._let_go(now_s)

    def collision(self, now_s: float) -> Verdict:
        """Take note of several cards: whatever is there stays there, and nothing is presented."""
        if self._card is not None:
            self._stays(now_s)
        told, self._refused = self._refused, b""
        return Verdict.STILL_THERE if told == b"" else Verdict.ANOTHER_CARD

    def blind(self, now_s: float) -> None:
        """Take note that the reader was out of reach until now: that is no absence of its card."""
        if self._card is not None:
            self._stays(now_s)

    def _stays(self, now_s: float) -> None:
        self._away_since_s = None if self._is_polled else now_s

    def _missed(self, now_s: float) -> None:
        if self._away_since_s is None:
            self._away_since_s = now_s

    def _let_go(self, now_s: float) -> None:
        since_s = self._away_since_s
        if since_s is not None and now_s - since_s >= self._absence_s:
            self._card = self._refused = self._away_since_s = None
