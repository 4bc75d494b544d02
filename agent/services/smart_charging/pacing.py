"""Who may have more, and when: not before the others have given up what is taken from them.

The guard changes a running offer every five seconds at most, so that an EVSE that is to offer less
may go on for a while. Others get more only then, and their sum never exceeds the station's limit.
"""

from collections.abc import Sequence
from decimal import Decimal

from agent.core.records import dataclass

ROUNDING_A = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Offer:
    """One EVSE: the limit it should have, the one it has, and what its pilot says."""

    wanted_a: Decimal
    granted_a: Decimal
    offered_a: Decimal = Decimal(0)

    @property
    def is_giving_up(self) -> bool:
        """Tell whether the pilot still says more than it should."""
        return self.offered_a > self.wanted_a + ROUNDING_A


@dataclass(frozen=True, slots=True)
class Grants:
    """The limit for each EVSE now; `waiting`: somebody is to get more soon."""

    limits_a: tuple[Decimal, ...]
    waiting: bool = False


def grants(offers: Sequence[Offer], *, shared: bool) -> Grants:
    """Return the limits to be set now; `shared`: the EVSEs share a limit of the station."""
    if not shared or not any(offer.is_giving_up for offer in offers):
        return Grants(tuple(offer.wanted_a for offer in offers))
    limits_a = tuple(min(offer.wanted_a, offer.granted_a) for offer in offers)
    waiting = any(a < offer.wanted_a for a, offer in zip(limits_a, offers, strict=True))
    return Grants(limits_a, waiting)
