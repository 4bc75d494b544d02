"""Why an EVSE may offer what it may: every limit that holds at an instant, the lowest first."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from agent.core.limits import LimitCause, LimitSource
from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import NO_LIMIT, Ceiling, of_current, raised
from agent.core.smart_charging.plan import Plan
from agent.core.smart_charging.site import Place, Site
from agent.core.smart_charging.timeline import Piece
from agent.core.vocabulary import ProfilePurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit in A per phase; a profile is named by purpose, stack level, id and who set it."""

    cause: LimitCause
    limit_a: Decimal
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None
    profile_id: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The limit of an EVSE now and everything that bounds it, the lowest first."""

    limit_a: Decimal
    bounds: tuple[Bound, ...]


NOTHING_SAID: Final[Mapping[int, str]] = MappingProxyType({})


def explain(plan: Plan, site: Site, evse: int) -> Explanation:
    """Return why an EVSE may offer what it may now."""
    place = next(place for place in site.places if place.evse == evse)
    step = next(plan.steps(site, site.now_us, site.now_us + 1))
    limit_ma = step.allowances[site.places.index(place)].current_ma
    bounds = sorted(_bounds(plan, site, place), key=lambda bound: bound.limit_a)
    limit_a = _amperes(limit_ma)
    if not bounds or limit_a < bounds[0].limit_a:
        bounds.insert(0, Bound(cause=LimitCause.SHARING, limit_a=limit_a))
    return Explanation(limit_a, tuple(bounds))


def limit_sources(
    explanation: Explanation, said: Mapping[int, str] = NOTHING_SAID
) -> tuple[LimitSource, ...]:
    """Return the bounds in the words of all who limit an EVSE, without those of the hardware.

    `said` is what devices on site say of their limits, by the ids of the profiles that those are.
    """
    return tuple(
        LimitSource(bound.cause, bound.limit_a, _detail(bound, said))
        for bound in explanation.bounds
        if bound.cause is not LimitCause.HARDWARE
    )


def _detail(bound: Bound, said: Mapping[int, str]) -> str:
    if bound.purpose is None:
        return ""
    if bound.cause is LimitCause.EXTERNAL:
        words = said.get(bound.profile_id or 0)
        return f"{bound.source}" if words is None else f"{bound.source}, {words}"
    return f"{bound.purpose.value} {bound.profile_id}, stack level {bound.stack_level}"


def _bounds(plan: Plan, site: Site, place: Place) -> Iterator[Bound]:
    yield _plain(LimitCause.HARDWARE, place, of_current(place.most_ma))
    if site.supply_ma < NO_LIMIT:
        yield _plain(LimitCause.SUPPLY, place, of_current(site.supply_ma))
    if site.fallback_us is not None and site.fallback_us <= site.now_us:
        yield _plain(LimitCause.OFFLINE, place, of_current(site.fallback_ma))
    window = (site.now_us, site.now_us + 1)
    yield from _of_profile(place, plan.of_session(site, place, window)[0])
    maximum, generated = plan.maximum(site, window)[0], plan.generated(site, window)[0]
    more = raised(maximum.ceiling, generated.ceiling, site.supply)
    yield from _of_profile(place, maximum._replace(ceiling=more))
    for evse in (0, place.evse):
        for pieces in plan.from_outside(site, evse, window):
            yield from _of_profile(place, pieces[0])


def _of_profile(place: Place, piece: Piece) -> Iterator[Bound]:
    if piece.timeline is None:
        return
    installed = piece.timeline.installed
    yield Bound(
        cause=LimitCause.EXTERNAL if installed.is_external else LimitCause.PROFILE,
        limit_a=_amperes(place.supply.current_ma(piece.ceiling)),
        purpose=installed.profile.purpose,
        stack_level=installed.profile.stack_level,
        profile_id=installed.profile.id,
        source=installed.source,
    )


def _plain(cause: LimitCause, place: Place, ceiling: Ceiling) -> Bound:
    return Bound(cause=cause, limit_a=_amperes(place.supply.current_ma(ceiling)))


def _amperes(current_ma: int) -> Decimal:
    return Decimal(current_ma // 100).scaleb(-1)
