"""Which resets are carried out, wait or are refused (B11, B12); place 0 is the whole station."""

from collections.abc import Mapping

from agent.core.commands import ACCEPTED, Outcome, Refusal, Reset, Verdict, rejected
from agent.core.records import dataclass
from agent.core.vocabulary import ResetKind

STATION = 0


@dataclass(frozen=True, slots=True)
class EvseUse:
    """What matters of an EVSE: whether somebody uses it, and whether it may be reset by itself."""

    busy: bool
    may_be_reset: bool


def judged(reset: Reset, uses: Mapping[int, EvseUse], obstacle: Refusal | None) -> Outcome:
    """Return what becomes of an order; `obstacle` is what forbids to restart the station now."""
    if reset.evse is not None:
        return _judged_of_evse(reset, reset.evse, uses)
    if reset.kind is ResetKind.ON_IDLE and (_any_busy(uses) or obstacle is not None):
        return Outcome(Verdict.SCHEDULED)
    return ACCEPTED if obstacle is None else Outcome(Verdict.REJECTED, obstacle)


def due(
    pending: frozenset[int], uses: Mapping[int, EvseUse], obstacle: Refusal | None
) -> frozenset[int]:
    """Return the places whose scheduled reset can be carried out now."""
    if STATION in pending and not _any_busy(uses) and obstacle is None:
        return frozenset({STATION})
    return frozenset(evse for evse in pending - {STATION} if evse in uses and not uses[evse].busy)


def _judged_of_evse(reset: Reset, evse: int, uses: Mapping[int, EvseUse]) -> Outcome:
    use = uses.get(evse)
    if use is None:
        return rejected("UnknownEvse", f"there is no EVSE {evse}")
    if not use.may_be_reset:
        return rejected("UnsupportedRequest", f"EVSE {evse} cannot be reset by itself")
    waits = reset.kind is ResetKind.ON_IDLE and use.busy
    return Outcome(Verdict.SCHEDULED) if waits else ACCEPTED


def _any_busy(uses: Mapping[int, EvseUse]) -> bool:
    return any(use.busy for use in uses.values())
