"""Faults of the software itself in one EVSE's session: noticed and bounded, others go on.

A stimulus that cannot be dealt with is given up, unless nobody would repeat it, and the session
stays as it was. Several in a row mean that nobody controls the session any more: energy stops
until one is dealt with again.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec

from agent.core.fault_taxonomy import INTERNAL
from agent.core.session_state import (
    CeilingChanged,
    LimitChanged,
    Resumed,
    SessionState,
    Stimulus,
    StopOrdered,
)

FAILURES_IN_A_ROW = 3
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0

NEVER_GIVEN_UP = (Resumed, StopOrdered, LimitChanged, CeilingChanged)
"""What nobody would say a second time: without it too much would be offered, or for too long."""

P = ParamSpec("P")

log = logging.getLogger(__name__)


class Supervision:
    """Counts the failures of one EVSE's session in a row."""

    def __init__(self, evse: int) -> None:
        self._evse = evse
        self._failures = 0

    @property
    def distrusts(self) -> bool:
        """Tell whether the session may not let energy flow."""
        return self._failures >= FAILURES_IN_A_ROW

    @property
    def pause_s(self) -> float:
        """How long to wait before the next stimulus, so that a failure in a loop stays cheap."""
        if not self._failures:
            return 0.0
        doublings = min(self._failures - 1, FAILURES_IN_A_ROW * 2)
        return min(FIRST_PAUSE_S * 2.0**doublings, LONGEST_PAUSE_S)

    def failed(self, stimulus: Stimulus, error: Exception) -> None:
        """Take note of a failure; the first ones are logged with their tracebacks."""
        self._failures += 1
        if self._failures <= FAILURES_IN_A_ROW:
            kind, number = type(stimulus).__name__, self._failures
            message = "EVSE %d could not deal with %s, %d in a row"
            log.error(message, self._evse, kind, number, exc_info=error)
        if self._failures == FAILURES_IN_A_ROW:
            log.error("EVSE %d delivers no energy until it works again", self._evse)

    def worked(self) -> bool:
        """Take note of a success; return whether it ends a time of distrust."""
        ended, self._failures = self.distrusts, 0
        if ended:
            log.warning("EVSE %d works again", self._evse)
        return ended


def with_internal_fault(state: SessionState) -> SessionState:
    """Return the state with the fault shown and no energy offered."""
    snapshot = state.snapshot
    faults = snapshot.faults | {INTERNAL}
    return replace(state, snapshot=replace(snapshot, faults=faults, offered=False))


def guarded(observer: Callable[P, object], *arguments: P.args, **more: P.kwargs) -> None:
    """Tell somebody who only listens: his failure is his own."""
    try:
        observer(*arguments, **more)
    except Exception:
        log.exception("%s failed", getattr(observer, "__qualname__", observer))
