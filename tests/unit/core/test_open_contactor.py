"""Energy behind an open contactor: what is evidence of a weld, and what is not."""

from decimal import Decimal

from agent.core.open_contactor import CLOSED, OpenContactor, watched

RATED_W = 22_080


def watch(seen: OpenContactor, *steps_wh: float, start_s: float = 0.0) -> OpenContactor:
    """Read once a second; each reading is so much more than the one before."""
    register_wh = Decimal(1000) if seen.register_wh is None else seen.register_wh
    for second, step_wh in enumerate(steps_wh):
        register_wh += Decimal(str(step_wh))
        seen = watched(seen, register_wh, start_s + second, RATED_W)
    return seen


RESTING = watch(CLOSED, *([0] * 20))


def test_energy_that_goes_on_flowing_shows_a_weld() -> None:
    assert not watch(RESTING, *([3] * 6), start_s=20).leaks
    assert watch(RESTING, *([3] * 8), start_s=20).leaks


def test_a_register_in_coarse_steps_shows_it_too() -> None:
    assert watch(RESTING, *([0, 0, 0, 10] * 4), start_s=20).leaks


def test_what_the_meter_counts_late_is_no_evidence() -> None:
    assert not watch(CLOSED, *([5] * 14), *([0] * 30)).leaks


def test_a_register_that_is_turned_or_exchanged_is_no_evidence() -> None:
    assert not watch(RESTING, 5000, 5000, 5000, 5000, -7000, -1, start_s=20).leaks


def test_a_trickle_over_a_day_is_no_evidence() -> None:
    seen = RESTING
    for hour in range(1, 25):
        seen = watched(seen, Decimal(1000 + 10 * hour), 20.0 + 3600 * hour, RATED_W)
    assert not seen.leaks


def test_the_fault_is_forgotten_when_nothing_flows_any_more() -> None:
    leaking = watch(RESTING, *([3] * 10), start_s=20)
    assert leaking.leaks
    assert watch(leaking, *([0] * 50), start_s=30).leaks
    assert not watch(leaking, *([0] * 70), start_s=30).leaks
