from itertools import product

import pytest

from agent.core.authorization import (
    ASK_THE_CSMS,
    AuthorizationPolicy,
    Judgement,
    Knowledge,
    Presented,
    judge,
)
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo

TOKEN = IdToken("04A2B3C4")
ACCEPTED, BLOCKED, EXPIRED = (
    IdTokenInfo(AuthorizationStatus.ACCEPTED, group=IdToken("FAMILY")),
    IdTokenInfo(AuthorizationStatus.BLOCKED),
    IdTokenInfo(AuthorizationStatus.EXPIRED),
)
UNKNOWN = IdTokenInfo(AuthorizationStatus.UNKNOWN)


class Source:
    """A local list or cache that knows one token."""

    def __init__(self, info: IdTokenInfo | None, by: AuthorizedBy) -> None:
        self._info = info
        self._by = by

    def look_up(self, token: IdToken) -> Knowledge | None:
        known = self._info is not None and token.same_as(TOKEN)
        return Knowledge(self._info, self._by) if known and self._info is not None else None


def judged(
    *,
    online: bool,
    listed: IdTokenInfo | None = None,
    cached: IdTokenInfo | None = None,
    policy: AuthorizationPolicy | None = None,
    holder_group: IdToken | None = None,
) -> Judgement:
    sources = (Source(listed, AuthorizedBy.LOCAL_LIST), Source(cached, AuthorizedBy.CACHE))
    presented = Presented(TOKEN, 1, holder_group)
    return judge(presented, policy or AuthorizationPolicy(), sources, online=online)


@pytest.mark.requirement("C01.FR.02", "S16-AUTH-02")
def test_online_an_unknown_token_is_for_the_csms() -> None:
    assert judged(online=True) == ASK_THE_CSMS
    eager = AuthorizationPolicy(local_pre_authorize=True)
    assert judge(Presented(TOKEN, 1), eager, (), online=True).info is None


@pytest.mark.requirement("C01.FR.05", "S16-AUTH-07", "C13.FR.03")
@pytest.mark.parametrize("by", [AuthorizedBy.LOCAL_LIST, AuthorizedBy.CACHE])
def test_online_a_known_token_starts_at_once_if_that_is_allowed(by: AuthorizedBy) -> None:
    known = {"listed" if by is AuthorizedBy.LOCAL_LIST else "cached": ACCEPTED}

    allowed = judged(online=True, policy=AuthorizationPolicy(local_pre_authorize=True), **known)  # type: ignore[arg-type]
    asked = judged(online=True, **known)  # type: ignore[arg-type]

    assert allowed == Judgement(ACCEPTED, by)
    assert asked == ASK_THE_CSMS


@pytest.mark.requirement("C10.FR.03", "S16-CACHE-05")
@pytest.mark.parametrize("info", [BLOCKED, EXPIRED])
def test_online_a_token_known_as_bad_is_asked_for_again(info: IdTokenInfo) -> None:
    policy = AuthorizationPolicy(local_pre_authorize=True)

    assert judged(online=True, cached=info, policy=policy) == ASK_THE_CSMS


@pytest.mark.requirement("C13.FR.01", "S16-LIST-03")
@pytest.mark.parametrize("online", [False, True])
def test_the_list_goes_before_the_cache(*, online: bool) -> None:
    policy = AuthorizationPolicy(local_pre_authorize=True)

    found = judged(online=online, listed=ACCEPTED, cached=BLOCKED, policy=policy)

    assert found == Judgement(ACCEPTED, AuthorizedBy.LOCAL_LIST)
    offline = judged(online=False, listed=BLOCKED, cached=ACCEPTED, policy=policy)
    assert offline == Judgement(BLOCKED, AuthorizedBy.LOCAL_LIST)


@pytest.mark.requirement("C13.FR.02", "C13.FR.04", "C13.FR.06", "S16-OFFL-03", "C13.FR.05")
@pytest.mark.parametrize("unknown_may", [False, True])
@pytest.mark.parametrize("info", [BLOCKED, EXPIRED])
def test_offline_a_token_known_as_bad_stays_out(info: IdTokenInfo, *, unknown_may: bool) -> None:
    policy = AuthorizationPolicy(offline_for_unknown_id=unknown_may)

    found = judged(online=False, listed=info, policy=policy)

    assert found.info == info


@pytest.mark.requirement("C15.FR.08", "C13.FR.04", "S16-OFFL-02")
@pytest.mark.parametrize("may", [False, True])
def test_offline_an_unknown_token_may_come_in_if_that_is_allowed(*, may: bool) -> None:
    policy = AuthorizationPolicy(offline_for_unknown_id=may)

    found = judged(online=False, policy=policy)

    assert found.info is not None
    assert found.info.accepted == may
    assert found.by is AuthorizedBy.OFFLINE


@pytest.mark.requirement("S16-OFFL-01")
@pytest.mark.parametrize("unknown_may", [False, True])
@pytest.mark.parametrize("info", [ACCEPTED, BLOCKED])
def test_offline_local_knowledge_lets_nobody_in_where_it_may_not_be_used(
    info: IdTokenInfo, *, unknown_may: bool
) -> None:
    policy = AuthorizationPolicy(local_authorize_offline=False, offline_for_unknown_id=unknown_may)

    assert judged(online=False, listed=info, policy=policy).info == UNKNOWN


@pytest.mark.requirement("C01.FR.01", "S16-AUTH-01")
def test_offline_there_is_always_a_verdict_and_online_never_a_false_one() -> None:
    for local, pre, unknown in product((False, True), repeat=3):
        policy = AuthorizationPolicy(local, pre, unknown)
        for listed, cached in product((None, ACCEPTED, BLOCKED), repeat=2):
            assert judged(online=False, listed=listed, cached=cached, policy=policy).info
            online = judged(online=True, listed=listed, cached=cached, policy=policy)
            assert online.info is None or online.info.accepted
