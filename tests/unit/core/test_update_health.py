"""When software on trial is kept, and when it is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.update_health import Health, Observation, Trial, TrialPolicy, judged

POLICY = TrialPolicy(settle_s=10, without_csms_s=600, health_timeout_s=300)
OFFLINE = Observation(guard_answers=True)
ONLINE = Observation(guard_answers=True, csms_reached=True)


def after(*looks: tuple[float, Observation]) -> Health:
    """Look at a station at some times since the trial began; return the last verdict."""
    trial, verdict = Trial(began_at_s=0), Health.UNDECIDED
    for at_s, seen in looks:
        trial = trial.after(seen, at_s)
        verdict = judged(trial, seen, at_s, POLICY)
    return verdict


def test_a_station_that_reaches_its_csms_is_healthy_after_a_moment() -> None:
    assert after((0, ONLINE)) is Health.UNDECIDED
    assert after((0, ONLINE), (9.9, ONLINE)) is Health.UNDECIDED
    assert after((0, ONLINE), (10, ONLINE)) is Health.HEALTHY


def test_a_site_that_is_offline_keeps_good_software_after_a_while() -> None:
    assert after((0, OFFLINE), (599, OFFLINE)) is Health.UNDECIDED
    assert after((0, OFFLINE), (600, OFFLINE)) is Health.HEALTHY


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (Observation(guard_answers=False, csms_reached=True), "the guard does not answer"),
        (
            Observation(guard_answers=True, new_faults=frozenset({"lines_lost"})),
            "new faults: lines_lost",
        ),
        (Observation(guard_answers=True, storage_works=False), "the storage does not work"),
    ],
)
def test_what_is_wrong_on_site_must_be_right_in_time(seen: Observation, complaint: str) -> None:
    assert seen.complaint == complaint
    assert after((0, seen), (299, seen)) is Health.UNDECIDED
    assert after((0, seen), (300, seen)) is Health.UNHEALTHY
    assert after((0, seen), (299, ONLINE), (309, ONLINE)) is Health.HEALTHY


def test_a_station_that_is_now_right_and_now_wrong_is_not_good_enough() -> None:
    wrong = Observation(guard_answers=False)
    looks = [(at_s, OFFLINE if at_s % 200 else wrong) for at_s in range(0, 1700, 100)]
    assert after(*looks) is Health.UNHEALTHY


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50),
            st.builds(
                Observation,
                guard_answers=st.booleans(),
                storage_works=st.booleans(),
                csms_reached=st.booleans(),
            ),
        ),
        max_size=60,
    )
)
def test_whatever_is_seen_only_a_station_that_works_is_healthy(
    looks: list[tuple[float, Observation]],
) -> None:
    trial, now_s = Trial(began_at_s=0), 0.0
    for passed_s, seen in looks:
        now_s += passed_s
        trial = trial.after(seen, now_s)
        verdict = judged(trial, seen, now_s, POLICY)
        assert (verdict is Health.HEALTHY) <= (seen.complaint == "")
        assert (verdict is Health.UNHEALTHY) <= (seen.complaint != "")
