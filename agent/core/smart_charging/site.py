"""The station as the plan sees it at an instant: its EVSEs, who charges, and what limits it."""

from datetime import UTC, tzinfo
from typing import NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import ANY_PHASE, NO_LIMIT, Supply
from agent.core.smart_charging.sharing import MINIMUM_MA
from agent.core.smart_charging.stack import Spread


class Intention(NamedTuple):
    """From `at_us` on an EV means to take so much in total, drawn on so many phases."""

    at_us: int
    power_mw: int
    phases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One EVSE as it stands: what it can carry, who charges there, and since when.

    `most_ma` is what hardware and cable carry. `transaction_id` is the running transaction;
    `active` tells that an EV may draw now or wants to, `paused` that it has stopped by itself.
    `ready_us` is when Relative profiles began, None if they would begin now. Who has the higher
    `priority` goes first where EVs must wait. `prioritized`: PriorityCharging is switched on.
    `least_ma` is the least current that is of use to the EV, `choice` the schedule that it chose.
    `intended` is what the EV has said that it will take, in its order.
    """

    evse: int
    supply: Supply
    most_ma: int
    transaction_id: str | None = None
    active: bool = False
    paused: bool = False
    prioritized: bool = False
    priority: int = 0
    ready_us: int | None = None
    least_ma: int = MINIMUM_MA
    choice: int = 0
    intended: tuple[Intention, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The station at an instant: its EVSEs, and what limits it besides profiles.

    `now_us` is where a Relative profile begins that has not begun. `supply_ma` is the current per
    phase that all EVSEs together may draw, `supply` how the station is fed. `offline_us` is since
    when there is no connection; `fallback_ma` then limits each EVSE from `fallback_us` on.
    """

    now_us: int
    places: tuple[Place, ...]
    supply: Supply = Supply()
    supply_ma: int = NO_LIMIT
    offline_us: int | None = None
    fallback_us: int | None = None
    fallback_ma: int = NO_LIMIT
    zone: tzinfo = UTC
    spread: Spread = Spread()


class Allowance(NamedTuple):
    """What an EVSE may offer: current per phase, total power, and on how many phases.

    `phases_are_named` tells that a profile says how many; else it is what the limits count on.
    `phase` is the one that a profile chooses for a single phase, or `ANY_PHASE`.
    """

    current_ma: int
    power_mw: int
    phases: int
    phases_are_named: bool = False
    phase: int = ANY_PHASE
