"""Which slot is dialled next, and with which of several credentials (B10, A01, A02.FR.28).

A round tries each entry of NetworkConfigurationPriority so often as
NetworkProfileConnectionAttempts says (B10.FR.03). After it the profile that worked last gets as
many attempts (B10.FR.07), then the next round begins (B10.FR.08): a station never gives up and is
never stuck with one CSMS (B10.FR.09). The waits between attempts are those of the back-off.
"""

from dataclasses import field, replace
from typing import Final

from agent.core.records import dataclass

ONE_MORE_TRY: Final = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dial: a slot, or `fallback` to the profile that worked last.

    `turn` chooses among client certificates, newest first: they alternate from round to round, and
    the fallback uses the other one than its round (A02.FR.28, A03.FR.24).
    """

    slot: int
    fallback: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """Where the station is in its attempts; `first` is where this round began."""

    priority: tuple[int, ...]
    attempts_per_slot: int
    last_good: int | None
    first: int
    failed: int = 0
    round: int = 0

    @property
    def order(self) -> tuple[int, ...]:
        """The slots of this round, each once."""
        return tuple(dict.fromkeys((self.first, *self.priority)))

    @property
    def attempt(self) -> Attempt:
        """What to dial now."""
        index = self.failed // self.attempts_per_slot
        if index < len(self.order):
            return Attempt(self.order[index], turn=self.round)
        slot = self.order[0] if self.last_good is None else self.last_good
        return Attempt(slot, fallback=True, turn=self.round + ONE_MORE_TRY)

    def after_failure(self) -> "ConnectionPlan":
        """Return the plan after an attempt that failed."""
        failed = self.failed + 1
        phases = len(self.order) + (self.last_good is not None)
        if failed < phases * self.attempts_per_slot:
            return replace(self, failed=failed)
        return replace(self, first=self.priority[0], failed=0, round=self.round + 1)

    def after_success(self) -> "ConnectionPlan":
        """Return the plan for the time after this connection: its slot comes first again."""
        slot = self.attempt.slot
        return replace(self, last_good=slot, first=slot, failed=0, round=0)

    def trying(self, slot: int) -> "ConnectionPlan":
        """Return the plan that tries a slot's other profile first, and falls back to the last."""
        return replace(self, first=slot, last_good=slot, failed=0, round=0)

    def with_priority(self, priority: tuple[int, ...]) -> "ConnectionPlan":
        """Return the plan with other slots; where it stands stays (A05.FR.06)."""
        return replace(self, priority=priority)


def plan_at_start(
    priority: tuple[int, ...], attempts_per_slot: int, last_good: int | None
) -> ConnectionPlan:
    """Return the plan after a reboot: the first entry comes first (B10.FR.04, A05.FR.05)."""
    if not priority:
        raise ValueError("a plan needs at least one slot")
    return ConnectionPlan(priority, max(1, attempts_per_slot), last_good, priority[0])


def begins_with_old_root(attempt: Attempt, *, migrates: bool) -> bool:
    """Tell whether the earlier CSMS roots come before the one on trial (M05.FR.14 to M05.FR.16).

    Back at the CSMS that worked last they do. At one that is new a whole round belongs to the root
    on trial, the next two to the earlier ones, and so on, so that each of two client certificates
    meets both.
    """
    if not migrates:
        return attempt.fallback
    return (attempt.turn + attempt.turn // 2) % 2 == 1


@dataclass(frozen=True, slots=True)
class PasswordTrial:
    """A new password, and the one before it until the new one has worked (A01.FR.02).

    Whichever was not refused last is sent; without `old` there is nothing to choose.
    """

    new: str = field(repr=False)
    old: str | None = field(default=None, repr=False)
    use_old: bool = False
    other_is_due: bool = False
    """One of the two was refused, and the other one was not sent since then."""

    @property
    def candidate(self) -> str:
        """The password to send."""
        return self.old if self.use_old and self.old is not None else self.new

    def after_refusal(self) -> "PasswordTrial":
        """Return the trial with the other password's turn."""
        if self.old is None:
            return self
        return replace(self, use_old=not self.use_old, other_is_due=not self.other_is_due)

    def after_success(self) -> "PasswordTrial":
        """Return what is left to choose: nothing once the new one worked."""
        if self.candidate == self.new:
            return PasswordTrial(self.new)
        return replace(self, other_is_due=False)
