from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.certificate_signing import (
    Phase,
    Signing,
    answered,
    invalid_came,
    renewal_is_due,
    unanswered,
    wait_s,
)
from agent.core.certificates import CertificateUse

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WISH = Signing(use=CertificateUse.CHARGING_STATION, request_id=1, key="k")


@pytest.mark.requirement("A02.FR.17", "A02.FR.18", "A02.FR.19", "A03.FR.17", "A03.FR.18")
@given(repeat_times=st.integers(0, 30), minimum_s=st.integers(1, 86_400))
def test_the_wait_doubles_at_each_repetition_until_all_are_used(
    repeat_times: int, minimum_s: int
) -> None:
    signing, waits = answered(WISH, accepted=True), []
    while signing.phase is not Phase.EXHAUSTED:
        waits.append(wait_s(signing, minimum_s))
        signing = unanswered(signing, repeat_times)
        if signing.phase is Phase.ASKING:
            signing = answered(signing, accepted=True)
    assert waits == [minimum_s * 2**turn for turn in range(repeat_times + 1)]
    assert signing.key == WISH.key
    assert signing.request_id == WISH.request_id


@pytest.mark.requirement("A02.FR.19", "A03.FR.19")
def test_a_late_certificate_is_welcome_after_the_last_repetition() -> None:
    assert unanswered(answered(WISH, accepted=True), 0).is_outstanding


def test_a_refused_or_invalid_end_awaits_nothing() -> None:
    assert not answered(WISH, accepted=False).is_outstanding
    assert not invalid_came(answered(WISH, accepted=True)).is_outstanding


@pytest.mark.requirement("A03.FR.02")
def test_renewal_is_due_one_month_before_the_end() -> None:
    end = NOW + timedelta(days=30)
    assert renewal_is_due(end, NOW, None, refused_lately=False)
    assert renewal_is_due(NOW - timedelta(days=1), NOW, None, refused_lately=False)
    assert not renewal_is_due(end + timedelta(seconds=1), NOW, None, refused_lately=False)
    assert not renewal_is_due(None, NOW, None, refused_lately=False)


@pytest.mark.requirement("A03.FR.19", "A02.FR.20")
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("lately", [False, True])
def test_only_a_refused_request_is_made_again_unasked_and_not_at_once(
    phase: Phase, lately: bool
) -> None:
    due = renewal_is_due(NOW, NOW, phase, refused_lately=lately)
    assert due == (phase is Phase.REFUSED and not lately)
