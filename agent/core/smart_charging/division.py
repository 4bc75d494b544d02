"""What each EVSE may offer under its own ceiling and the station's."""

from collections.abc import Sequence
from dataclasses import replace

from agent.core.smart_charging.ceilings import UNNAMED, Ceiling
from agent.core.smart_charging.sharing import MINIMUM_MA, STEP_MA, Claim, shares_of, suffices
from agent.core.smart_charging.site import Allowance, Place, Site


def divided(
    site: Site, limit: Ceiling, own: Sequence[Ceiling], turn: int
) -> tuple[tuple[Allowance, ...], bool]:
    """Return what each place may offer under its own ceiling and the station's, and if by turns."""
    joint = [ceiling.lowest(limit) for ceiling in own]
    alone = [
        Allowance(
            place.supply.current_ma(ceiling),
            place.supply.power_mw(ceiling),
            place.supply.phases_under(ceiling),
            ceiling.phases < UNNAMED,
        )
        for place, ceiling in zip(site.places, joint, strict=True)
    ]
    if len(alone) == 1:
        return tuple(alone), False
    currents_ma = [allowance.current_ma for allowance in alone]
    weights_mv = [
        place.supply.voltage_mv * a.phases for place, a in zip(site.places, alone, strict=True)
    ]
    if suffices(currents_ma, weights_mv, limit):
        return tuple(alone), False
    shares = shares_of(list(map(_claim, site.places, alone)), limit, turn)
    return tuple(map(_shared, site.places, alone, shares.currents_ma)), shares.by_turns


def _claim(place: Place, alone: Allowance) -> Claim:
    most_ma = min(alone.current_ma, MINIMUM_MA) if place.paused else alone.current_ma
    return Claim(
        most_ma=most_ma - most_ma % STEP_MA,
        least_ma=place.least_ma,
        weight_mv=place.supply.voltage_mv * alone.phases,
        rank=(-place.priority, int(place.paused)),
        idle=not place.active,
    )


def _shared(place: Place, alone: Allowance, share_ma: int) -> Allowance:
    power_mw = place.supply.power_of(share_ma, alone.phases)
    return replace(alone, current_ma=share_ma, power_mw=power_mw)
