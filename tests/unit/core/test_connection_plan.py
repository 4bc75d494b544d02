from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.connection_plan import (
    Attempt,
    ConnectionPlan,
    PasswordTrial,
    plan_at_start,
)

priorities = st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True).map(tuple)
plans = st.builds(plan_at_start, priorities, st.integers(1, 5), st.none() | st.integers(0, 5))


def failing(plan: ConnectionPlan, times: int) -> list[Attempt]:
    """Return so many attempts that all fail."""
    made = []
    for _ in range(times):
        made.append(plan.attempt)
        plan = plan.after_failure()
    return made


@pytest.mark.requirement("B10.FR.04", "A05.FR.05")
@given(plans)
def test_the_first_entry_comes_first_after_a_reboot(plan: ConnectionPlan) -> None:
    assert plan.attempt == Attempt(plan.priority[0])


@pytest.mark.requirement("B10.FR.03")
@given(plans)
def test_each_entry_gets_its_attempts_in_order_of_priority(plan: ConnectionPlan) -> None:
    tries = failing(plan, len(plan.priority) * plan.attempts_per_slot)
    runs = [(slot, len(list(run))) for slot, run in groupby(a.slot for a in tries)]
    assert runs == [(slot, plan.attempts_per_slot) for slot in plan.priority]
    assert not any(attempt.fallback for attempt in tries)


@pytest.mark.requirement("B10.FR.07", "B10.FR.08", "B10.FR.09")
@given(plans, st.integers(1, 3))
def test_after_a_round_comes_what_worked_last_and_then_the_next_round(
    plan: ConnectionPlan, rounds: int
) -> None:
    once = len(plan.priority) * plan.attempts_per_slot
    back = 0 if plan.last_good is None else plan.attempts_per_slot
    tries = failing(plan, rounds * (once + back))
    for start in range(0, len(tries), once + back):
        fallback = tries[start + once : start + once + back]
        assert {(a.slot, a.fallback) for a in fallback} <= {(plan.last_good, True)}
        assert [a.slot for a in tries[start : start + once : plan.attempts_per_slot]] == list(
            plan.priority
        )


@pytest.mark.requirement("B10.FR.03")
@given(plans, st.integers(0, 40))
def test_a_connection_that_is_lost_is_sought_where_it_was_first(
    plan: ConnectionPlan, failures: int
) -> None:
    for _ in range(failures):
        plan = plan.after_failure()
    slot = plan.attempt.slot
    plan = plan.after_success()
    assert plan.attempt == Attempt(slot)
    assert plan.last_good == slot
    tries = failing(plan, plan.attempts_per_slot * len(plan.order))
    assert {a.slot for a in tries} == {slot, *plan.priority}


@pytest.mark.requirement("A02.FR.28", "A03.FR.24")
def test_client_certificates_alternate_from_round_to_round() -> None:
    plan = plan_at_start((1, 2), 1, 1)
    tries = failing(plan, 9)
    assert [a.slot for a in tries] == [1, 2, 1] * 3
    new_or_old = ["new" if a.turn % 2 == 0 else "old" for a in tries]
    assert new_or_old == [*("new", "new", "old"), *("old", "old", "new"), *("new", "new", "old")]


def test_a_plan_without_slots_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan_at_start((), 3, None)


# --- Passwords.


@pytest.mark.requirement("A01.FR.02")
def test_the_new_password_is_tried_first_and_the_old_one_when_it_is_refused() -> None:
    trial = PasswordTrial("new", "old")
    assert trial.candidate == "new"
    trial = trial.after_refusal()
    assert (trial.candidate, trial.other_is_due) == ("old", True)
    trial = trial.after_refusal()
    assert (trial.candidate, trial.other_is_due) == ("new", False)


@given(st.lists(st.booleans(), max_size=30))
def test_the_old_password_is_kept_until_the_new_one_has_worked(worked: list[bool]) -> None:
    trial = PasswordTrial("new", "old")
    for success in worked:
        proven_new = success and trial.candidate == "new"
        trial = trial.after_success() if success else trial.after_refusal()
        if proven_new:
            assert trial == PasswordTrial("new")
            return
        assert trial.old == "old"


def test_whichever_worked_last_is_sent_again() -> None:
    trial = PasswordTrial("new", "old").after_refusal().after_success()
    assert (trial.candidate, trial.other_is_due) == ("old", False)


def test_a_single_password_is_sent_whatever_happens() -> None:
    trial = PasswordTrial("only")
    assert trial.after_refusal() == trial
    assert trial.after_success() == trial


def test_passwords_stay_out_of_the_representation() -> None:
    assert "secret" not in repr(PasswordTrial("secret one", "secret two"))
