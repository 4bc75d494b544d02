"""Judging with a real list, a real cache and real certificates, beside a CSMS that may be away."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.core.authorization import AuthorizationPolicy, Presented
from agent.core.authorization_cache import CachePolicy
from agent.core.contracts import ContractPolicy
from agent.core.events import AuthorizationAsked, DomainEvent, PassingEvent
from agent.core.facts import ClockTold, Fact, TokenJudged
from agent.core.learnt_cards import Enrolment
from agent.core.local_authorization_list import (
    ListEntry,
    ListLimits,
    ListUpdate,
    SendLocalList,
    list_key,
)
from agent.core.vocabulary import (
    AuthorizationStatus,
    AuthorizedBy,
    IdToken,
    IdTokenInfo,
    TokenType,
)
from agent.pki.contract_examiner import ContractExaminer
from agent.ports import CsmsRefused, CsmsUnavailable
from agent.services.authorization import AuthorizationService, LocalKnowledge
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.contracts import ContractService
from agent.services.learnt_cards import LearntCardsService
from agent.services.local_authorization_list import ListPolicy, LocalAuthorizationListService
from agent.store.authorization import StoredCache, StoredLocalList
from agent.store.database import Database
from agent.store.endurance import Endurance
from tests.contract_chains import EMAID, Operator
from tests.unit.store.stores import opened

NOW = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
CARD = IdToken("04A2B3C4")
CONTRACT = IdToken(EMAID, TokenType.EMAID)
CODE = IdToken("735918", TokenType.KEY_CODE)
GOOD = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
OPERATOR = Operator.new()
CHAIN = OPERATOR.contract()
LIMITS = ListLimits(entries=10, items_per_message=10, bytes_per_message=10_000)


@dataclass
class Csms:
    """A CSMS that answers with a fact or an error; `asked` is what it was asked."""

    answer: Fact | Exception | None = None
    online: bool = True
    asked: list[AuthorizationAsked] = field(default_factory=list)

    async def ask(self, event: DomainEvent, *, asked_for: bool = False) -> Fact | None:
        assert isinstance(event, AuthorizationAsked)
        self.asked.append(event)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def publish(self, event: PassingEvent, *, asked_for: bool = False) -> None:
        raise AssertionError(event)


class Rig:
    """The service over a store of its own; the policies may be replaced."""

    def __init__(self, listed: StoredLocalList, cached: StoredCache) -> None:
        self.csms = Csms(TokenJudged(GOOD))
        self.policy = AuthorizationPolicy()
        self.contracts = ContractPolicy()
        self.roots = (OPERATOR.root.certificate,)
        self.now_s = 0.0
        list_policy = ListPolicy(enabled=True, limits=LIMITS, storage_bytes=10_000)
        self.now = NOW
        self.list = LocalAuthorizationListService(listed, lambda: list_policy, lambda: self.now)
        self.cache = AuthorizationCacheService(cached, b"k" * 32, CachePolicy, lambda: self.now)
        self.learnt = LearntCardsService(listed, self.list, self.cache, lambda: NOW)
        self.service = AuthorizationService(
            self.csms,
            lambda: self.policy,
            LocalKnowledge(self.list, self.cache, self.learnt, lambda: True),
            ContractService(
                ContractExaminer(lambda: self.roots), lambda: self.contracts, lambda: NOW
            ),
            lambda: self.now_s,
        )

    async def judge(
        self, token: IdToken = CARD, contract: str | None = None
    ) -> tuple[AuthorizationStatus, AuthorizedBy]:
        info, by = await self.service.judge(Presented(token, 1, contract=contract))
        return info.status, by


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stationd.db"


async def rig_over(database: Database) -> Rig:
    listed = await StoredLocalList.open(database)
    return Rig(listed, await StoredCache.open(database, Endurance()))


@pytest.mark.requirement("C01.FR.02", "C10.FR.04")
async def test_whatever_the_csms_does_there_is_a_verdict(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        for answer, verdict in (
            (CsmsRefused("InternalError", "no"), (AuthorizationStatus.INVALID, AuthorizedBy.CSMS)),
            (None, (AuthorizationStatus.INVALID, AuthorizedBy.CSMS)),
            (ClockTold(NOW), (AuthorizationStatus.INVALID, AuthorizedBy.CSMS)),
            (CsmsUnavailable("gone"), (AuthorizationStatus.UNKNOWN, AuthorizedBy.OFFLINE)),
            (TokenJudged(BLOCKED), (AuthorizationStatus.BLOCKED, AuthorizedBy.CSMS)),
        ):
            rig.csms.answer = answer
            assert await rig.judge() == verdict
        assert rig.cache.look_up(CARD) is not None
        # The connection is lost while the question is out: what is known decides.
        rig.csms.answer = CsmsUnavailable("gone")
        assert await rig.judge() == (AuthorizationStatus.BLOCKED, AuthorizedBy.CACHE)


# --- Cards that were enrolled at the station.


async def test_an_enrolled_card_is_let_in_offline_and_asked_for_online(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        rig.csms.answer = TokenJudged(BLOCKED)
        assert (await rig.learnt.learn(CARD, is_random=False)).enrolment is Enrolment.LEARNT
        assert await rig.judge() == (AuthorizationStatus.BLOCKED, AuthorizedBy.CSMS)
        # What the CSMS said last counts more, until the card is enrolled anew.
        rig.csms.online = False
        assert await rig.judge() == (AuthorizationStatus.BLOCKED, AuthorizedBy.CACHE)
        await rig.learnt.forget(CARD)
        await rig.learnt.learn(CARD, is_random=False)
        assert await rig.judge() == (AuthorizationStatus.ACCEPTED, AuthorizedBy.LOCAL_LIST)


async def test_a_yes_of_the_csms_that_has_grown_old_is_no_refusal_of_an_enrolled_card(
    path: Path,
) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        await rig.learnt.learn(CARD, is_random=False)
        rig.csms.answer = TokenJudged(GOOD)
        await rig.judge()
        rig.csms.online = False
        assert await rig.judge() == (AuthorizationStatus.ACCEPTED, AuthorizedBy.CACHE)
        rig.now = NOW + timedelta(days=31)
        assert await rig.judge() == (AuthorizationStatus.ACCEPTED, AuthorizedBy.LOCAL_LIST)


async def test_an_end_that_the_csms_gave_is_an_end_for_an_enrolled_card_too(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        await rig.learnt.learn(CARD, is_random=False)
        rig.csms.answer = TokenJudged(replace(GOOD, expires=NOW + timedelta(days=1)))
        await rig.judge()
        rig.csms.online, rig.now = False, NOW + timedelta(days=2)
        assert await rig.judge() == (AuthorizationStatus.EXPIRED, AuthorizedBy.CACHE)


async def test_an_enrolled_card_that_cannot_be_read_is_not_shown_and_still_known(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path) as database:
        listed = await StoredLocalList.open(database)
        await listed.learn({list_key(CARD): "{}"}, ())
        rig = Rig(listed, await StoredCache.open(database, Endurance()))
        assert rig.learnt.cards() == ()
        assert "an enrolled card is unreadable" in caplog.text
        rig.csms.online = False
        assert (await rig.judge())[0] is AuthorizationStatus.ACCEPTED


# --- Contracts.


@pytest.mark.requirement("C07.FR.08", "C07.FR.09", "C07.FR.10", "C07.FR.11", "C07.FR.12")
@pytest.mark.parametrize("lost_while_asked", [False, True])
async def test_offline_a_valid_contract_is_judged_like_any_token(
    path: Path, *, lost_while_asked: bool
) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        rig.csms.online, rig.csms.answer = lost_while_asked, CsmsUnavailable("gone")
        unknown = (AuthorizationStatus.UNKNOWN, AuthorizedBy.OFFLINE)
        assert await rig.judge(CONTRACT, CHAIN) == unknown
        rig.policy = AuthorizationPolicy(offline_for_unknown_id=True)
        let_in = (AuthorizationStatus.ACCEPTED, AuthorizedBy.OFFLINE)
        assert await rig.judge(CONTRACT, CHAIN) == let_in
        rig.cache.note(CONTRACT, GOOD)
        cached = (AuthorizationStatus.ACCEPTED, AuthorizedBy.CACHE)
        assert await rig.judge(CONTRACT, CHAIN) == cached
        listed = SendLocalList(1, ListUpdate.FULL, (ListEntry(CONTRACT, BLOCKED),))
        await rig.list.update(listed)
        blocked = (AuthorizationStatus.BLOCKED, AuthorizedBy.LOCAL_LIST)
        assert await rig.judge(CONTRACT, CHAIN) == blocked
        rig.policy = AuthorizationPolicy(local_authorize_offline=False)
        assert await rig.judge(CONTRACT, CHAIN) == unknown


@pytest.mark.requirement("C07.FR.07", "C07.FR.08")
async def test_offline_a_contract_that_is_not_validated_charges_nothing(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        rig.csms.online = False
        rig.policy = AuthorizationPolicy(offline_for_unknown_id=True)
        refused = (AuthorizationStatus.INVALID, AuthorizedBy.NOBODY)
        stranger = Operator.new("Elsewhere").contract()
        assert await rig.judge(CONTRACT, stranger) == refused
        assert await rig.judge(IdToken("NLTNM000000000", TokenType.EMAID), CHAIN) == refused
        rig.contracts = ContractPolicy(validates_offline=False)
        assert await rig.judge(CONTRACT, CHAIN) == refused
        assert rig.csms.asked == []


@pytest.mark.requirement("C07.FR.01", "C07.FR.02", "C07.FR.06")
async def test_online_the_csms_gets_hashes_and_where_it_validates_the_chain(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        rig.cache.note(CONTRACT, GOOD)
        rig.policy = AuthorizationPolicy(local_pre_authorize=True)
        accepted = (AuthorizationStatus.ACCEPTED, AuthorizedBy.CSMS)
        assert await rig.judge(CONTRACT, CHAIN) == accepted
        told = rig.csms.asked[-1].contract
        assert told is not None
        assert (len(told.status_requests), told.chain) == (3, None)
        rig.roots = ()
        assert (await rig.judge(CONTRACT, CHAIN))[0] is AuthorizationStatus.INVALID
        rig.contracts = ContractPolicy(central_validation=True)
        assert await rig.judge(CONTRACT, CHAIN) == accepted
        told = rig.csms.asked[-1].contract
        assert told is not None
        assert (len(told.status_requests), told.chain) == (2, CHAIN)


# --- Codes.


@pytest.mark.requirement("C04.FR.06")
async def test_codes_rest_for_the_whole_station_and_cards_do_not(path: Path) -> None:
    async with opened(path) as database:
        rig = await rig_over(database)
        rig.csms.answer = TokenJudged(BLOCKED)
        for number in range(5):
            await rig.judge(IdToken(str(number), TokenType.KEY_CODE))
        assert len(rig.csms.asked) == 3
        rig.csms.answer = TokenJudged(GOOD)
        assert (await rig.judge(CODE))[0] is AuthorizationStatus.INVALID
        assert (await rig.judge(CARD))[0] is AuthorizationStatus.ACCEPTED
        rig.now_s = 10.0
        assert (await rig.judge(CODE))[0] is AuthorizationStatus.ACCEPTED


@pytest.mark.requirement("C04.FR.04")
def test_a_code_is_never_shown() -> None:
    assert CODE.value not in repr(CODE)
    assert CODE.value not in repr(Presented(CODE, 1))
    assert CARD.value in repr(CARD)
