"""Authorization put together: the local list, the cache, and who judges with them."""

from dataclasses import dataclass

from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.core.authorization_cache import ClearCache
from agent.core.facts import TransactionAcknowledged
from agent.core.local_authorization_list import GetLocalListVersion, SendLocalList
from agent.ocpp.dispatch import Dispatcher
from agent.services import policies
from agent.services.authorization import AuthorizationService
from agent.services.authorization_cache import AuthorizationCacheService
from agent.services.local_authorization_list import LocalAuthorizationListService
from agent.store.hash_key import load_or_create_hash_key

HASH_KEY = "authorization_cache.key"


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of a station that know tokens."""

    local_list: LocalAuthorizationListService
    cache: AuthorizationCacheService
    service: AuthorizationService

    def learn(self, fact: TransactionAcknowledged) -> None:
        """Remember a verdict that came with an acknowledgement (C10.FR.05)."""
        if fact.token is not None and fact.info is not None:
            self.service.learn(fact.token, fact.info)

    def serve(self, router: CommandRouter) -> None:
        """Carry out what the CSMS orders of list and cache."""
        router.carries_out(ClearCache, self.cache.clear)
        router.carries_out(SendLocalList, self.local_list.update)
        router.carries_out(GetLocalListVersion, self.local_list.version)


def authorization(f: Foundations, dispatcher: Dispatcher) -> Authorization:
    """Return the parts with what they knew before the last restart."""
    local_list = LocalAuthorizationListService(
        f.storage.local_list, lambda: policies.list_policy(f.model), f.clock.now
    )
    cache = AuthorizationCacheService(
        f.storage.cache,
        load_or_create_hash_key(f.config.station.state_dir / "keys" / HASH_KEY),
        lambda: policies.cache_policy(f.model),
        f.clock.now,
    )
    service = AuthorizationService(
        dispatcher,
        lambda: policies.authorization_policy(f.model),
        local_list,
        cache,
        lambda: _caches_listed_tokens(dispatcher),
    )
    return Authorization(local_list, cache, service)


def _caches_listed_tokens(dispatcher: Dispatcher) -> bool:
    line = dispatcher.line
    return line is None or line.codec.rules.caches_listed_tokens
