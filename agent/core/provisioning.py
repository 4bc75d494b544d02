"""Registration at the CSMS: who may speak when, and when to ask again (B01-B03, G02)."""

from agent.core.facts import Registered
from agent.core.records import dataclass
from agent.core.vocabulary import RegistrationStatus

OWN_RETRY_S = 60
"""Used when the CSMS answers Pending or Rejected with interval 0 (B02.FR.07, B03.FR.05)."""
LONGEST_OWN_RETRY_S = 3_600
_ENOUGH_DOUBLINGS = 6
LONGEST_RETRY_S = 86_400
"""A longer interval would keep the station away until somebody comes and switches it off and on."""
LONGEST_SILENCE_S = 86_400
"""At least one Heartbeat a day, so that the clock is told (G02.FR.07)."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the station stands; `status` None means that no BootNotification was answered yet."""

    status: RegistrationStatus | None = None
    retry_s: int = OWN_RETRY_S

    @property
    def accepted(self) -> bool:
        """Tell whether the station may speak freely."""
        return self.status is RegistrationStatus.ACCEPTED

    def may_originate(self, *, boot: bool, asked_for: bool) -> bool:
        """Tell whether a request may be sent now (B01.FR.08, B02.FR.02, B03.FR.02).

        `asked_for` marks what the CSMS wanted by TriggerMessage or a report request.
        """
        if boot or self.accepted:
            return True
        return asked_for and self.status is RegistrationStatus.PENDING


def registered(answer: Registered) -> Registration:
    """Return where the station stands after an answer to BootNotification."""
    interval_s = answer.interval_s if answer.interval_s > 0 else OWN_RETRY_S
    return Registration(answer.status, min(interval_s, LONGEST_RETRY_S))


def unanswered_retry_s(failures: int) -> int:
    """Return how long to wait after so many BootNotifications in a row without a verdict.

    The wait doubles: a message that a CSMS refuses will hardly please it a moment later.
    """
    doublings = min(max(failures, 1) - 1, _ENOUGH_DOUBLINGS)
    return min(OWN_RETRY_S << doublings, LONGEST_OWN_RETRY_S)


def heartbeat_wait_s(
    interval_s: int, since_last_message_s: float, since_last_heartbeat_s: float
) -> float:
    """Return how long until a Heartbeat is due; any message restarts the timer (G02.FR.05).

    An interval of 0 asks for no heartbeats: only the daily one for the clock is left.
    """
    for_the_clock_s = LONGEST_SILENCE_S - since_last_heartbeat_s
    if interval_s <= 0:
        return max(0.0, for_the_clock_s)
    return max(0.0, min(interval_s - since_last_message_s, for_the_clock_s))
