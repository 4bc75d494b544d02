import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.network_profiles import SLOTS, NetworkProfile, SetNetworkProfile
from agent.core.network_rules import (
    at_security_profile,
    is_permitted_change,
    refusal_of,
    without_lower,
)


def profile(level: int = 2, **values: object) -> NetworkProfile:
    return NetworkProfile(url="wss://csms.example/ocpp", security_profile=level, **values)  # type: ignore[arg-type]


def code(
    command: SetNetworkProfile, active: int = 2, *, downgrade_allowed: bool = False
) -> str | None:
    refusal = refusal_of(command, active, downgrade_allowed=downgrade_allowed)
    return None if refusal is None else refusal.reason_code


@pytest.mark.requirement("A00.FR.005", "A05.FR.08", "A05.FR.09", "A05.FR.10", "B09.FR.31")
@given(st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_the_only_way_down_is_from_3_to_2_and_only_where_it_is_allowed(
    active: int, wanted: int, allowed: bool
) -> None:
    permitted = is_permitted_change(active, wanted, downgrade_allowed=allowed)
    assert permitted is (wanted >= active or (allowed and (active, wanted) == (3, 2)))


@pytest.mark.requirement("B09.FR.01", "B09.FR.06")
def test_a_valid_profile_may_go_into_any_slot() -> None:
    assert len(SLOTS) >= 2
    assert {code(SetNetworkProfile(slot, profile())) for slot in SLOTS} == {None}


@pytest.mark.requirement("B09.FR.05")
@pytest.mark.parametrize("slot", [-1, 3, 2**31])
def test_a_slot_that_there_is_not_is_refused(slot: int) -> None:
    assert code(SetNetworkProfile(slot, profile())) == "InvalidConfSlot"


@pytest.mark.requirement("B09.FR.04", "B09.FR.31", "A00.FR.005")
@pytest.mark.parametrize(
    ("active", "wanted", "allowed", "expected"),
    [
        (2, 1, False, "NoSecurityDowngrade"),
        (2, 1, True, "NoSecurityDowngrade"),
        (3, 1, True, "NoSecurityDowngrade"),
        (3, 2, False, "NoSecurityDowngrade"),
        (3, 2, True, None),
        (1, 0, True, "NoSecurityDowngrade"),
        (1, 3, False, None),
    ],
)
def test_a_profile_that_lowers_security_is_refused(
    active: int, wanted: int, allowed: bool, expected: str | None
) -> None:
    command = SetNetworkProfile(1, profile(wanted))
    assert code(command, active, downgrade_allowed=allowed) == expected


@pytest.mark.requirement("B09.FR.02")
@pytest.mark.parametrize(
    "values",
    [
        {"level": 4},
        {"level": -1},
        {"message_timeout_s": 0},
        {"message_timeout_s": -30},
        {"message_timeout_s": 601},
        {"identity": ""},
        {"identity": "x" * 49},
        {"password": "x" * 15},
        {"password": "x" * 65},
        {"password": "0123456789abcde\n"},
    ],
)
def test_contents_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    command = SetNetworkProfile(1, profile(**values))  # type: ignore[arg-type]
    assert code(command) == "InvalidNetworkConf"


@pytest.mark.requirement("B09.FR.02")
def test_what_the_station_cannot_do_is_refused_with_the_reason() -> None:
    refusal = refusal_of(SetNetworkProfile(1, profile(), "no VPN"), 2, downgrade_allowed=False)
    assert refusal is not None
    assert (refusal.reason_code, refusal.info) == ("InvalidNetworkConf", "no VPN")


@pytest.mark.requirement("A05.FR.06")
def test_slots_below_the_profile_that_was_reached_are_forgotten() -> None:
    slots = {0: profile(1), 1: profile(2), 2: profile(3)}
    assert set(without_lower(slots, 2)) == {1, 2}


def test_a_password_stays_out_of_the_representation() -> None:
    assert "0123456789abcdef" not in repr(profile(password="0123456789abcdef"))


@pytest.mark.requirement("A05.FR.07 (1.6)")
@pytest.mark.parametrize(
    ("before", "level", "secure_url", "url"),
    [
        ((0, "ws://csms:80/a/b"), 1, None, "ws://csms:80/a/b"),
        ((1, "ws://csms:80/a/b"), 2, None, "wss://csms:80/a/b"),
        ((1, "ws://csms:80/a/b"), 2, "wss://other/c", "wss://other/c"),
        ((2, "wss://csms/a"), 3, "wss://other/c", "wss://csms/a"),
        ((3, "wss://csms/a"), 2, None, "wss://csms/a"),
        ((3, "wss://csms/a"), 3, "wss://other/c", "wss://csms/a"),
    ],
)
def test_another_security_profile_changes_the_scheme_and_at_most_the_address(
    before: tuple[int, str], level: int, secure_url: str | None, url: str
) -> None:
    old = NetworkProfile(url=before[1], security_profile=before[0], message_timeout_s=20)
    new = at_security_profile(old, level, secure_url)
    assert (new.url, new.security_profile, new.message_timeout_s) == (url, level, 20)
