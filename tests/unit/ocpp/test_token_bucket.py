from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.token_bucket import TokenBucket


def test_a_burst_passes_at_once_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=3)
    assert [bucket.take(0.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0.0) == 0.02
    assert bucket.take(0.02) == 0.02
    assert bucket.take(10.0) == 0


def test_saving_up_ends_at_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=2)
    bucket.take(0.0)
    assert [bucket.take(1e6) for _ in range(3)] == [0, 0, 0.02]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_whoever_waits_as_told_never_exceeds_the_rate(pauses: list[float]) -> None:
    bucket = TokenBucket(rate_per_s=10, burst=5)
    now = 0.0
    for taken, pause in enumerate(pauses, start=1):
        now += bucket.take(now) + pause
        assert taken <= 5 + 10 * now + 1e-6
