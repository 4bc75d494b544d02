"""Updates of the local list as judged by the core, and lists against a plain model."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.core.local_authorization_list import (
    ListChange,
    ListEntry,
    ListLimits,
    ListObjection,
    ListRefusal,
    ListUpdate,
    SendLocalList,
    info_at,
    judge_update,
    list_key,
)
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType

GOOD = IdTokenInfo(AuthorizationStatus.ACCEPTED)
LIMITS = ListLimits(entries=5, items_per_message=4, bytes_per_message=1000)


def entry(value: str, info: IdTokenInfo | None = GOOD) -> ListEntry:
    return ListEntry(IdToken(value), info)


def judged(
    *entries: ListEntry,
    update: ListUpdate = ListUpdate.FULL,
    version: int = 7,
    at: int = 3,
    present: tuple[str, ...] = (),
    size_bytes: int = 100,
) -> ListChange | ListRefusal:
    command = SendLocalList(version, update, entries, size_bytes)
    return judge_update(command, at, [list_key(IdToken(value)) for value in present], LIMITS)


def reason(found: ListChange | ListRefusal) -> tuple[ListObjection, str]:
    assert isinstance(found, ListRefusal)
    return found.objection, found.reason_code


@pytest.mark.requirement("D01.FR.15", "D01.FR.04", "D01.FR.05", "D01.FR.16", "D01.FR.17")
def test_an_update_says_what_comes_and_what_goes() -> None:
    full = judged(entry("A"), entry("B"))
    assert full == ListChange(7, replaces=True, put=(entry("A"), entry("B")), removed=())
    assert judged() == ListChange(7, replaces=True, put=(), removed=())
    change = judged(entry("A"), entry("B", None), update=ListUpdate.DIFFERENTIAL)
    assert change == ListChange(7, replaces=False, put=(entry("A"),), removed=(IdToken("B"),))


@pytest.mark.requirement("D01.FR.18", "D01.FR.19", "S16-LIST-07", "S16-LIST-08")
def test_versions_are_above_0_and_a_differential_one_above_the_last() -> None:
    for version in (0, -1, -(10**30)):
        found = judged(version=version)
        assert reason(found) == (ListObjection.FAILED, "ValuePositiveOnly")
    assert reason(judged(version=2**31))[1] == "ValueTooHigh"
    for version in (1, 3):
        found = judged(version=version, update=ListUpdate.DIFFERENTIAL)
        assert reason(found)[0] is ListObjection.VERSION_MISMATCH
        assert isinstance(judged(version=version), ListChange)
    assert isinstance(judged(version=4, update=ListUpdate.DIFFERENTIAL), ListChange)


@pytest.mark.requirement("D01.FR.06", "C01.FR.25")
def test_one_token_occurs_once_whatever_its_letters() -> None:
    assert reason(judged(entry("ab"), entry("AB"))) == (ListObjection.FAILED, "InvalidValue")
    other = ListEntry(IdToken("ab", TokenType.KEY_CODE), GOOD)
    assert isinstance(judged(entry("ab"), other), ListChange)


@pytest.mark.requirement("D01.FR.11", "D01.FR.12")
def test_no_message_and_no_list_is_larger_than_its_limit() -> None:
    many = [entry(str(number)) for number in range(5)]
    assert reason(judged(*many))[1] == "TooManyElements"
    assert reason(judged(entry("A"), size_bytes=1001))[1] == "TooLargeElement"
    change = {"update": ListUpdate.DIFFERENTIAL, "present": ("0", "1", "2", "3")}
    assert reason(judged(entry("4"), entry("5"), **change))[1] == "OutOfStorage"  # type: ignore[arg-type]
    swap = judged(entry("4"), entry("5"), entry("0", None), **change)  # type: ignore[arg-type]
    assert isinstance(swap, ListChange)
    assert isinstance(judged(entry("0"), entry("1"), entry("4"), **change), ListChange)  # type: ignore[arg-type]
    gone = judged(entry("4"), entry("5"), entry("9", None), **change)  # type: ignore[arg-type]
    assert reason(gone)[1] == "OutOfStorage"


class Unread(tuple[ListEntry, ...]):
    """Many entries that nobody may look through."""

    __slots__ = ()

    def __iter__(self) -> Iterator[ListEntry]:
        raise AssertionError("the entries were looked through")


@pytest.mark.requirement("D01.FR.11")
def test_a_hostile_list_is_refused_before_it_is_looked_through() -> None:
    huge = SendLocalList(9, ListUpdate.FULL, Unread((entry("A"),) * 100_000))
    assert reason(judge_update(huge, 1, (), LIMITS))[1] == "TooManyElements"


@pytest.mark.requirement("C13.FR.05", "C13.FR.06", "C14.FR.05")
def test_past_its_end_an_entry_is_known_and_expired() -> None:
    end = datetime(2025, 5, 17, tzinfo=UTC)
    info = IdTokenInfo(AuthorizationStatus.ACCEPTED, IdToken("G"), end)
    assert info_at(info, end - timedelta(seconds=1)) == info
    past = info_at(info, end)
    assert (past.status, past.group) == (AuthorizationStatus.EXPIRED, IdToken("G"))


class ListMachine(RuleBasedStateMachine):
    """A list that is changed as judged, beside a model that knows the standard's words only."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.entries: dict[str, IdTokenInfo] = {}

    @rule(
        version=st.integers(-1, 12),
        full=st.booleans(),
        changes=st.lists(
            st.tuples(st.sampled_from(["a", "A", "b", "c", "d", "e", "f"]), st.booleans()),
            max_size=5,
        ),
    )
    def update(self, version: int, changes: list[tuple[str, bool]], *, full: bool) -> None:
        entries = tuple(entry(value, GOOD if there else None) for value, there in changes)
        kind = ListUpdate.FULL if full else ListUpdate.DIFFERENTIAL
        command = SendLocalList(version, kind, entries)
        found = judge_update(command, self.version, self.entries.keys(), LIMITS)
        wanted = {} if full else dict(self.entries)
        for value, there in changes:
            key = list_key(IdToken(value))
            wanted.pop(key, None)
            if there:
                wanted[key] = GOOD
        applies = (
            version > 0
            and (full or version > self.version)
            and len({value.casefold() for value, _ in changes}) == len(changes)
            and len(changes) <= LIMITS.items_per_message
            and not (full and any(not there for _, there in changes))
            and len(wanted) <= LIMITS.entries
        )
        assert isinstance(found, ListChange) == applies
        if isinstance(found, ListChange):
            self._apply(found)
            assert self.entries == wanted

    def _apply(self, change: ListChange) -> None:
        self.version = change.version
        if change.replaces:
            self.entries.clear()
        self.entries |= {list_key(e.token): e.info for e in change.put if e.info is not None}
        for token in change.removed:
            self.entries.pop(list_key(token), None)

    @invariant()
    def keeps_to_its_capacity(self) -> None:
        assert len(self.entries) <= LIMITS.entries


TestListMachine = ListMachine.TestCase
TestListMachine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
