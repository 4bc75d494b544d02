"""The pagination counter: durable before use, no gap, no repetition."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.metering.pagination import DurablePagination, PaginationError
from tests.unit.metering.records import RememberedNumber


class FullDisk:
    full = True

    def load(self) -> int:
        return 0

    def save(self, number: int) -> None:
        if self.full:
            raise OSError("no space left on device")


def test_the_first_record_has_number_one() -> None:
    assert DurablePagination(RememberedNumber()).next() == 1


def test_a_number_is_saved_before_it_is_given_out() -> None:
    storage = RememberedNumber()
    number = DurablePagination(storage).next()
    assert storage.saved == [number]


def test_a_restart_goes_on_without_gap_or_repetition() -> None:
    storage = RememberedNumber()
    numbers = [DurablePagination(storage).next() for _ in range(20)]
    assert numbers == list(range(1, 21))


def test_a_number_that_could_not_be_saved_is_given_out_once_saving_works() -> None:
    storage = FullDisk()
    counter = DurablePagination(storage)
    with pytest.raises(OSError, match="no space"):
        counter.next()
    storage.full = False
    assert counter.next() == 1


def test_a_damaged_counter_stops_the_signing() -> None:
    with pytest.raises(PaginationError, match="backup"):
        DurablePagination(RememberedNumber(last=-1))


def test_threads_never_get_the_same_number() -> None:
    counter = DurablePagination(RememberedNumber())
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: counter.next(), range(400)))
    assert sorted(numbers) == list(range(1, 401))
