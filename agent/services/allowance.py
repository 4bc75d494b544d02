"""What bounds the current of one EVSE beyond smart charging, and every limit by its cause."""

from decimal import Decimal

from agent.core.limits import LimitCause, LimitSource, least


class Allowance:
    """The ceilings of one EVSE by who set them; `source` is what smart charging told of itself."""

    def __init__(self, max_current_a: int) -> None:
        self._hardware = LimitSource(LimitCause.HARDWARE, Decimal(max_current_a))
        self._ceilings: dict[str, LimitSource] = {}
        self.source: LimitSource | None = None

    @property
    def ceiling_a(self) -> Decimal | None:
        """The lowest ceiling, None if there is none."""
        return least(self._ceilings.values()).limit_a if self._ceilings else None

    def set_ceiling(self, owner: str, ceiling: LimitSource | None) -> bool:
        """Set or lift somebody's ceiling; return whether the lowest one is another now."""
        before = self.ceiling_a
        self._ceilings.pop(owner, None)
        if ceiling is not None:
            self._ceilings[owner] = ceiling
        return self.ceiling_a != before

    def sources(self, limit_a: Decimal) -> tuple[LimitSource, ...]:
        """Return every limit in force, that of the hardware first; `limit_a` is smart charging's.

        A limit of smart charging that says nothing more than the hardware's is none.
        """
        told = self.source or LimitSource(LimitCause.PROFILE, limit_a)
        if self.source is None and limit_a >= self._hardware.limit_a:
            return self._hardware, *self._ceilings.values()
        return self._hardware, told, *self._ceilings.values()
