"""The cache by itself, and against a plain model under any sequence of events."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.core.authorization_cache import (
    AuthorizationCache,
    CacheEntry,
    CachePolicy,
    EvictionPolicy,
    may_be_cached,
)
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType

NOW = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
GOOD = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BAD = IdTokenInfo(AuthorizationStatus.BLOCKED)
ENTRY_BYTES = CacheEntry(GOOD, NOW, NOW).size_bytes


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def room_for(entries: int, eviction: EvictionPolicy = EvictionPolicy.LRU) -> CachePolicy:
    return CachePolicy(eviction=eviction, capacity_bytes=entries * ENTRY_BYTES)


@pytest.mark.requirement("C02.FR.03", "C03.FR.02", "C05.FR.02", "C04.FR.03")
@pytest.mark.parametrize("token_type", TokenType)
def test_only_tokens_of_a_driver_are_cached(token_type: TokenType) -> None:
    never = {TokenType.NO_AUTHORIZATION, TokenType.CENTRAL}
    assert may_be_cached(IdToken("1234", token_type)) == (token_type not in never)
    assert not may_be_cached(IdToken("", token_type))


@pytest.mark.requirement("C10.FR.07", "S16-CACHE-03")
@pytest.mark.parametrize("eviction", EvictionPolicy)
def test_a_full_cache_gives_up_first_who_is_not_let_in(eviction: EvictionPolicy) -> None:
    cache, policy = AuthorizationCache(), room_for(3, eviction)
    cache.note("old", GOOD, policy, after(0))
    cache.note("bad", BAD, policy, after(1))
    cache.note("new", GOOD, policy, after(2))
    change = cache.note("newest", BAD, policy, after(3))
    assert change.removed == {"bad"}
    assert change.put.keys() == {"newest"}
    assert cache.note("last", GOOD, policy, after(4)).removed == {"newest"}
    assert cache.note("very last", GOOD, policy, after(5)).removed == {"old"}


@pytest.mark.requirement("C10.FR.07", "C10.FR.13")
def test_what_is_outdated_is_not_let_in_either_and_goes_first() -> None:
    cache, policy = AuthorizationCache(), room_for(2)
    cache.note("old", GOOD, policy, after(0))
    ending = IdTokenInfo(AuthorizationStatus.ACCEPTED, expires=after(10))
    cache.note("ended", ending, policy, after(5))
    assert cache.note("new", GOOD, policy, after(20)).removed == {"ended"}


@pytest.mark.requirement("C10.FR.07")
@pytest.mark.parametrize(
    ("eviction", "victim"),
    [
        (EvictionPolicy.FIFO, "first"),
        (EvictionPolicy.LRU, "second"),
        (EvictionPolicy.LFU, "third"),
    ],
)
def test_the_policy_says_which_of_the_good_ones_goes(eviction: EvictionPolicy, victim: str) -> None:
    cache, policy = AuthorizationCache(), room_for(3, eviction)
    for at, key in enumerate(("first", "second", "third")):
        cache.note(key, GOOD, policy, after(at))
    for key, times, at in (("second", 2, 10), ("first", 3, 20), ("third", 1, 30)):
        for _ in range(times):
            cache.use(key, after(at))
    assert cache.note("fourth", GOOD, policy, after(40)).removed == {victim}


@pytest.mark.requirement("C10.FR.08", "C10.FR.10", "S16-CACHE-02")
def test_use_and_update_renew_the_life_time() -> None:
    cache, policy = AuthorizationCache(), CachePolicy(life_time_s=100)
    cache.note("a", GOOD, policy, after(0))
    assert cache.look_up("a", policy, after(100)) == GOOD
    outdated = cache.look_up("a", policy, after(101))
    assert outdated is not None
    assert outdated.status is AuthorizationStatus.EXPIRED
    cache.use("a", after(90))
    assert cache.look_up("a", policy, after(190)) == GOOD
    cache.note("a", BAD, policy, after(190))
    assert cache.look_up("a", policy, after(290)) == BAD


@pytest.mark.requirement("C10.FR.13", "C10.FR.10")
def test_the_end_that_the_csms_gave_is_the_only_one_that_counts() -> None:
    policy = CachePolicy(life_time_s=1)
    cache = AuthorizationCache()
    ending = IdTokenInfo(AuthorizationStatus.ACCEPTED, expires=after(1000))
    cache.note("a", ending, policy, after(0))
    assert cache.look_up("a", policy, after(999)) == ending
    outdated = cache.look_up("a", policy, after(1000))
    assert outdated is not None
    assert not outdated.accepted


class CacheMachine(RuleBasedStateMachine):
    """A cache with room for four entries, beside a dict of what the CSMS said last."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = AuthorizationCache()
        self.policy = room_for(4)
        self.disk: dict[str, CacheEntry] = {}
        self.said: dict[str, IdTokenInfo] = {}
        self.now_s = 0.0

    @rule(seconds=st.floats(0, 1e6))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(eviction=st.sampled_from(EvictionPolicy))
    def another_policy(self, eviction: EvictionPolicy) -> None:
        self.policy = room_for(4, eviction)

    @rule(
        key=st.sampled_from("abcdefgh"),
        status=st.sampled_from(AuthorizationStatus),
        group=st.sampled_from([None, IdToken("G"), IdToken("GROUP" * 7)]),
    )
    def note(self, key: str, status: AuthorizationStatus, group: IdToken | None) -> None:
        info = IdTokenInfo(status, group)
        change = self.cache.note(key, info, self.policy, after(self.now_s))
        self.disk.update(change.put)
        for gone in change.removed:
            del self.disk[gone]
            del self.said[gone]
        self.said[key] = info

    @rule(key=st.sampled_from("abcdefgh"))
    def use(self, key: str) -> None:
        self.disk.update(self.cache.use(key, after(self.now_s)).put)

    @rule()
    def restart(self) -> None:
        self.cache = AuthorizationCache(self.disk)

    @precondition(lambda self: self.said)
    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.disk.clear()
        self.said.clear()

    @invariant()
    def knows_the_last_word_of_everybody_who_was_not_evicted(self) -> None:
        assert self.said.keys() == self.disk.keys()
        for key, info in self.said.items():
            found = self.cache.look_up(key, self.policy, after(self.now_s))
            assert found is not None
            assert found == info or found.status is AuthorizationStatus.EXPIRED
        assert self.cache.look_up("x", self.policy, after(self.now_s)) is None

    @invariant()
    def counts_its_bytes_and_keeps_to_them(self) -> None:
        assert self.cache.size_bytes == sum(entry.size_bytes for entry in self.disk.values())
        assert len(self.cache) == len(self.disk)
        assert len(self.disk) <= 1 or self.cache.size_bytes <= self.policy.capacity_bytes


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
