"""What one EVSE's service knows from the guard, and what that means as lines."""

from collections.abc import Iterable, Mapping

from agent.core.session_state import LinesChanged, SessionState
from agent.services.lines import lines_of, lines_without_guard, plugged_in
from hal.api import Fault, GuardGone, GuardStatus


class GuardView:
    """The guard's last word; `gone` says why there is none now, None while the guard is there."""

    def __init__(self, *, plugged_in: bool) -> None:
        self.status: GuardStatus | None = None
        self.gone: str | None = "the guard has not been heard yet"
        self._plugged_in = plugged_in

    @property
    def troubles(self) -> Mapping[str, str]:
        """What keeps the guard from its lines, or us from the guard, by fault."""
        if self.gone is not None:
            return {Fault.GUARD_LOST.value: self.gone}
        if self.status is None or Fault.LINES_LOST not in self.status.faults:
            return {}
        return {Fault.LINES_LOST.value: self.status.trouble}

    def take(
        self, news: GuardStatus | GuardGone, state: SessionState, faults: Iterable[str]
    ) -> LinesChanged | None:
        """Take in what the guard says; return the lines if they are others than before."""
        if isinstance(news, GuardGone):
            self.gone = news.reason
            return lines_without_guard(state)
        known = self.status is not None and self.gone is None
        before = self.lines(state, faults) if known else None
        self.status, self.gone = news, None
        self._plugged_in = plugged_in(news, before=self._plugged_in)
        after = self.lines(state, faults)
        return None if after == before else after

    def lines(self, state: SessionState, faults: Iterable[str]) -> LinesChanged:
        """Return the lines of now, with faults that the guard does not know."""
        if self.gone is not None or self.status is None:
            return lines_without_guard(state)
        return lines_of(self.status, faults, plugged_in=self._plugged_in)
