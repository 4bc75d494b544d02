"""Tokens as 1.6 writes them, idTags without a kind, and the verdicts on them."""

import logging
from types import MappingProxyType
from typing import Final

from agent.core.events import AuthorizationAsked, DomainEvent
from agent.core.facts import TokenJudged
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.payloads import told_instant
from agent.ocpp.v16.plug_and_charge import authorize_payload

logger = logging.getLogger(__name__)

_ID_TAG_LENGTH: Final = 20
_STATUSES: Final = MappingProxyType(
    {
        "Accepted": AuthorizationStatus.ACCEPTED,
        "Blocked": AuthorizationStatus.BLOCKED,
        "Expired": AuthorizationStatus.EXPIRED,
        "Invalid": AuthorizationStatus.INVALID,
        "ConcurrentTx": AuthorizationStatus.CONCURRENT_TX,
    }
)


def authorize(event: AuthorizationAsked, _context: CodecContext) -> tuple[Call, ...]:
    """Ask for a verdict on a token (S16-AUTH-02); one that does not fit cannot be asked for.

    A contract goes inside DataTransfer, where there is room for its certificates.
    """
    if event.contract is not None:
        return (Call("DataTransfer", authorize_payload(event.id_token, event.contract)),)
    tag = id_tag(event.id_token)
    return () if tag is None else (Call("Authorize", {"idTag": tag}),)


def token_judged(_event: DomainEvent, reply: Payload, _context: CodecContext) -> TokenJudged:
    """Read the answer to Authorize."""
    return TokenJudged(id_tag_info(reply["idTagInfo"]))


def id_tag(token: IdToken) -> str | None:
    """Return a token's idTag, None if it is too long: half a token is another one's."""
    if len(token.value) <= _ID_TAG_LENGTH:
        return token.value
    logger.warning(
        "a token of %d characters is not told: 1.6 allows %d", len(token.value), _ID_TAG_LENGTH
    )
    return None


def id_token(tag: str, kind: str = TokenType.ISO14443) -> IdToken:
    """Read an idTag.

    1.6 has one kind of token. It gets the kind of the reader's, so that an idTag of a remote start
    is the same token as the card of that number (S16-AUTH-04).
    """
    return IdToken(tag, kind)


def id_tag_info(info: Payload) -> IdTokenInfo:
    """Read IdTagInfo; the parent is the group of the core (S16-AUTH-05)."""
    parent = info.get("parentIdTag")
    return IdTokenInfo(
        status=_STATUSES[info["status"]],
        group=None if parent is None else id_token(parent),
        expires=told_instant(info, "expiryDate"),
    )
