import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.quantiles import median, quantile, resolves

samples = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200)


def test_a_quantile_is_the_sample_of_its_rank() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert quantile(hundred, 0.5) == 50
    assert quantile(hundred, 0.99) == 99
    assert quantile(hundred, 0.999) == 100
    assert quantile(hundred, 1.0) == 100
    assert quantile(hundred, 0.0) == 1


def test_a_fraction_that_is_no_binary_number_hits_its_rank() -> None:
    thousand = [float(number) for number in range(1, 1001)]
    assert quantile(thousand, 0.999) == 999
    assert quantile(thousand, 0.29) == 290


def test_the_order_of_samples_does_not_matter() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0


@given(samples, st.floats(0.0, 1.0))
def test_a_quantile_was_measured_and_bounds_its_share(found: list[float], fraction: float) -> None:
    value = quantile(found, fraction)
    assert value in found
    assert sum(sample <= value for sample in found) >= fraction * len(found) - 1e-6


@given(samples, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_fraction_gives_no_lower_quantile(
    found: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert quantile(found, low) <= quantile(found, high)


@pytest.mark.parametrize(("count", "enough"), [(100, False), (999, False), (1000, True)])
def test_a_tail_needs_enough_samples(count: int, enough: bool) -> None:
    assert resolves([1.0] * count, 0.999) is enough


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


def test_a_fraction_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="99"):
        quantile([1.0], 99)
