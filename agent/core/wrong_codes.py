"""How long a keypad rests after wrong codes, so that nobody finds one by trying (C04.FR.06)."""

from dataclasses import replace

from agent.core.records import dataclass

FREE_TRIES = 3
FIRST_REST_S = 10.0
LONGEST_REST_S = 300.0


@dataclass(frozen=True, slots=True)
class WrongCodes:
    """The wrong codes in a row; `rests_until_s` is on the monotonic clock."""

    in_a_row: int = 0
    rests_until_s: float = 0.0

    def rests(self, now_s: float) -> bool:
        """Tell whether a code must not be judged now."""
        return now_s < self.rests_until_s

    def after(self, now_s: float, *, accepted: bool) -> "WrongCodes":
        """Return what follows from a verdict: a right code forgives, each wrong one doubles."""
        if accepted:
            return WrongCodes()
        wrong = self.in_a_row + 1
        if wrong < FREE_TRIES:
            return replace(self, in_a_row=wrong)
        doublings = min(wrong - FREE_TRIES, 16)
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2**doublings)
        return WrongCodes(wrong, now_s + rest_s)
