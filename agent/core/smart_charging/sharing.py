"""The limit of a station divided among its EVSEs: fair, the same every time, never above the sum.

Everybody who charges gets the same current, what some cannot use goes to the others (max-min
fairness). Where not everybody can have at least 6 A some wait: those with the higher
chargingPriority go first (K03.FR.04), EVs that pause by themselves last, and equals take turns.
An EVSE without an EV keeps what is left, so that one that starts never exceeds the limit.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import mul
from typing import NamedTuple

from agent.core.smart_charging.ceilings import Ceiling

MINIMUM_MA = 6000
"""Below it IEC 61851-1 has no duty cycle."""
STEP_MA = 100
"""Limits are told in tenths of an ampere."""
TURN_US = 900 * 1_000_000
"""How long a turn lasts where EVs must wait for each other."""


class Claim(NamedTuple):
    """What one EVSE asks of the station's limit.

    `most_ma` is what it may take by itself, `weight_mv` the power of a current: voltage times
    phases. `least_ma` is the least that is of use to its EV (minChargingRate). `rank` orders claims
    that cannot all be met, lowest first; equal ranks take turns. `idle`: there is no EV.
    """

    most_ma: int
    weight_mv: int
    least_ma: int = MINIMUM_MA
    rank: tuple[int, ...] = ()
    idle: bool = False

    @property
    def needed_ma(self) -> int:
        """Return the least that it is served with."""
        return min(self.most_ma, max(self.least_ma, MINIMUM_MA))


class Shares(NamedTuple):
    """The current of each claim; `by_turns`: somebody waits, and the next turn may be another's."""

    currents_ma: tuple[int, ...]
    by_turns: bool = False


def shares_of(claims: Sequence[Claim], limit: Ceiling, turn: int = 0) -> Shares:
    """Divide a limit; the shares together keep it in A per phase and in W."""
    shares = [0] * len(claims)
    left = _Rest(limit.current_ma, limit.power_mw * 1000)
    waiting: list[int] = []
    for idle in (False, True):
        members = [n for n, c in enumerate(claims) if c.idle is idle]
        if not members:
            continue
        order = _in_turn(claims, members, turn)
        served = _served(claims, order, left)
        shares_of_served = _level_shares([claims[n] for n in served], left)
        for number, share_ma in zip(served, shares_of_served, strict=True):
            shares[number] = share_ma
            left = left.without(share_ma, claims[number])
        for number in (n for n in order if n not in served):
            waiting.append(number)
            shares[number] = left.most_for(claims[number])
            left = left.without(shares[number], claims[number])
    return Shares(tuple(shares), by_turns=bool(waiting))


def suffices(currents_ma: Sequence[int], weights_mv: Sequence[int], limit: Ceiling) -> bool:
    """Tell whether a limit allows some currents together."""
    power_uw = sum(map(mul, currents_ma, weights_mv))
    return sum(currents_ma) <= limit.current_ma and power_uw <= limit.power_mw * 1000


class _Rest(NamedTuple):
    """What of the limit is not given away yet; mA times mV are uW, without remainder."""

    current_ma: int
    power_uw: int

    def without(self, current_ma: int, claim: Claim) -> "_Rest":
        return _Rest(self.current_ma - current_ma, self.power_uw - current_ma * claim.weight_mv)

    def most_for(self, claim: Claim) -> int:
        by_power_ma = self.power_uw // claim.weight_mv
        return max(0, min(claim.most_ma, self.current_ma, by_power_ma))


def _in_turn(claims: Sequence[Claim], members: Iterable[int], turn: int) -> list[int]:
    """Return the claims in the order in which they are served."""
    ordered: list[int] = []
    by_rank = sorted(members, key=lambda n: claims[n].rank)
    for _, group in groupby(by_rank, key=lambda n: claims[n].rank):
        equals = list(group)
        first = turn % len(equals)
        ordered += equals[first:] + equals[:first]
    return ordered


def _served(claims: Sequence[Claim], order: Iterable[int], rest: _Rest) -> list[int]:
    """Return whom the limit suffices for, in the order in which they are served."""
    served: list[int] = []
    for number in order:
        needs = _Rest(claims[number].needed_ma, claims[number].needed_ma * claims[number].weight_mv)
        if needs.current_ma <= rest.current_ma and needs.power_uw <= rest.power_uw:
            rest = rest.without(needs.current_ma, claims[number])
            served.append(number)
    return served


def _level_shares(claims: Sequence[Claim], rest: _Rest) -> list[int]:
    """Return equal currents, except that nobody gets less than needed or more than it may take."""
    bounds = [(c.needed_ma, c.most_ma, c.weight_mv) for c in claims]

    def exceeds(level: int) -> int:
        level_ma = level * STEP_MA
        current_ma = power_uw = 0
        for needed_ma, most_ma, weight_mv in bounds:
            share_ma = needed_ma if level_ma < needed_ma else min(level_ma, most_ma)
            current_ma += share_ma
            power_uw += share_ma * weight_mv
        return int(current_ma > rest.current_ma or power_uw > rest.power_uw)

    highest = max((c.most_ma for c in claims), default=0) // STEP_MA
    level_ma = bisect_left(range(1, highest + 1), 1, key=exceeds) * STEP_MA
    return [min(most_ma, max(needed_ma, level_ma)) for needed_ma, most_ma, _ in bounds]
