"""Current on another phase than the one that is connected."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from agent.core.astray import HOLD_S, NOTHING_ASTRAY, watched


def found(connected: int | None, *readings: tuple[float, Sequence[float]]) -> int | None:
    """Return on which phase current was found that cannot be there."""
    flow = NOTHING_ASTRAY
    for now_s, currents_a in readings:
        flow = watched(flow, now_s, connected, [Decimal(str(amps)) for amps in currents_a])
    return flow.phase if flow.found else None


@pytest.mark.parametrize(
    ("connected", "currents_a", "phase"),
    [
        (2, (0, 16, 0), None),
        (2, (16, 0, 0), 1),
        (2, (0, 0, 16), 3),
        (2, (16, 16, 0), 1),
        (1, (0, 16, 0), 2),
        (2, (0.9, 16, 0.9), None),
        (2, (1.0, 16, 0), 1),
        (2, (16,), None),
        (2, (), None),
        (None, (16, 16, 16), None),
    ],
)
def test_an_ampere_on_another_phase_is_found(
    connected: int | None, currents_a: Sequence[float], phase: int | None
) -> None:
    assert found(connected, (0.0, currents_a), (HOLD_S, currents_a)) == phase


def test_what_a_meter_tells_late_after_a_change_proves_nothing() -> None:
    late = (0, 16, 0)
    assert found(3, (0.0, late), (HOLD_S - 0.1, late)) is None
    assert found(3, (0.0, late), (HOLD_S - 1, (0, 0, 16)), (HOLD_S, late)) is None
