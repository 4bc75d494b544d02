"""Upper bounds of current, power and phases, and what they leave to an EV.

A limit in A is per phase, one in W the total (K01.FR.50, K01.FR.51). They are kept side by side,
because the number of phases that turns one into the other is known only when all limits are.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from agent.core.records import dataclass
from agent.core.smart_charging.profiles import SchedulePeriod
from agent.core.vocabulary import RateUnit

NO_LIMIT: Final = 10**15
"""More milliamperes or milliwatts than any limit has."""
ALL_PHASES: Final = 3
UNNAMED: Final = ALL_PHASES + 1
"""The phases of a ceiling that names no number; any that is named is lower."""
ANY_PHASE: Final = ALL_PHASES + 1
"""The phase of a ceiling that chooses none; any that is chosen is lower."""
_LARGEST_EXPONENT: Final = 11


class Ceiling(NamedTuple):
    """What may be taken at most: mA per phase, mW in total, and so many phases, or `UNNAMED`.

    `phase` is the one that a single phase has to be, or `ANY_PHASE`.
    """

    current_ma: int
    power_mw: int
    phases: int
    phase: int = ANY_PHASE

    def lowest(self, other: "Ceiling") -> "Ceiling":
        """Return what both allow."""
        return Ceiling(
            min(self.current_ma, other.current_ma),
            min(self.power_mw, other.power_mw),
            min(self.phases, other.phases),
            min(self.phase, other.phase),
        )


UNLIMITED: Final = Ceiling(NO_LIMIT, NO_LIMIT, UNNAMED)


def lowest(ceilings: Iterable[Ceiling]) -> Ceiling:
    """Return what all of some ceilings allow."""
    found = [ceiling for ceiling in ceilings if ceiling is not UNLIMITED]
    if len(found) > 1:
        return Ceiling(*map(min, zip(*found, strict=True)))
    return found[0] if found else UNLIMITED


def of_period(period: SchedulePeriod, unit: RateUnit) -> Ceiling:
    """Return the ceiling that a period is; one that names no phases counts on three (K01.FR.49)."""
    limit, phases = period.limit, period.phases or UNNAMED
    phase = period.phase_to_use or ANY_PHASE
    milli = NO_LIMIT if limit.adjusted() > _LARGEST_EXPONENT else int(limit * 1000)
    if unit is RateUnit.AMPERE:
        return Ceiling(milli, NO_LIMIT, phases, phase)
    return Ceiling(NO_LIMIT, milli, phases, phase)


def of_current(current_ma: int) -> Ceiling:
    """Return the ceiling of a current per phase."""
    return UNLIMITED if current_ma >= NO_LIMIT else Ceiling(current_ma, NO_LIMIT, UNNAMED)


@dataclass(frozen=True, slots=True)
class Supply:
    """How an EVSE is fed: its phases, the voltage between phase and neutral, whether it can switch.

    An EVSE that `switches` can feed one phase or all; one that does not always feeds all, and then
    watts are divided by all of them, because an EV may draw on each. One that `chooses` can feed
    any one of its phases (ACPhaseSwitchingSupported).
    """

    phases: int = ALL_PHASES
    voltage_mv: int = 230_000
    switches: bool = False
    chooses: bool = False

    def phases_under(self, ceiling: Ceiling) -> int:
        """Return the number of phases that is fed under a ceiling (K01.FR.43, K01.FR.45)."""
        if self.switches and ceiling.phases < self.phases:
            return 1
        return self.phases

    def current_ma(self, ceiling: Ceiling) -> int:
        """Return the current per phase that a ceiling allows, rounded down."""
        by_power_ma = ceiling.power_mw * 1000 // (self.voltage_mv * self.phases_under(ceiling))
        return min(ceiling.current_ma, by_power_ma)

    def power_mw(self, ceiling: Ceiling) -> int:
        """Return the total power that a ceiling allows, rounded down."""
        return min(ceiling.power_mw, self.power_of(ceiling.current_ma, self.phases_under(ceiling)))

    def under(self, own: Ceiling, limit: Ceiling) -> tuple[int, int, int, bool, int]:
        """Return current per phase and power that two ceilings allow, and the phases fed.

        At last, whether one of them names a number of phases, and which phase a single one is:
        `limit`, the station's, goes before `own` where each chooses another.
        """
        named = min(own.phases, limit.phases)
        phases = 1 if self.switches and named < self.phases else self.phases
        weight_mv = self.voltage_mv * phases
        most_ma = min(own.current_ma, limit.current_ma)
        power_mw = min(own.power_mw, limit.power_mw, most_ma * weight_mv // 1000)
        phase = ANY_PHASE
        if self.chooses and phases == 1:
            phase = own.phase if limit.phase == ANY_PHASE else limit.phase
        current_ma = min(most_ma, power_mw * 1000 // weight_mv)
        return current_ma, power_mw, phases, named < UNNAMED, phase

    def power_of(self, current_ma: int, phases: int) -> int:
        """Return the power in mW of a current on so many phases."""
        return current_ma * self.voltage_mv * phases // 1000


def raised(ceiling: Ceiling, by: Ceiling, supply: Supply) -> Ceiling:
    """Add what is generated locally to what may be taken from the grid (K27, K04.FR.05)."""
    if by is UNLIMITED:
        return ceiling
    return Ceiling(
        min(NO_LIMIT, ceiling.current_ma + supply.current_ma(by)),
        min(NO_LIMIT, ceiling.power_mw + supply.power_mw(by)),
        ceiling.phases,
        ceiling.phase,
    )
