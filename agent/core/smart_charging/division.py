"""What each EVSE may offer under its own ceiling and the station's."""

from collections.abc import Sequence

from agent.core.smart_charging.ceilings import Ceiling
from agent.core.smart_charging.sharing import MINIMUM_MA, STEP_MA, Claim, shares_of, suffices
from agent.core.smart_charging.site import Allowance, Place, Site


def divided(
    site: Site, limit: Ceiling, own: Sequence[Ceiling], turn: int
) -> tuple[tuple[Allowance, ...], bool]:
    """Return what each place may offer under its own ceiling and the station's, and if by turns."""
    if len(own) == 1:
        (place,) = site.places
        return (Allowance(*place.supply.under(own[0], limit)),), False
    alone = [
        Allowance(*place.supply.under(ceiling, limit))
        for place, ceiling in zip(site.places, own, strict=True)
    ]
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
    return alone._replace(current_ma=share_ma, power_mw=power_mw)
