"""Authorization put together: the local list, the cache, and who judges with them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agent.app.codecs import rule_in_use
from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.core.authorization_cache import ClearCache
from agent.core.events import LocalListConflict
from agent.core.facts import TransactionAcknowledged
from agent.core.local_authorization_list import GetLocalListVersion, SendLocalList
from agent.core.records import dataclass
from agent.core.session_state import Cause, GroupTold, StopOrdered, TokenRevoked
from agent.core.vocabulary import IdToken, StoppedReason, TriggerReason
from agent.ocpp.dispatch import Dispatcher
from agent.pki.contract_examiner import ContractExaminer
from agent.services import policies
from agent.services.authorization import AuthorizationService, LocalKnowledge
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.contracts import ContractService
from agent.services.evse import EvseService
from agent.services.learnt_cards import LearntCardsService
from agent.services.lobby import Lobby
from agent.services.local_authorization_list import LocalAuthorizationListService
from agent.services.price_wait import PriceWait
from agent.store.hash_key import load_or_create_hash_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cryptography.x509 import Certificate

HASH_KEY = "authorization_cache.key"


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of a station that know tokens."""

    local: LocalKnowledge
    service: AuthorizationService
    prices: PriceWait

    @property
    def local_list(self) -> LocalAuthorizationListService:
        """The local authorization list."""
        return self.local.local_list

    @property
    def cache(self) -> AuthorizationCacheService:
        """The authorization cache."""
        return self.local.cache

    @property
    def counts(self) -> Mapping[str, Callable[[], int]]:
        """What the device model tells of list and cache, by component and variable."""
        return {
            "AuthCacheCtrlr.Storage": lambda: self.cache.size_bytes,
            "LocalAuthListCtrlr.Entries": lambda: len(self.local_list),
            "LocalAuthListCtrlr.Storage": lambda: self.local_list.size_bytes,
        }

    def learn(self, fact: TransactionAcknowledged) -> None:
        """Remember a verdict that came with an acknowledgement (C10.FR.05)."""
        if fact.token is not None and fact.info is not None:
            self.local.learn(fact.token, fact.info)

    def serve(self, router: CommandRouter) -> None:
        """Carry out what the CSMS orders of list and cache."""
        router.carries_out(ClearCache, self.cache.clear)
        router.carries_out(SendLocalList, self.local_list.update)
        router.carries_out(GetLocalListVersion, self.local_list.version)


def authorization(
    f: Foundations,
    dispatcher: Dispatcher,
    contract_roots: Callable[[], Sequence[Certificate]],
    operative: Callable[[], bool],
) -> Authorization:
    """Return the parts with what they knew before the last restart."""
    contracts = ContractService(
        ContractExaminer(contract_roots), lambda: policies.contract_policy(f.model), f.clock.now
    )
    local_list = LocalAuthorizationListService(
        f.storage.local_list, lambda: policies.list_policy(f.model), f.clock.now
    )
    cache = AuthorizationCacheService(
        f.storage.cache,
        load_or_create_hash_key(f.config.station.state_dir / "keys" / HASH_KEY),
        lambda: policies.cache_policy(f.model),
        f.clock.now,
    )
    learnt = LearntCardsService(f.storage.local_list, local_list, cache, f.clock.now)
    local = LocalKnowledge(
        local_list,
        cache,
        learnt,
        lambda: _caches_listed_tokens(dispatcher),
        lambda: dispatcher.publish(LocalListConflict(at=f.clock.now(), operative=operative())),
    )
    prices = PriceWait(lambda: _longest_wait_for_price_s(f, dispatcher))
    service = AuthorizationService(
        dispatcher,
        lambda: policies.authorization_policy(f.model),
        local,
        contracts,
        f.clock.monotonic_s,
        prices,
    )
    return Authorization(local, service, prices)


def _longest_wait_for_price_s(f: Foundations, dispatcher: Dispatcher) -> float:
    tells = rule_in_use(dispatcher, lambda rules: rules.tells_price_of_token)
    return policies.longest_wait_for_price_s(f.model) if tells else 0


def _caches_listed_tokens(dispatcher: Dispatcher) -> bool:
    line = dispatcher.line
    return line is None or line.codec.rules.caches_listed_tokens


def heed_master_passes(sessions: Sequence[Lobby | EvseService]) -> None:
    """Let a master pass stop every transaction, wherever it is presented (C16)."""
    for session in sessions:
        session.on_master_pass = partial(_stop_all, sessions)


def take_verdict(sessions: Iterable[Lobby | EvseService], fact: TransactionAcknowledged) -> None:
    """Let sessions obey what an acknowledgement says of their token (E05, C09)."""
    info, token = fact.info, fact.token
    for session in sessions:
        if info is not None and not info.accepted:
            session.post(TokenRevoked(fact.transaction_id))
        elif info is not None and info.group is not None and token is not None:
            session.post(GroupTold(fact.transaction_id, token, info.group))


def _stop_all(sessions: Iterable[Lobby | EvseService], master_pass: IdToken) -> None:
    """Stop all, as there is no display to choose one at (C16.FR.02, C16.FR.08)."""
    cause = Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.MASTER_PASS, master_pass)
    for session in sessions:
        if session.state.transaction is not None:
            session.post(StopOrdered(cause))
