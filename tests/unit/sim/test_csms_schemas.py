from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.csms_model import Rule, Version, format_timestamp, parse_timestamp
from agent.sim.csms_schemas import Kind, SchemaBreach, check, is_known, is_strict_timestamp

EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001 - hypothesis wants it without a zone


@pytest.mark.parametrize("version", list(Version))
def test_every_version_has_its_schemas(version: Version) -> None:
    check(version, "Heartbeat", Kind.REQUEST, {})
    assert is_known(version, "DataTransfer")
    assert is_known(version, "TransactionEvent") == (version is not Version.V16)
    assert is_known(version, "NotifyPeriodicEventStream") == (version is Version.V21)


@pytest.mark.parametrize("action", ["", "../Heartbeat", "HeartbeatResponse/", "Ä", "a b"])
def test_an_action_that_is_no_name_is_unknown(action: str) -> None:
    assert not is_known(Version.V201, action)


def test_a_breach_tells_the_keyword_and_keeps_time_stamps_apart() -> None:
    payload = {"type": "x", "timestamp": "2026-01-01 10:00:00Z"}
    with pytest.raises(SchemaBreach) as caught:
        check(Version.V201, "SecurityEventNotification", Kind.REQUEST, payload)
    assert caught.value.rule is Rule.TIMESTAMP
    with pytest.raises(SchemaBreach, match="must contain") as caught:
        check(Version.V201, "SecurityEventNotification", Kind.REQUEST, {"type": "x"})
    assert (caught.value.rule, caught.value.keyword) == (Rule.SCHEMA, "required")


def test_checking_leaves_the_payload_alone() -> None:
    payload: dict[str, object] = {"csr": "x"}
    check(Version.V21, "SignCertificate", Kind.REQUEST, payload)
    assert payload == {"csr": "x"}


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        ("2026-01-01T10:00:00Z", True),
        ("2026-01-01T10:00:00.1Z", True),
        ("2026-01-01T10:00:00.123Z", True),
        ("2026-01-01T10:00:00.1234Z", False),
        ("2026-01-01T10:00:00", False),
        ("2026-01-01T10:00:00+00:00", False),
        ("2026-01-01 10:00:00Z", False),
        ("2026-02-30T10:00:00Z", False),
        ("2026-01-01T10:00:00Z\n", False),
        ("٢٠٢٦-01-01T10:00:00Z", False),
    ],
)
def test_only_utc_time_stamps_with_at_most_three_decimals_are_strict(
    text: str, strict: bool
) -> None:
    assert is_strict_timestamp(text) is strict


@given(st.datetimes(timezones=st.timezones(), min_value=EARLIEST))
def test_what_is_written_is_strict_and_reads_back_to_the_millisecond(moment: datetime) -> None:
    text = format_timestamp(moment)
    again = parse_timestamp(text)
    assert is_strict_timestamp(text)
    assert again is not None
    assert 0 <= (moment - again).total_seconds() < 0.001
