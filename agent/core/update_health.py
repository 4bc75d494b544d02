"""Whether software on trial is good enough to be kept (A/B updates).

It must control the hardware, with no fault that the version before did not have, and its storage
must work. A CSMS that is reached proves the rest; a site that is offline must not lose a good
version for that, so after a while the local criteria are enough.
"""

from enum import StrEnum

from agent.core.fault_taxonomy import INTERNAL
from agent.core.records import dataclass

BOARD_FAULTS = frozenset(
    {"lines_lost", "guard_lost", "meter_lost", "contactor_welded", "contactor_stuck_open", INTERNAL}
)
"""What software can be to blame for; others are made by vehicles and people."""


class Health(StrEnum):
    """The verdict on software on trial."""

    UNDECIDED = "Undecided"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is seen of the station now; `new_faults` are those that it did not have before."""

    guard_answers: bool
    new_faults: frozenset[str] = frozenset()
    storage_works: bool = True
    csms_reached: bool = False

    @property
    def complaint(self) -> str:
        """What is wrong on site, '' if nothing is."""
        if not self.guard_answers:
            return "the guard does not answer"
        if self.new_faults:
            return f"new faults: {', '.join(sorted(self.new_faults))}"
        return "" if self.storage_works else "the storage does not work"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPolicy:
    """How long a trial lasts.

    What is wrong on site must be right after `health_timeout_s`. With everything right for
    `settle_s` a CSMS that is reached decides, without one `without_csms_s` of it do.
    """

    settle_s: float = 10.0
    without_csms_s: float = 600.0
    health_timeout_s: float = 300.0

    @property
    def longest_s(self) -> float:
        """After so long a station that is now right and now wrong is not good enough."""
        return self.health_timeout_s + 2 * self.without_csms_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a trial has gone so far: since when it runs, and since when all is right, or not."""

    began_at_s: float
    right_since_s: float | None = None
    wrong_since_s: float | None = None

    def after(self, seen: Observation, now_s: float) -> "Trial":
        """Return the trial after a look at the station."""
        if seen.complaint:
            since_s = now_s if self.wrong_since_s is None else self.wrong_since_s
            return Trial(began_at_s=self.began_at_s, wrong_since_s=since_s)
        since_s = now_s if self.right_since_s is None else self.right_since_s
        return Trial(began_at_s=self.began_at_s, right_since_s=since_s)


def judged(trial: Trial, seen: Observation, now_s: float, policy: TrialPolicy) -> Health:
    """Return the verdict on a trial that has taken note of what is seen."""
    if trial.right_since_s is not None:
        needed_s = policy.settle_s if seen.csms_reached else policy.without_csms_s
        right_for_s = now_s - trial.right_since_s
        return Health.HEALTHY if right_for_s >= needed_s else Health.UNDECIDED
    wrong_for_s = now_s - (now_s if trial.wrong_since_s is None else trial.wrong_since_s)
    if wrong_for_s >= policy.health_timeout_s or now_s - trial.began_at_s >= policy.longest_s:
        return Health.UNHEALTHY
    return Health.UNDECIDED
