"""Block C: tokens and the verdicts on them."""

import logging
from dataclasses import replace
from typing import Any

from agent.core.contracts import StatusRequest
from agent.core.events import AuthorizationAsked, DomainEvent
from agent.core.facts import TokenJudged
from agent.core.language_tags import is_language_tag
from agent.core.vocabulary import AuthorizationStatus, IdToken, IdTokenInfo, TokenType
from agent.ocpp.codec import Call, CodecContext, Payload
from agent.ocpp.payloads import integer, present, told_instant
from agent.ocpp.v201.limits import LIMITS, TOKEN_TYPE_LENGTH, Limits

logger = logging.getLogger(__name__)

# 2.0.1's nearest words for kinds of token that only 2.1 has; another kind is told as Local, an
# identifier that the station came by itself.
_NEAREST_TYPE = {TokenType.EVCCID.value: TokenType.MAC_ADDRESS.value}


def authorize(
    event: AuthorizationAsked, _context: CodecContext, limits: Limits = LIMITS
) -> tuple[Call, ...]:
    """Ask for a verdict on a token (C01.FR.02); a token that does not fit cannot be asked for."""
    token, contract = told_token(event.id_token, limits), event.contract
    if token is None:
        return ()
    if contract is None:
        return (Call("Authorize", {"idToken": token}),)
    if len(contract.chain or "") > limits.contract_chain_length:
        logger.warning("a contract chain of %d characters is not told", len(contract.chain or ""))
        return ()
    requests = [_status_request(one, limits) for one in contract.status_requests]
    payload = {
        "idToken": token,
        "certificate": contract.chain,
        "iso15118CertificateHashData": requests or None,
    }
    return (Call("Authorize", present(payload)),)


def token_judged(
    _event: DomainEvent, reply: Payload, _context: CodecContext, limits: Limits = LIMITS
) -> TokenJudged:
    """Read the answer to Authorize; a contract whose certificate is refused is refused (C07)."""
    info = id_token_info(reply["idTokenInfo"], limits)
    if reply.get("certificateStatus", "Accepted") != "Accepted" and info.accepted:
        logger.warning("a contract is refused: its certificate is %s", reply["certificateStatus"])
        info = replace(info, status=AuthorizationStatus.INVALID)
    return TokenJudged(info)


def told_token(token: IdToken, limits: Limits) -> dict[str, Any] | None:
    """Return IdTokenType, None if the value is too long: half a token is another one's."""
    if len(token.value) > limits.id_token_length:
        logger.warning(
            "a token of %d characters is not told: this OCPP version allows %d",
            len(token.value),
            limits.id_token_length,
        )
        return None
    return {"idToken": token.value, "type": _told_type(token.type, limits)}


def id_token(token: Payload) -> IdToken:
    """Read IdTokenType; additionalInfo is no part of a token's identity (C01.FR.25)."""
    return IdToken(token["idToken"], token["type"])


def id_token_info(info: Payload, limits: Limits) -> IdTokenInfo:
    """Read IdTokenInfoType; a personal message that may be a tariff is left out (C10.FR.09)."""
    group, message = info.get("groupIdToken"), info.get("personalMessage")
    return IdTokenInfo(
        status=AuthorizationStatus(info["status"]),
        group=None if group is None else id_token(group),
        expires=told_instant(info, "cacheExpiryDateTime"),
        evse_ids=tuple(int(evse) for evse in info.get("evseId", ())),
        charging_priority=integer(info, "chargingPriority"),
        language1=_language(info, "language1"),
        language2=_language(info, "language2"),
        personal_message=message["content"] if message and limits.keeps_messages else None,
    )


def _language(info: Payload, field: str) -> str | None:
    """Return a language tag; what is none by RFC 5646 counts as absent (C01.FR.17)."""
    tag = info.get(field)
    return tag if tag is not None and is_language_tag(tag) else None


def _status_request(request: StatusRequest, limits: Limits) -> dict[str, Any]:
    """Return OCSPRequestDataType; an address that does not fit is left empty, not cut."""
    named, url = request.hash_data, request.responder_url
    return {
        "hashAlgorithm": named.algorithm.value,
        "issuerNameHash": named.issuer_name_hash,
        "issuerKeyHash": named.issuer_key_hash,
        "serialNumber": named.serial_number,
        "responderURL": url if len(url) <= limits.responder_url_length else "",
    }


def _told_type(token_type: str, limits: Limits) -> str:
    if limits.token_types is None:
        known = len(token_type) <= TOKEN_TYPE_LENGTH
    else:
        known = token_type in limits.token_types
    return str(token_type) if known else _NEAREST_TYPE.get(token_type, TokenType.LOCAL.value)
