"""Where a current limit comes from, and which of several is the least.

Everybody who limits an EVSE says so with a `LimitSource`: charging profiles, derating, the share of
the supply, the hardware. What is offered is the least of them, and it is known why.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from agent.core.records import dataclass


class LimitCause(StrEnum):
    """What limits the current of an EVSE."""

    HARDWARE = "hardware"
    CABLE = "cable"
    SUPPLY = "supply"
    SHARING = "sharing"
    PROFILE = "profile"
    EXTERNAL = "external"
    OFFLINE = "offline"
    TEMPERATURE = "temperature"
    SENSOR_LOST = "sensor_lost"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class LimitSource:
    """One limit, A per phase; `detail` says more of it, such as the profile's purpose and id."""

    cause: LimitCause
    limit_a: Decimal
    detail: str = ""


def least(sources: Iterable[LimitSource]) -> LimitSource:
    """Return the lowest limit, of equal ones the first; raises ValueError if there is none."""
    return min(sources, key=lambda source: source.limit_a)
