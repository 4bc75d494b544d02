"""Gathers what `stationd why` is answered from: what session, guard and instruments know."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from agent.core.explanation import EvseFacts, Explanation, StationFacts, explain, with_hardware
from agent.core.limits import LimitCause, LimitSource
from agent.core.records import dataclass
from agent.services.evse import EvseService
from hal.api import GuardStatus, LeaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationSources:
    """Who knows what the EVSEs do not know themselves; what takes a number takes an EVSE's.

    `unsigned` says why values are not signed, None if they are. `limits` returns those of smart
    charging with more detail than it tells the EVSE. `awaits_update` says that sessions are held
    back for a firmware update.
    """

    station: Callable[[], StationFacts]
    unsigned: Callable[[int], str | None]
    station_operative: Callable[[], bool]
    limits: Callable[[int], tuple[LimitSource, ...]]
    awaits_update: Callable[[int], bool]


class Explainer:
    """Says why each EVSE does what it does."""

    def __init__(self, evses: Mapping[int, EvseService], sources: ExplanationSources) -> None:
        self._evses = evses
        self._sources = sources

    def explain(self, number: int) -> Explanation:
        """Return the explanation of one EVSE."""
        evse = self._evses[number]
        status = evse.guard_status
        facts = EvseFacts(
            state=evse.state,
            hindrances=_hindrances(status),
            troubles=evse.troubles,
            light_trouble=evse.light_trouble,
            offered_a=_amperes(0.0 if status is None else status.offered_a),
            phases=evse.phases,
            phase=evse.phase,
            limits=self._limits(evse, status),
            refusal=evse.refusal,
            unsigned=self._sources.unsigned(number),
            station_operative=self._sources.station_operative(),
            awaits_update=self._sources.awaits_update(number),
        )
        return explain(facts, self._sources.station())

    def _limits(self, evse: EvseService, status: GuardStatus | None) -> tuple[LimitSource, ...]:
        detailed = self._sources.limits(evse.description.evse)
        known = (*detailed, *(one for one in evse.limits if not (detailed and _is_vague(one))))
        if status is None:
            return known
        held = status.lease is LeaseState.FALLBACK
        fallback_a = _amperes(status.offered_a) if held else None
        return with_hardware(known, status.cable_rating_a, fallback_a)


def _is_vague(limit: LimitSource) -> bool:
    """Tell whether it only says that some profile limits."""
    return limit.cause is LimitCause.PROFILE and not limit.detail


def _hindrances(status: GuardStatus | None) -> frozenset[str]:
    return frozenset() if status is None else frozenset(h.value for h in status.hindrances)


def _amperes(amperes: float) -> Decimal:
    return Decimal(f"{amperes:.1f}")
