import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.retry_back_off import LEAST_WAIT_S, RetryBackOff


def test_the_wait_doubles_as_often_as_configured_and_then_stays() -> None:
    back_off = RetryBackOff(wait_minimum_s=10, repeat_times=3, random_range_s=0)
    assert [back_off.wait_s(failures, 0.5) for failures in range(6)] == [10, 20, 40, 80, 80, 80]


def test_without_doubling_the_wait_is_always_the_minimum() -> None:
    back_off = RetryBackOff(wait_minimum_s=10, repeat_times=0, random_range_s=0)
    assert {back_off.wait_s(failures, 0.0) for failures in range(100)} == {10}


def test_each_wait_has_its_own_random_part() -> None:
    back_off = RetryBackOff(wait_minimum_s=10, repeat_times=2, random_range_s=6)
    assert back_off.wait_s(1, 0.0) == 20
    assert back_off.wait_s(1, 0.5) == 23
    assert back_off.wait_s(9, 0.25) == 41.5


def test_no_reconnect_comes_within_a_second_and_jitter_comes_on_top() -> None:
    assert RetryBackOff(0, 0, 0).wait_s(0, 0.0) == LEAST_WAIT_S == 1.0
    assert RetryBackOff(0, 5, 3).wait_s(9, 0.5) == 2.5


@pytest.mark.requirement("B10.FR.09")
def test_absurd_settings_do_not_end_the_attempts() -> None:
    assert RetryBackOff(1, 10**9, 0).wait_s(10**9, 1.0) == 3600
    assert RetryBackOff(7200, 10**9, 0).wait_s(10**9, 1.0) == 7200


@pytest.mark.parametrize("settings", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_negative_settings_are_refused(settings: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        RetryBackOff(*settings)


@settings(deadline=None)
@given(
    st.floats(0, 1e6),
    st.integers(0, 10**6),
    st.floats(0, 1e6),
    st.integers(0, 10**6),
    st.floats(0, 1),
)
def test_a_wait_is_finite_and_never_shorter_than_before_the_last_failure(
    minimum_s: float, repeat_times: int, range_s: float, failures: int, random_part: float
) -> None:
    back_off = RetryBackOff(minimum_s, repeat_times, range_s)
    wait_s = back_off.wait_s(failures, random_part)
    assert max(1.0, minimum_s) <= wait_s <= max(3600.0, minimum_s) + range_s
    assert back_off.wait_s(failures + 1, random_part) >= wait_s
