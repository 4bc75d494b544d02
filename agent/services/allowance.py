"""How much an EVSE may offer: what smart charging tells, within the ceilings of everybody else."""

from dataclasses import replace
from decimal import Decimal

from agent.core.limits import LimitCause, LimitSource, least
from agent.core.session_state import LimitChanged


class Allowance:
    """The limits of one EVSE by who set them."""

    def __init__(self, max_current_a: int) -> None:
        self._hardware = LimitSource(LimitCause.HARDWARE, Decimal(max_current_a))
        self._told: LimitChanged | None = None
        self._ceilings: dict[str, LimitSource] = {}

    def bounded(self, told: LimitChanged) -> LimitChanged:
        """Take in what smart charging tells; return it lowered to the ceilings."""
        self._told = told
        return replace(told, limit_a=least((_source(told), *self._ceilings.values())).limit_a)

    def set_ceiling(self, owner: str, ceiling: LimitSource | None) -> LimitChanged | None:
        """Set or lift somebody's ceiling; return what the session must hear, None for nothing."""
        if self._ceilings.get(owner) == ceiling:
            return None
        self._ceilings.pop(owner, None)
        if ceiling is not None:
            self._ceilings[owner] = ceiling
        return None if self._told is None else self.bounded(self._told)

    @property
    def sources(self) -> tuple[LimitSource, ...]:
        """Every limit in force, that of the hardware first."""
        return self._hardware, *self._of_smart_charging(), *self._ceilings.values()

    def _of_smart_charging(self) -> tuple[LimitSource, ...]:
        """Return its limit; one that says nothing more than the hardware's is none."""
        told = self._told
        if told is None or (told.source is None and told.limit_a >= self._hardware.limit_a):
            return ()
        return (_source(told),)


def _source(told: LimitChanged) -> LimitSource:
    """Return where smart charging's limit comes from, profiles if it does not say."""
    return told.source or LimitSource(LimitCause.PROFILE, told.limit_a)
