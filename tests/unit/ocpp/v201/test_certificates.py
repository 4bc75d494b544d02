"""Certificates in the words of 2.0.1 and 2.1; the bodies were checked against the schemas."""

from typing import Any

import pytest

from agent.core.certificates import (
    CertificateHashData,
    CertificateOutcome,
    CertificateProblem,
    CertificateSigned,
    CertificateStatus,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
    InstalledCertificate,
    InstalledCertificates,
    RootUse,
    SigningAnswered,
    SigningAsked,
)
from agent.ocpp.codec import Call, Codec
from agent.ocpp.v21.codec import CODEC as V21
from agent.ocpp.v201.codec import CODEC as V201
from tests.unit.ocpp.v201.instances import read, told
from tests.wire.official_schemas import ONLINE, check_response

CODECS = pytest.mark.parametrize("codec", [V201, V21], ids=["2.0.1", "2.1"])
NAME = CertificateHashData(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "1f")
WIRE_NAME = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "1f",
}


def asked(use: CertificateUse) -> SigningAsked:
    return SigningAsked(csr="CSR", use=use, request_id=7, root=NAME)


@pytest.mark.requirement("A02.FR.13", "A03.FR.13")
@CODECS
def test_a_request_says_what_the_certificate_is_for(codec: Codec) -> None:
    for use in (CertificateUse.CHARGING_STATION, CertificateUse.V2G):
        assert told(asked(use), codec=codec)["certificateType"] == use.value
    assert "certificateType" not in told(asked(CertificateUse.COMBINED), codec=codec)


@pytest.mark.requirement("A02.FR.24", "A02.FR.27", "A03.FR.20", "A03.FR.23")
def test_a_request_of_2_1_is_numbered_and_names_the_wanted_root() -> None:
    payload = told(asked(CertificateUse.V2G_20), codec=V21)
    assert payload["requestId"] == 7
    assert payload["hashRootCertificate"] == WIRE_NAME
    assert set(told(asked(CertificateUse.V2G), codec=V201)) == {"csr", "certificateType"}


@CODECS
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_the_answer_to_a_request_is_learned(codec: Codec, status: str) -> None:
    call, event = Call("SignCertificate", {}), asked(CertificateUse.CHARGING_STATION)
    fact = codec.fact(call, event, {"status": status}, ONLINE)
    assert fact == SigningAnswered(accepted=status == "Accepted")


def test_a_signed_certificate_may_come_without_type() -> None:
    assert read("CertificateSigned", {"certificateChain": "PEM"}) == CertificateSigned("PEM")
    payload = {"certificateChain": "PEM", "certificateType": "V2G20Certificate", "requestId": 7}
    assert read("CertificateSigned", payload, V21) == CertificateSigned(
        "PEM", CertificateUse.V2G_20, 7
    )


@CODECS
def test_orders_about_the_trust_store_are_read(codec: Codec) -> None:
    install = {"certificateType": "CSMSRootCertificate", "certificate": "PEM"}
    assert read("InstallCertificate", install, codec) == InstallCertificate(RootUse.CSMS, "PEM")
    delete = {"certificateHashData": WIRE_NAME}
    assert read("DeleteCertificate", delete, codec) == DeleteCertificate(NAME)
    assert read("GetInstalledCertificateIds", {}, codec) == GetInstalledCertificateIds()
    some = {"certificateType": ["CSMSRootCertificate", "V2GCertificateChain"]}
    wanted = frozenset(some["certificateType"])
    assert read("GetInstalledCertificateIds", some, codec) == GetInstalledCertificateIds(wanted)


def replied(codec: Codec, action: str, outcome: Any) -> Any:
    payload = codec.encode_outcome(action, outcome, {}, ONLINE)
    check_response(codec, action, payload)
    return payload


@CODECS
def test_a_refusal_tells_the_reason(codec: Codec) -> None:
    problem = CertificateProblem("InvalidCertificate", "expired")
    outcome = CertificateOutcome(CertificateStatus.REJECTED, problem)
    assert replied(codec, "InstallCertificate", outcome) == {
        "status": "Rejected",
        "statusInfo": {"reasonCode": "InvalidCertificate", "additionalInfo": "expired"},
    }


@pytest.mark.requirement("M03.FR.02", "M03.FR.03", "M03.FR.04", "M03.FR.05")
@CODECS
def test_certificates_are_listed_with_their_sub_cas(codec: Codec) -> None:
    listed = InstalledCertificates(
        (
            InstalledCertificate(RootUse.CSMS, NAME),
            InstalledCertificate("V2GCertificateChain", NAME, (NAME,)),
        )
    )
    assert replied(codec, "GetInstalledCertificateIds", listed) == {
        "status": "Accepted",
        "certificateHashDataChain": [
            {"certificateType": "CSMSRootCertificate", "certificateHashData": WIRE_NAME},
            {
                "certificateType": "V2GCertificateChain",
                "certificateHashData": WIRE_NAME,
                "childCertificateHashData": [WIRE_NAME],
            },
        ],
    }
    nothing = replied(codec, "GetInstalledCertificateIds", InstalledCertificates(()))
    assert nothing == {"status": "NotFound"}


def test_what_a_version_has_no_word_for_is_not_listed() -> None:
    listed = InstalledCertificates((InstalledCertificate(RootUse.OEM, NAME),))
    assert replied(V201, "GetInstalledCertificateIds", listed) == {"status": "NotFound"}
    assert replied(V21, "GetInstalledCertificateIds", listed)["status"] == "Accepted"
