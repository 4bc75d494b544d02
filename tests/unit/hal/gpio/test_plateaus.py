"""How many samples a duty needs, and what samples say; figures as computed for random samples."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import PilotSample
from hal.gpio import plateaus
from hal.gpio.plateaus import MOST_SAMPLES, STEADY_SAMPLES, miss_probability, samples_needed, split


@pytest.mark.parametrize(
    ("duty", "plateau", "samples", "probability"),
    [
        (0.05, 0, 25, 0.47),
        (0.05, 0, 100, 0.048),
        (0.05, 0, 400, 5e-6),
        (0.10, 0, 100, 2.4e-4),
        (0.96, 1, 100, 0.13),
        (0.96, 1, 400, 3e-4),
    ],
)
def test_the_chance_to_miss_a_plateau(
    duty: float, plateau: int, samples: int, probability: float
) -> None:
    share = plateaus.shares(duty)[plateau]
    assert miss_probability(share, samples) == pytest.approx(probability, rel=0.05)


@pytest.mark.parametrize("duty", [0.05, 0.10, 16 / 60, 0.5, 0.85, 0.96])
def test_just_enough_samples_are_asked_for(duty: float) -> None:
    needed = samples_needed(duty, 1e-5)
    share = min(plateaus.shares(duty))
    assert miss_probability(share, needed, hits=2) <= 1e-5
    assert miss_probability(share, needed - 1, hits=2) > 1e-5


def test_a_steady_level_needs_few_samples() -> None:
    assert samples_needed(0.0) == samples_needed(1.0) == STEADY_SAMPLES


def test_more_samples_are_needed_for_less_risk_and_for_longer_edges() -> None:
    assert samples_needed(0.1, 1e-9) > samples_needed(0.1, 1e-5)
    assert samples_needed(0.1, 1e-5, 60.0) > samples_needed(0.1, 1e-5, 20.0)


def test_a_plateau_that_never_settles_is_not_asked_for_without_end() -> None:
    assert samples_needed(0.01) == MOST_SAMPLES


def test_one_sample_is_no_plateau() -> None:
    assert split([]) is None
    assert split([6.0]) is None
    assert split([6.0, -12.0]) is None


def test_a_steady_level_has_two_equal_plateaus() -> None:
    assert split([8.9, 9.0, 9.1]) == PilotSample(9.0, 9.0)


def test_edges_between_the_plateaus_belong_to_none() -> None:
    samples = [6.0, 6.1, 5.9, 3.0, -2.0, -7.5, -12.0, -11.9, -12.1]
    assert split(samples) == PilotSample(6.0, -12.0)


def test_a_lone_spike_beyond_a_plateau_is_discarded() -> None:
    assert split([9.0, 6.0, 6.1, -12.0, -12.1, -14.5]) == PilotSample(6.05, -12.05)


@given(
    duty=st.floats(0.08, 0.97),
    high=st.sampled_from([12.0, 9.0, 6.0, 3.0]),
    low=st.sampled_from([-12.0, -9.0, -6.0]),
    seed=st.integers(0, 2**32),
)
def test_random_samples_of_a_noisy_pilot_show_its_plateaus(
    duty: float, high: float, low: float, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 -- a test's dice
    needed = samples_needed(duty, 1e-9)
    samples = [_level(dice.random(), duty, high, low) + dice.gauss(0, 0.05) for _ in range(needed)]
    found = split(samples)
    assert found is not None
    assert found.high_v == pytest.approx(high, abs=0.4)
    assert found.low_v == pytest.approx(low, abs=0.4)


def _level(phase: float, duty: float, high: float, low: float) -> float:
    """The pilot at a phase of its period, with edges of 10 us."""
    edge = 0.01
    if phase < edge:
        return low + (high - low) * phase / edge
    if phase < duty:
        return high
    return max(low, high - (high - low) * (phase - duty) / edge)


def test_proof_needs_hits_on_both_plateaus() -> None:
    samples = [6.0, 6.0, 6.0, -12.0, -12.0]
    assert not plateaus.both_proven(samples, split(samples), 3)
    samples.append(-12.0)
    assert plateaus.both_proven(samples, split(samples), 3)
    assert not plateaus.both_proven([0.0] * 50, split([0.0] * 50), 3)
