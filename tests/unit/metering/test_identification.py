"""The user block of a record, from an OCPP IdToken and the way it was accepted."""

import pytest

from agent.core.vocabulary import AuthorizedBy, TokenType
from agent.metering.identification import (
    UNASSIGNED,
    Identification,
    IdentificationFlag,
    IdentificationLevel,
    IdentificationType,
    identification_type,
    identify,
)


@pytest.mark.parametrize(
    ("token", "token_type", "expected"),
    [
        ("DEADBEEF", "ISO14443", IdentificationType.ISO14443),
        ("04A1B2C3D4E5F6", "ISO14443", IdentificationType.ISO14443),
        ("E007000012345678", "ISO15693", IdentificationType.ISO15693),
        ("DETNME12345678X", "eMAID", IdentificationType.EMAID),
        ("0A1B2C3D4E5F", "EVCCID", IdentificationType.EVCCID),
        ("session-17", "Central", IdentificationType.CENTRAL),
        ("button", "Local", IdentificationType.LOCAL),
        ("1234", "KeyCode", IdentificationType.KEY_CODE),
        ("0A:1B:2C:3D:4E:5F", "MacAddress", IdentificationType.UNDEFINED),
        ("WVWZZZ1JZXW000001", "VIN", IdentificationType.UNDEFINED),
        ("psp-1", "DirectPayment", IdentificationType.UNDEFINED),
        ("x", "SomethingNew", IdentificationType.UNDEFINED),
        ("", "NoAuthorization", IdentificationType.NONE),
        ("", "ISO14443", IdentificationType.NONE),
    ],
)
def test_an_id_token_type_becomes_its_ocmf_type(
    token: str, token_type: str, expected: IdentificationType
) -> None:
    assert identification_type(token, token_type) is expected


@pytest.mark.parametrize(
    ("token", "token_type"),
    [
        ("DEADBEEF00112233", "ISO14443"),
        ("not hex!", "ISO14443"),
        ("DEADBEEF", "ISO15693"),
        ("DE-TNM-E12345678-X", "eMAID"),
        ("0A1B2C3D4E5F\n", "EVCCID"),
    ],
)
def test_a_token_without_the_form_of_its_type_keeps_its_text_and_loses_its_type(
    token: str, token_type: str
) -> None:
    user = identify(token, token_type, AuthorizedBy.CSMS, over_tls=False)
    assert (user.type, user.data) == (IdentificationType.UNDEFINED, token)


@pytest.mark.parametrize(
    ("authorized_by", "over_tls", "level", "flag"),
    [
        (AuthorizedBy.CSMS, False, "TRUSTED", "OCPP_AUTH"),
        (AuthorizedBy.CSMS, True, "TRUSTED", "OCPP_AUTH_TLS"),
        (AuthorizedBy.REMOTE, False, "TRUSTED", "OCPP_RS"),
        (AuthorizedBy.REMOTE, True, "TRUSTED", "OCPP_RS_TLS"),
        (AuthorizedBy.CACHE, True, "TRUSTED", "OCPP_CACHE"),
        (AuthorizedBy.LOCAL_LIST, True, "TRUSTED", "OCPP_WHITELIST"),
        (AuthorizedBy.OFFLINE, True, "HEARSAY", "OCPP_NONE"),
    ],
)
def test_the_way_a_token_was_accepted_sets_level_and_flag(
    authorized_by: AuthorizedBy, over_tls: bool, level: str, flag: str
) -> None:
    user = identify("session-17", "Central", authorized_by, over_tls=over_tls)
    assert user.is_assigned
    assert (user.level, user.flags) == (level, ("RFID_NONE", flag))


def test_a_card_read_at_the_station_is_a_plain_rfid() -> None:
    user = identify("DEADBEEF", "ISO14443", AuthorizedBy.CACHE, over_tls=False)
    assert user.flags[0] is IdentificationFlag.RFID_PLAIN


def test_a_card_named_by_a_remote_start_was_not_read_at_the_station() -> None:
    user = identify("DEADBEEF", "ISO14443", AuthorizedBy.REMOTE, over_tls=False)
    assert user.flags[0] is IdentificationFlag.RFID_NONE


@pytest.mark.parametrize("authorized_by", AuthorizedBy)
@pytest.mark.parametrize("token_type", TokenType)
def test_every_token_type_and_every_way_of_authorization_has_a_user_block(
    token_type: TokenType, authorized_by: AuthorizedBy
) -> None:
    user = identify("DEADBEEF", token_type, authorized_by, over_tls=True)
    nobody = authorized_by is AuthorizedBy.NOBODY or token_type is TokenType.NO_AUTHORIZATION
    assert (user == UNASSIGNED) is nobody


def test_more_flags_than_the_format_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 4"):
        Identification(
            is_assigned=True,
            level=IdentificationLevel.TRUSTED,
            flags=(IdentificationFlag.RFID_NONE,) * 5,
            type=IdentificationType.CENTRAL,
            data="x",
        )
