"""How long the services' permission lasts: live, fallback, expired.

A lease lives for `valid_s` after the guard received it. Then, or as soon as the services' link
breaks, the last permission holds for a grace time at no more than the fallback current, so that a
restart of the services does not end a session; after that the guard stops gracefully.
"""

from dataclasses import dataclass, replace

from hal.api import Feed, Lease, LeaseState, PilotMode

LONGEST_VALID_S = 1.0


@dataclass(frozen=True, slots=True)
class LeaseTrack:
    """The last lease and how far it has aged; `fallback_since_s` is set once it is not live."""

    lease: Lease | None = None
    received_s: float = 0.0
    fallback_since_s: float | None = None
    state: LeaseState = LeaseState.NONE

    def granted(self, lease: Lease, now_s: float) -> "LeaseTrack":
        """Take a new lease."""
        return LeaseTrack(lease, now_s, None, LeaseState.LIVE)

    def abandoned(self, now_s: float) -> "LeaseTrack":
        """Take notice that the services are gone: a live lease ends now."""
        if self.state is not LeaseState.LIVE:
            return self
        return replace(self, fallback_since_s=now_s, state=LeaseState.FALLBACK)

    def aged(self, now_s: float, grace_s: float) -> "LeaseTrack":
        """Let time pass."""
        if self.lease is None or self.state is LeaseState.EXPIRED:
            return self
        since_s = self.fallback_since_s
        if since_s is None:
            since_s = self.received_s + min(self.lease.valid_s, LONGEST_VALID_S)
        state = _state_at(now_s - since_s, grace_s)
        if state is self.state:
            return self
        fallback_since_s = None if state is LeaseState.LIVE else since_s
        return replace(self, fallback_since_s=fallback_since_s, state=state)

    @property
    def mode(self) -> PilotMode:
        """Return what the pilot shall say, steady +12 V where no lease says anything."""
        if self.lease is None or self.state is LeaseState.EXPIRED:
            return PilotMode.STANDBY
        return self.lease.mode

    @property
    def wants_lock(self) -> bool:
        """Tell whether the services want the retention lock engaged."""
        return self.lease is not None and self.state is not LeaseState.EXPIRED and self.lease.lock

    @property
    def feed(self) -> Feed | None:
        """Return the phases that the services want, None where no lease says anything."""
        if self.lease is None or self.state is LeaseState.EXPIRED:
            return None
        return Feed(self.lease.phases, self.lease.phase)

    def limit_a(self, fallback_limit_a: float) -> float:
        """Return the permitted amperes now, 0 without an offer."""
        if self.lease is None or self.mode is not PilotMode.OFFER:
            return 0.0
        if self.state is LeaseState.FALLBACK:
            return min(self.lease.limit_a, fallback_limit_a)
        return self.lease.limit_a


def _state_at(over_s: float, grace_s: float) -> LeaseState:
    """Return the state so many seconds after the lease ended (before it: negative)."""
    if over_s < 0:
        return LeaseState.LIVE
    return LeaseState.FALLBACK if over_s < grace_s else LeaseState.EXPIRED
