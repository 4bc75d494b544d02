"""Who judges a token: what the station knows, the CSMS, or the offline rule (C01-C15)."""

from dataclasses import dataclass
from typing import Protocol

from agent.core.vocabulary import AuthorizationStatus, AuthorizedBy, IdToken, IdTokenInfo


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """The device-model variables that steer authorization."""

    local_authorize_offline: bool = True
    local_pre_authorize: bool = False
    offline_for_unknown_id: bool = False


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
    token: IdToken,
    policy: AuthorizationPolicy,
    sources: tuple[LocalSource, ...],
    *,
    online: bool,
) -> Judgement:
    """Judge a token as far as the station may (C01, C13, C15, S16-OFFL-01 to 03).

    A token that a local source knows and does not accept stays refused offline, even where
    unknown ones are let in.
    """
    known = next((k for s in sources if (k := s.look_up(token)) is not None), None)
    if online:
        trusted = known is not None and known.info.accepted and policy.local_pre_authorize
        return Judgement(known.info, known.by) if known is not None and trusted else ASK_THE_CSMS
    if known is not None and policy.local_authorize_offline:
        return Judgement(known.info, known.by)
    if known is None and policy.offline_for_unknown_id:
        return Judgement(_ACCEPTED, AuthorizedBy.OFFLINE)
    return Judgement(_UNKNOWN, AuthorizedBy.OFFLINE)
