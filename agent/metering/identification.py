"""The user block of an OCMF record: who is billed, and how sure the station is of it.

Translates an OCPP IdToken and the way it was authorized into OCMF's identification fields
(IS, IL, IF, IT, ID).
"""

from __future__ import annotations

import re
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.vocabulary import AuthorizedBy, TokenType


class IdentificationLevel(StrEnum):
    """IL: how far the assignment of the transaction to the user can be relied on."""

    NONE = "NONE"
    HEARSAY = "HEARSAY"
    TRUSTED = "TRUSTED"
    VERIFIED = "VERIFIED"
    CERTIFIED = "CERTIFIED"
    SECURE = "SECURE"
    MISMATCH = "MISMATCH"
    INVALID = "INVALID"
    OUTDATED = "OUTDATED"
    UNKNOWN = "UNKNOWN"


REFUSED_LEVELS = frozenset(
    {
        IdentificationLevel.MISMATCH,
        IdentificationLevel.INVALID,
        IdentificationLevel.OUTDATED,
        IdentificationLevel.UNKNOWN,
    }
)
"""Levels with which no verifier accepts a transaction as billable."""


class IdentificationFlag(StrEnum):
    """IF: the means by which the user was identified, at most one of each family."""

    RFID_NONE = "RFID_NONE"
    RFID_PLAIN = "RFID_PLAIN"
    RFID_RELATED = "RFID_RELATED"
    RFID_PSK = "RFID_PSK"
    OCPP_NONE = "OCPP_NONE"
    OCPP_RS = "OCPP_RS"
    OCPP_AUTH = "OCPP_AUTH"
    OCPP_RS_TLS = "OCPP_RS_TLS"
    OCPP_AUTH_TLS = "OCPP_AUTH_TLS"
    OCPP_CACHE = "OCPP_CACHE"
    OCPP_WHITELIST = "OCPP_WHITELIST"
    OCPP_CERTIFIED = "OCPP_CERTIFIED"
    ISO15118_NONE = "ISO15118_NONE"
    ISO15118_PNC = "ISO15118_PNC"
    PLMN_NONE = "PLMN_NONE"
    PLMN_RING = "PLMN_RING"
    PLMN_SMS = "PLMN_SMS"


class IdentificationType(StrEnum):
    """IT: what kind of identifier ID is."""

    NONE = "NONE"
    DENIED = "DENIED"
    UNDEFINED = "UNDEFINED"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    EMAID = "EMAID"
    EVCCID = "EVCCID"
    EVCOID = "EVCOID"
    ISO7812 = "ISO7812"
    CARD_TXN_NR = "CARD_TXN_NR"
    CENTRAL = "CENTRAL"
    CENTRAL_1 = "CENTRAL_1"
    CENTRAL_2 = "CENTRAL_2"
    LOCAL = "LOCAL"
    LOCAL_1 = "LOCAL_1"
    LOCAL_2 = "LOCAL_2"
    PHONE_NUMBER = "PHONE_NUMBER"
    KEY_CODE = "KEY_CODE"


MAX_FLAGS = 4


@dataclass(frozen=True, slots=True)
class Identification:
    """The user block: `is_assigned` (IS), `level` (IL), `flags` (IF), `type` (IT), `data` (ID)."""

    is_assigned: bool
    level: IdentificationLevel
    flags: tuple[IdentificationFlag, ...]
    type: IdentificationType
    data: str

    def __post_init__(self) -> None:
        if len(self.flags) > MAX_FLAGS:
            raise ValueError(f"OCMF field IF holds at most {MAX_FLAGS} flags, not {self.flags!r}")


UNASSIGNED = Identification(
    is_assigned=False,
    level=IdentificationLevel.NONE,
    flags=(),
    type=IdentificationType.NONE,
    data="",
)
"""The user block of a transaction that nobody is billed for."""


def identify(
    id_token: str, id_token_type: str, authorized_by: AuthorizedBy, *, over_tls: bool
) -> Identification:
    """Build the user block for an OCPP IdToken, its 2.x type and the way it was accepted.

    `over_tls` tells whether the CSMS was reached with TLS when it answered or asked. The token's
    text is kept as it is; when it has not the form OCMF demands of its type, the type is
    UNDEFINED, which is true, instead of a type that verifiers would find violated.
    """
    kind = identification_type(id_token, id_token_type)
    if authorized_by is AuthorizedBy.NOBODY or kind is IdentificationType.NONE:
        return UNASSIGNED
    return Identification(
        is_assigned=True,
        level=_LEVELS[authorized_by],
        flags=(
            _rfid_flag(id_token_type, authorized_by),
            _ocpp_flag(authorized_by, over_tls=over_tls),
        ),
        type=kind,
        data=id_token,
    )


def identification_type(id_token: str, id_token_type: str) -> IdentificationType:
    """Name an OCPP IdToken's IT; UNDEFINED for a type or a form that OCMF does not know."""
    if id_token_type == TokenType.NO_AUTHORIZATION or not id_token:
        return IdentificationType.NONE
    kind = _TYPES.get(id_token_type, IdentificationType.UNDEFINED)
    form = _FORMS.get(kind)
    if form is not None and form.fullmatch(id_token) is None:
        return IdentificationType.UNDEFINED
    return kind


_TYPES: dict[str, IdentificationType] = {
    TokenType.CENTRAL: IdentificationType.CENTRAL,
    TokenType.EMAID: IdentificationType.EMAID,
    TokenType.EVCCID: IdentificationType.EVCCID,
    TokenType.ISO14443: IdentificationType.ISO14443,
    TokenType.ISO15693: IdentificationType.ISO15693,
    TokenType.KEY_CODE: IdentificationType.KEY_CODE,
    TokenType.LOCAL: IdentificationType.LOCAL,
}

# A UID has 4 or 7 bytes in OCMF's reading of ISO 14443 and 8 in ISO 15693; an EMAID is written
# without separators; an EVCCID is a MAC address of at most 6 bytes.
_FORMS = {
    IdentificationType.ISO14443: re.compile("[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}"),
    IdentificationType.ISO15693: re.compile("[0-9A-Fa-f]{16}"),
    IdentificationType.EMAID: re.compile("[0-9A-Za-z]{14,15}"),
    IdentificationType.EVCCID: re.compile("[0-9A-Fa-f]{1,12}"),
}

# A card's UID can be copied, so a token that only the card vouches for is hearsay. The operator's
# word, fresh or remembered, makes it trusted.
_LEVELS = {
    AuthorizedBy.CSMS: IdentificationLevel.TRUSTED,
    AuthorizedBy.REMOTE: IdentificationLevel.TRUSTED,
    AuthorizedBy.CACHE: IdentificationLevel.TRUSTED,
    AuthorizedBy.LOCAL_LIST: IdentificationLevel.TRUSTED,
    AuthorizedBy.OFFLINE: IdentificationLevel.HEARSAY,
    AuthorizedBy.NOBODY: IdentificationLevel.NONE,
}

_CARD_TYPES = frozenset[str]({TokenType.ISO14443, TokenType.ISO15693})


def _rfid_flag(id_token_type: str, authorized_by: AuthorizedBy) -> IdentificationFlag:
    # A remote start may name a card, but nobody held that card to this station's reader.
    if id_token_type in _CARD_TYPES and authorized_by is not AuthorizedBy.REMOTE:
        return IdentificationFlag.RFID_PLAIN
    return IdentificationFlag.RFID_NONE


def _ocpp_flag(authorized_by: AuthorizedBy, *, over_tls: bool) -> IdentificationFlag:
    with_tls, without_tls = _OCPP_FLAGS[authorized_by]
    return with_tls if over_tls else without_tls


# What the flag is when the CSMS was reached with TLS, and without.
_OCPP_FLAGS = {
    AuthorizedBy.CSMS: (IdentificationFlag.OCPP_AUTH_TLS, IdentificationFlag.OCPP_AUTH),
    AuthorizedBy.REMOTE: (IdentificationFlag.OCPP_RS_TLS, IdentificationFlag.OCPP_RS),
    AuthorizedBy.CACHE: (IdentificationFlag.OCPP_CACHE, IdentificationFlag.OCPP_CACHE),
    AuthorizedBy.LOCAL_LIST: (
        IdentificationFlag.OCPP_WHITELIST,
        IdentificationFlag.OCPP_WHITELIST,
    ),
    AuthorizedBy.OFFLINE: (IdentificationFlag.OCPP_NONE, IdentificationFlag.OCPP_NONE),
    AuthorizedBy.NOBODY: (IdentificationFlag.OCPP_NONE, IdentificationFlag.OCPP_NONE),
}
