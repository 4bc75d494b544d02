"""A value counts after a time and after two samples."""

from hal.guard.debounce import Debounced


def test_a_candidate_needs_its_time() -> None:
    value = Debounced.settled(1, 0.0).sample(2, 10.0, 0.1).sample(2, 10.09, 0.1)
    assert value.value == 1
    assert value.pending
    assert value.sample(2, 10.11, 0.1).value == 2


def test_a_candidate_needs_two_samples_even_without_a_time() -> None:
    value = Debounced.settled(1, 0.0).sample(2, 10.0, 0.0)
    assert value.value == 1
    assert value.sample(2, 10.0, 0.0).value == 2


def test_another_candidate_starts_anew() -> None:
    value = Debounced.settled(1, 0.0).sample(2, 10.0, 0.1).sample(3, 10.1, 0.1)
    assert value.sample(3, 10.15, 0.1).value == 1


def test_the_old_value_drops_the_candidate() -> None:
    value = Debounced.settled(1, 0.0).sample(2, 10.0, 0.1).sample(1, 10.05, 0.1)
    assert not value.pending
    assert value.sample(1, 11.0, 0.1) is value
