import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.documents import UnreadableDocument, read, written
from agent.core.metering import Reading
from agent.core.session_state import (
    Authorization,
    Cause,
    Deadlines,
    SessionState,
    Transaction,
)
from agent.core.smart_charging.profiles import InstalledProfile
from agent.core.vocabulary import (
    AuthorizedBy,
    ChargingState,
    StoppedReason,
    TriggerReason,
)
from tests.unit.core.basic_strategies import decimals, instants, numbers, optional
from tests.unit.core.charging_strategies import installed_profiles
from tests.unit.core.event_strategies import meter_values, snapshots, tokens


class Colour(StrEnum):
    RED = "Red"


@dataclass(frozen=True, slots=True)
class Inner:
    amount: Decimal
    name: str = "x"

    def __post_init__(self) -> None:
        if self.name == "forbidden":
            raise ValueError("this name is forbidden")


@dataclass(frozen=True, slots=True)
class Outer:
    at: datetime
    colour: Colour
    flag: bool
    count: int
    share: float
    words: frozenset[str] = frozenset()
    inner: tuple[Inner, ...] = ()
    maybe: Inner | None = None


OUTER = Outer(datetime(2025, 5, 17, 6, 30, 1, 250, tzinfo=UTC), Colour.RED, True, 3, 0.5)
DOCUMENT = {
    "at": "2025-05-17T06:30:01.000250+00:00",
    "colour": "Red",
    "flag": True,
    "count": 3,
    "share": 0.5,
    "words": [],
    "inner": [],
}


def kept(record: Any) -> Any:
    return json.loads(json.dumps(written(record), allow_nan=False))


def test_a_document_is_plain_and_leaves_absent_values_out() -> None:
    assert written(OUTER) == DOCUMENT
    assert read(Outer, DOCUMENT) == OUTER


def test_everything_comes_back_as_it_was() -> None:
    full = replace(
        OUTER,
        words=frozenset({"b", "a"}),
        inner=(Inner(Decimal("1.50")), Inner(Decimal("NaN"), "y")),
        maybe=Inner(Decimal("-0")),
    )

    back = read(Outer, kept(full))

    assert str(back) == str(replace(full, words=back.words))
    assert back.words == full.words
    assert kept(full)["words"] == ["a", "b"]
    assert str(back.inner[0].amount) == "1.50"


def test_a_whole_number_where_a_fraction_may_stand_is_kept_as_one() -> None:
    whole = replace(OUTER, share=2)

    assert kept(whole)["share"] == 2.0
    assert read(Outer, kept(whole)) == whole


def test_an_instant_keeps_its_zone_and_needs_one() -> None:
    local = replace(OUTER, at=OUTER.at.astimezone(timezone(timedelta(hours=-3))))
    assert read(Outer, kept(local)).at.utcoffset() == timedelta(hours=-3)

    with pytest.raises(ValueError, match="time zone"):
        written(replace(OUTER, at=OUTER.at.replace(tzinfo=None)))


def test_an_instant_in_a_zone_with_a_fractional_offset_stays_that_instant() -> None:
    odd = replace(OUTER, at=OUTER.at.astimezone(timezone(timedelta(microseconds=1))))

    assert read(Outer, kept(odd)).at == odd.at


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        ({"at": None}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2025-05-17T06:30:01"}, "at"),
        ({"colour": "Blue"}, "colour"),
        ({"colour": 1}, "colour"),
        ({"flag": 1}, "flag"),
        ({"count": True}, "count"),
        ({"count": 3.0}, "count"),
        ({"share": 1}, "share"),
        ({"words": {}}, "words"),
        ({"words": ["a", 1]}, "words[1]"),
        (
            {"inner": [{"amount": "1", "name": "x"}, {"amount": "?", "name": "x"}]},
            "inner[1].amount",
        ),
        ({"inner": ["?"]}, "inner[0]"),
        ({"maybe": {"amount": "1"}}, "maybe.name"),
        ({"maybe": {"amount": "1", "name": "forbidden"}}, "maybe"),
    ],
)
def test_damage_is_named_by_its_place(damage: dict[str, Any], field: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read(Outer, {**DOCUMENT, **damage})

    assert caught.value.field == field
    assert str(caught.value) == f"{field}: {caught.value.reason}"


def test_what_a_newer_version_has_added_is_passed_over() -> None:
    newer = {**DOCUMENT, "extra": {"of": "tomorrow"}, "maybe": {"amount": "1", "name": "x", "y": 2}}
    assert read(Outer, newer) == replace(OUTER, maybe=Inner(Decimal(1)))


@pytest.mark.parametrize("name", DOCUMENT)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(UnreadableDocument, match=f"^{name}: missing$"):
        read(Outer, {n: v for n, v in DOCUMENT.items() if n != name})


@pytest.mark.parametrize("document", [None, [], "x", 1])
def test_what_is_no_object_is_unreadable(document: object) -> None:
    with pytest.raises(UnreadableDocument, match="not an object"):
        read(Outer, document)


# --- What the station keeps.

causes = st.builds(
    Cause,
    trigger=st.sampled_from(TriggerReason),
    stopped_reason=st.sampled_from(StoppedReason),
    token=optional(tokens),
)
authorizations = st.builds(
    Authorization,
    token=tokens,
    by=st.sampled_from(AuthorizedBy),
    group=optional(tokens),
    remote_start_id=optional(st.integers()),
)
seconds = st.floats(0, 1e9)
transactions = st.builds(
    Transaction,
    id=st.uuids().map(str),
    started_at=instants,
    register_at_start_wh=decimals,
    next_seq_no=numbers,
    holder=optional(authorizations),
    told_token=st.booleans(),
    told_evse=st.booleans(),
    told_remote_start=st.booleans(),
    told_state=optional(st.sampled_from(ChargingState)),
    told_at=optional(instants),
    told_register_wh=optional(decimals),
    charging_since_s=optional(seconds),
    charged_s=seconds,
    stopped_reason=optional(st.sampled_from(StoppedReason)),
    ending=optional(causes),
    energy_until_wh=optional(decimals),
    energy_cut=st.booleans(),
    begin=optional(meter_values),
    series=st.lists(meter_values, max_size=2).map(tuple),
)
readings = st.builds(
    Reading,
    register_wh=decimals,
    power_w=decimals,
    voltage_v=st.lists(decimals, max_size=3).map(tuple),
    current_a=st.lists(decimals, max_size=3).map(tuple),
    frequency_hz=optional(decimals),
    fresh=st.booleans(),
)
states = st.builds(
    SessionState,
    evse=numbers,
    snapshot=snapshots,
    authorization=optional(authorizations),
    pending=optional(authorizations),
    transaction=optional(transactions),
    limit_a=decimals,
    rest=optional(readings),
    connection=numbers,
    cable_max_a=optional(numbers),
    deadlines=st.builds(
        Deadlines,
        connect_s=optional(seconds),
        sample_s=optional(seconds),
        ended_sample_s=optional(seconds),
        ending_s=optional(seconds),
    ),
)


@pytest.mark.requirement("E17.FR.01", "K01.FR.27", "S16-SC-10")
@given(states | installed_profiles)
def test_sessions_and_profiles_come_back_as_they_were(
    record: SessionState | InstalledProfile,
) -> None:
    assert read(type(record), kept(record)) == record


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_a_foreign_document_is_unreadable_and_nothing_worse(document: object) -> None:
    with pytest.raises(UnreadableDocument):
        read(SessionState, document)
