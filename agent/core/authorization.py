"""Who judges a token: what the station knows, the CSMS, or the offline rule (C01-C16)."""

from dataclasses import field
from typing import Protocol

from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """The device-model variables that steer authorization.

    `list_is_final` and `cache_is_final` are the DisablePostAuthorize variables: a token that is
    known as not accepted is not asked for again. `never_ask` is DisableRemoteAuthorization.
    """

    local_authorize_offline: bool = True
    local_pre_authorize: bool = False
    offline_for_unknown_id: bool = False
    list_is_final: bool = False
    cache_is_final: bool = False
    never_ask: bool = False
    master_pass_group_id: str = ""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that must be judged where it was presented.

    `holder_group` is the group of whoever charges there, `contract` the chain (PEM) that a vehicle
    presented with its eMAID. `starts` tells that nobody charges there: the token can only start.
    """

    token: IdToken
    evse: int
    holder_group: IdToken | None = None
    contract: str | None = field(default=None, repr=False)
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a local source (list before cache) says of a token."""

    info: IdTokenInfo
    by: AuthorizedBy


class LocalSource(Protocol):
    """A local authorization list or a cache."""

    def look_up(self, token: IdToken) -> Knowledge | None:
        """Return what is known of the token, None if nothing is."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and who gave it; `info` None means that the CSMS must be asked."""

    info: IdTokenInfo | None
    by: AuthorizedBy = AuthorizedBy.CSMS


ASK_THE_CSMS = Judgement(None)
_UNKNOWN = IdTokenInfo(AuthorizationStatus.UNKNOWN)
_ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)


def judge(
    presented: Presented,
    policy: AuthorizationPolicy,
    sources: tuple[LocalSource, ...],
    *,
    online: bool,
) -> Judgement:
    """Judge a token as far as the station may (C01, C12-C15, S16-OFFL-01 to 03).

    A token that a local source knows and does not accept stays refused offline, even where
    unknown ones are let in.
    """
    known = next((k for s in sources if (k := s.look_up(presented.token)) is not None), None)
    if online and not policy.never_ask:
        settled = known is not None and _needs_no_csms(known, policy, presented)
        return Judgement(known.info, known.by) if known is not None and settled else ASK_THE_CSMS
    if known is not None and (online or policy.local_authorize_offline):
        return Judgement(known.info, known.by)
    if known is None and policy.offline_for_unknown_id and not online:
        return Judgement(_ACCEPTED, AuthorizedBy.OFFLINE)
    return Judgement(_UNKNOWN, AuthorizedBy.OFFLINE)


def is_master_pass(group: IdToken | None, group_id: str) -> bool:
    """Tell whether a token's group makes it a master pass: it only stops transactions (C16)."""
    return bool(group_id) and group is not None and group.value.casefold() == group_id.casefold()


def _needs_no_csms(known: Knowledge, policy: AuthorizationPolicy, presented: Presented) -> bool:
    """Tell whether local knowledge is enough although the CSMS could be asked."""
    if known.info.accepted:
        # C01.FR.03, C09.FR.07: the same group stops without asking; C16.FR.04, FR.05.
        group = known.info.group
        stops = group is not None and group.same_as(presented.holder_group)
        stops = stops or is_master_pass(group, policy.master_pass_group_id)
        return policy.local_pre_authorize or stops
    by_list = known.by is AuthorizedBy.LOCAL_LIST
    is_final = policy.list_is_final if by_list else policy.cache_is_final
    return policy.local_pre_authorize and is_final
