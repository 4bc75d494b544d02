"""The physical side of the demo in words: what changed at the plug since it was last told."""

from collections.abc import Iterator
from decimal import Decimal

from agent.sim.demo_bench import BoardFacts

_MEANINGS = {
    "A": "no car",
    "B": "car connected",
    "C": "car asks for energy",
    "D": "car asks for energy and ventilation",
    "E": "no pilot signal",
    "F": "station not available",
}
_SIGNIFICANT_A = Decimal("0.5")
_STEADY_A = Decimal("0.05")
_PROGRESS_WH = Decimal(10)


class BoardWords:
    """Remembers what was told, and words what is new.

    A current is told when it has settled, so that a ramp is one line; so is each 10 Wh of energy.
    """

    def __init__(self) -> None:
        self._last: BoardFacts | None = None
        self._begin_wh = Decimal(0)
        self._told_a = Decimal(0)
        self._told_wh = Decimal(0)

    def news(self, facts: BoardFacts) -> tuple[str, ...]:
        """Return the lines that these facts deserve."""
        last, self._last = self._last, facts
        if last is None:
            self._begin_wh = self._told_wh = facts.energy_wh
            return (_pilot(facts), _contactor(facts), f"meter {_register(facts)}")
        lines = tuple(_switched(last, facts))
        if self._is_flow_worth_telling(last, facts):
            self._told_a, self._told_wh = facts.current_a, facts.energy_wh
            return (*lines, self._flow(facts))
        return lines

    def _is_flow_worth_telling(self, last: BoardFacts, facts: BoardFacts) -> bool:
        settled = abs(facts.current_a - last.current_a) <= _STEADY_A
        changed = abs(facts.current_a - self._told_a) >= _SIGNIFICANT_A
        return settled and (changed or facts.energy_wh - self._told_wh >= _PROGRESS_WH)

    def _flow(self, facts: BoardFacts) -> str:
        charged_wh = facts.energy_wh - self._begin_wh
        return (
            f"car takes {facts.current_a:.1f} A, {facts.power_w / 1000:.2f} kW,"
            f" meter {_register(facts)} (+{charged_wh:.3f} Wh)"
        )


def _switched(last: BoardFacts, facts: BoardFacts) -> Iterator[str]:
    if facts.plugged is not last.plugged:
        yield "plug inserted" if facts.plugged else "plug pulled out"
    if facts.lock_engaged is not last.lock_engaged:
        yield "plug locked" if facts.lock_engaged else "plug unlocked"
    if (facts.pilot_state, facts.duty) != (last.pilot_state, last.duty):
        yield _pilot(facts)
    if facts.contactor_closed is not last.contactor_closed:
        yield _contactor(facts)
    if facts.faults != last.faults:
        yield f"faults: {', '.join(facts.faults) or 'none'}"


def _pilot(facts: BoardFacts) -> str:
    state = f"pilot {facts.pilot_state} ({_MEANINGS.get(facts.pilot_state, 'unknown')})"
    if facts.duty is None:
        return f"{state}, not driven"
    if 0 < facts.duty < 1:
        return f"{state}, duty {facts.duty * 100:.1f} % offers {facts.offered_a:.1f} A"
    return f"{state}, steady {'+' if facts.duty else '-'}12 V, no offer"


def _contactor(facts: BoardFacts) -> str:
    return "contactor closed" if facts.contactor_closed else "contactor open"


def _register(facts: BoardFacts) -> str:
    return f"{facts.energy_wh / 1000:.6f} kWh"
