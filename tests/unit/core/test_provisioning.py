import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.facts import Registered
from agent.core.provisioning import (
    LONGEST_OWN_RETRY_S,
    LONGEST_RETRY_S,
    LONGEST_SILENCE_S,
    OWN_RETRY_S,
    Registration,
    heartbeat_wait_s,
    registered,
    unanswered_retry_s,
)
from agent.core.vocabulary import RegistrationStatus

PENDING, REJECTED = RegistrationStatus.PENDING, RegistrationStatus.REJECTED
EACH_STATUS = [None, *RegistrationStatus]


@pytest.mark.requirement("B01.FR.08", "B02.FR.02", "B03.FR.02", "S16-BOOT-02", "S16-BOOT-10")
@pytest.mark.parametrize(
    ("status", "spontaneous", "asked_for"),
    [
        (None, False, False),
        (RegistrationStatus.ACCEPTED, True, True),
        (PENDING, False, True),
        (REJECTED, False, False),
    ],
)
def test_who_may_speak_before_being_accepted(
    status: RegistrationStatus | None, *, spontaneous: bool, asked_for: bool
) -> None:
    registration = Registration(status)

    assert registration.may_originate(boot=False, asked_for=False) == spontaneous
    assert registration.may_originate(boot=False, asked_for=True) == asked_for
    assert registration.accepted == (status is RegistrationStatus.ACCEPTED)


@pytest.mark.requirement("B01.FR.03", "S16-BOOT-01")
@pytest.mark.parametrize("status", EACH_STATUS)
def test_a_boot_notification_may_always_be_sent(status: RegistrationStatus | None) -> None:
    assert Registration(status).may_originate(boot=True, asked_for=False)


@pytest.mark.requirement("B02.FR.08", "B03.FR.06", "S16-BOOT-05")
@pytest.mark.parametrize("status", [PENDING, REJECTED])
def test_the_csms_says_when_to_ask_again(status: RegistrationStatus) -> None:
    assert registered(Registered(status, None, 17)) == Registration(status, 17)


@pytest.mark.requirement("B02.FR.07", "B03.FR.05", "S16-BOOT-05")
@pytest.mark.parametrize("interval_s", [0, -1])
@pytest.mark.parametrize("status", [PENDING, REJECTED])
def test_without_an_interval_the_station_does_not_flood(
    status: RegistrationStatus, interval_s: int
) -> None:
    assert registered(Registered(status, None, interval_s)).retry_s == OWN_RETRY_S >= 30


@pytest.mark.parametrize("status", [PENDING, REJECTED])
def test_no_interval_keeps_the_station_away_for_longer_than_a_day(
    status: RegistrationStatus,
) -> None:
    assert registered(Registered(status, None, 2**31)).retry_s == LONGEST_RETRY_S == 86_400


def test_a_station_that_was_never_answered_asks_at_its_own_pace() -> None:
    assert Registration() == Registration(None, OWN_RETRY_S)
    assert not Registration().accepted


@pytest.mark.requirement("G02.FR.02", "G02.FR.05", "S16-HB-01")
def test_a_heartbeat_is_due_after_an_interval_of_silence() -> None:
    assert heartbeat_wait_s(300, 0, 1000) == 300
    assert heartbeat_wait_s(300, 299.5, 1000) == 0.5
    assert heartbeat_wait_s(300, 301, 301) == 0


@pytest.mark.requirement("G02.FR.07", "S16-CONN-18")
def test_traffic_does_not_put_the_daily_heartbeat_off() -> None:
    assert heartbeat_wait_s(300, 0, LONGEST_SILENCE_S - 10) == 10
    assert heartbeat_wait_s(300, 0, LONGEST_SILENCE_S + 10) == 0
    assert heartbeat_wait_s(200_000, 0, 0) == LONGEST_SILENCE_S


@pytest.mark.requirement("G02.FR.07")
@pytest.mark.parametrize("interval_s", [0, -300])
def test_an_interval_of_zero_does_not_flood(interval_s: int) -> None:
    assert heartbeat_wait_s(interval_s, 5000, 5000) == LONGEST_SILENCE_S - 5000
    assert heartbeat_wait_s(interval_s, 0, LONGEST_SILENCE_S + 1) == 0


@given(st.integers(1, 10**6), st.floats(0, 10**6), st.floats(0, 10**6))
def test_a_wait_is_never_negative_nor_longer_than_asked(
    interval_s: int, since_message_s: float, since_heartbeat_s: float
) -> None:
    wait_s = heartbeat_wait_s(interval_s, since_message_s, since_heartbeat_s)

    assert 0 <= wait_s <= min(interval_s, LONGEST_SILENCE_S)


@pytest.mark.requirement("B01.FR.08", "S16-BOOT-02")
def test_a_boot_without_verdict_is_tried_again_ever_more_rarely_up_to_a_bound() -> None:
    waits_s = [unanswered_retry_s(failures) for failures in range(1, 12)]

    assert waits_s[:4] == [OWN_RETRY_S, 2 * OWN_RETRY_S, 4 * OWN_RETRY_S, 8 * OWN_RETRY_S]
    assert set(waits_s[6:]) == {LONGEST_OWN_RETRY_S}
    assert unanswered_retry_s(10**9) == LONGEST_OWN_RETRY_S
