"""Sizes and sets that OCPP 2.0.1 and 2.1 bound differently, as data for the encoders they share."""

from typing import Final

from agent.core.records import dataclass

TRANSACTION_ID_LENGTH: Final = 36
IDENTIFIER_LENGTH: Final = 50
TOKEN_TYPE_LENGTH: Final = 20
REASON_CODE_LENGTH: Final = 20
ADDITIONAL_INFO_LENGTH: Final = 512
VARIABLE_VALUE_LENGTH: Final = 2500
VALUES_LIST_LENGTH: Final = 1000
UNIT_LENGTH: Final = 16
MOST_PHASES: Final = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What a version's schemas allow; `token_types` None means any type name.

    `keeps_messages`: a personal message is no tariff, so it may be kept with its token.
    `tells_empty_signed_fields`: signingMethod and publicKey are required, hence sent as "".
    """

    id_token_length: int
    token_types: frozenset[str] | None
    signed_data_length: int
    tells_empty_signed_fields: bool
    keeps_messages: bool = False
    signing_method_length: int = 50
    contract_chain_length: int = 5500
    responder_url_length: int = 512
    public_key_length: int = 2500
    exi_request_length: int = 5600


LIMITS: Final = Limits(
    id_token_length=36,
    token_types=frozenset(
        {
            "Central",
            "eMAID",
            "ISO14443",
            "ISO15693",
            "KeyCode",
            "Local",
            "MacAddress",
            "NoAuthorization",
        }
    ),
    signed_data_length=2500,
    tells_empty_signed_fields=True,
)
