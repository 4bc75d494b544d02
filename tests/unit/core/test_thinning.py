from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.thinning import every_other_of_the_densest


@pytest.mark.requirement("E04.FR.08", "E06.FR.13", "E11.FR.05", "E12.FR.05")
def test_of_an_even_series_every_second_place_goes() -> None:
    assert every_other_of_the_densest(range(10)) == [1, 3, 5, 7]
    assert every_other_of_the_densest(range(0, 90, 10)) == [1, 3, 5, 7]


def test_first_and_last_stay() -> None:
    for length in range(3):
        assert every_other_of_the_densest(range(length)) == []
    assert every_other_of_the_densest([0, 1, 2]) == [1]


def test_the_dense_part_goes_first() -> None:
    assert every_other_of_the_densest([0, 4, 8, 12, 13, 14, 15, 16]) == [4, 6]


def test_values_of_one_instant_are_the_densest() -> None:
    assert every_other_of_the_densest([0, 1, 1, 2, 3]) == [2]


def test_where_the_densest_part_is_too_small_others_follow() -> None:
    positions = [0, 2, 4, 6, 8, 10, 12, 13, 14]
    assert every_other_of_the_densest(positions) == [7]
    assert len(every_other_of_the_densest(positions, at_least=3)) >= 3


@pytest.mark.requirement("E06.FR.13")
@given(st.lists(st.integers(0, 1000), min_size=3), st.integers(1, 10))
def test_never_two_in_a_row_and_never_an_edge(positions: list[int], at_least: int) -> None:
    doomed = every_other_of_the_densest(positions, at_least)

    assert doomed
    assert doomed[0] > 0
    assert doomed[-1] < len(positions) - 1
    assert all(later - earlier > 1 for earlier, later in pairwise(doomed))


@pytest.mark.requirement("E04.FR.08", "E06.FR.13")
@given(st.integers(10, 60), st.integers(1, 400))
def test_a_series_that_grows_for_long_stays_evenly_spread(most: int, length: int) -> None:
    kept: list[int] = []
    for number in range(length):
        kept.append(number)
        while len(kept) > most:
            doomed = set(every_other_of_the_densest(kept))
            kept = [one for place, one in enumerate(kept) if place not in doomed]

    assert kept[-1] == length - 1
    assert kept[0] == 0
    gaps = [later - earlier for earlier, later in pairwise(kept)]
    assert max(gaps, default=1) <= 4 * max(1, length / most)
