"""Registers that jump, fall, wrap or are no numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.meter_plausibility import plausible, register_fault, step_fault

RATED_W = 22_080
BEFORE = Decimal("12340.5")


@pytest.mark.requirement("J02.FR.16")
@pytest.mark.parametrize(
    "register", ["NaN", "sNaN", "Infinity", "-Infinity", "-1", "-0.001", "1E+13"]
)
def test_what_is_no_register_is_named(register: str) -> None:
    assert register_fault(Decimal(register)) is not None


@pytest.mark.parametrize("register", ["0", "-0", "0.001", "4294967295", "1E+12"])
def test_what_is_a_register_has_no_fault(register: str) -> None:
    assert register_fault(Decimal(register)) is None


@pytest.mark.requirement("J02.FR.16")
@pytest.mark.parametrize(
    "after",
    [
        BEFORE - Decimal("0.001"),
        Decimal(0),
        BEFORE / 1000,
        BEFORE + 10_000_000,
        Decimal(4_294_967_295),
        Decimal(2**32) - BEFORE,
    ],
    ids=["backwards", "all zeros", "kWh for Wh", "+10 MWh", "not available", "wrapped"],
)
@pytest.mark.parametrize("elapsed_s", [0.0, 1.0, 900.0, None])
def test_a_register_neither_falls_nor_jumps(after: Decimal, elapsed_s: float | None) -> None:
    assert step_fault(BEFORE, after, elapsed_s, RATED_W) is not None


@given(
    st.decimals(0, 10**9, places=3),
    st.floats(0, 10**6),
    st.decimals(0, 1, places=3),
)
def test_what_can_have_flowed_is_believed(
    before_wh: Decimal, elapsed_s: float, share: Decimal
) -> None:
    flowed_wh = share * RATED_W * Decimal(elapsed_s) / 3600

    assert step_fault(before_wh, before_wh + flowed_wh, elapsed_s, RATED_W) is None


def test_a_clock_that_goes_backwards_gives_no_energy() -> None:
    assert step_fault(BEFORE, BEFORE + 60_000, -3600, RATED_W) is not None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], True),
        ([230.0, -5.0], True),
        ([float("nan")], False),
        ([1.0, float("inf")], False),
        ([1e30], False),
        ([-1e30], False),
    ],
)
def test_numbers_that_no_meter_can_measure_are_told_apart(values: list[float], told: bool) -> None:
    assert plausible(values, most=2_000) is told
