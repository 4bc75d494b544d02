"""Signing certificates and signatures of files (L01.FR.04, FR.12, FR.21)."""

import datetime as dt
import hashlib
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.core.certificates import CertificateProblem
from agent.pki.code_signing import (
    REVOKED,
    SignatureProblem,
    check_signature,
    check_signing_chain,
    load_revocations,
    sign,
)
from agent.pki.verification import INVALID
from tests.throw_away_ca import Issued, Recipe, issue, revocation_list, rsa_key

NOW = dt.datetime.now(dt.UTC)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
ROOT = issue("Maker Root")
SIGNER = issue("Maker", ROOT, Recipe(usages=CODE, may_sign=True))
DIGEST = hashlib.sha256(b"image").digest()


def check(
    signer: Issued,
    *,
    pem: str | None = None,
    revoked: Sequence[x509.CertificateRevocationList] = (),
    now: dt.datetime = NOW,
) -> x509.Certificate:
    chain = signer.pem if pem is None else pem
    return check_signing_chain(chain, (ROOT.certificate,), revoked, now)


@pytest.mark.requirement("L01.FR.12", "L01.FR.12 (1.6)")
def test_a_certificate_for_code_signing_of_the_maker_s_root_is_good() -> None:
    assert check(SIGNER) == SIGNER.certificate


def test_sub_cas_come_along_with_the_signer() -> None:
    sub_ca = issue("Maker Sub CA", ROOT, Recipe(ca=True))
    signer = issue("Factory", sub_ca, Recipe(usages=CODE))
    assert check(signer, pem=signer.pem + sub_ca.pem) == signer.certificate
    with pytest.raises(CertificateProblem, match="root"):
        check(signer)


@pytest.mark.requirement("L01.FR.12", "L01.FR.21")
@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (issue("Thief", issue("Other Root"), Recipe(usages=CODE)), "installed root"),
        (issue("Late", ROOT, Recipe(usages=CODE, start=NOW - dt.timedelta(400))), "expired"),
        (issue("Early", ROOT, Recipe(usages=CODE, start=NOW + dt.timedelta(1))), "not valid yet"),
        (issue("Plain", ROOT), "not for code signing"),
        (
            issue("Server", ROOT, Recipe(usages=(ExtendedKeyUsageOID.SERVER_AUTH,))),
            "not for code signing",
        ),
        (issue("Mute", ROOT, Recipe(usages=CODE, may_sign=False)), "may not sign"),
        (issue("Weak", ROOT, Recipe(usages=CODE, key=rsa_key(1024))), "112 bits"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else value.certificate.subject.rfc4514_string()
    ),
)
def test_any_other_signer_is_refused(signer: Issued, reason: str) -> None:
    with pytest.raises(CertificateProblem, match=reason) as caught:
        check(signer)
    assert caught.value.reason_code == INVALID


@pytest.mark.parametrize("pem", ["", "no certificate", "x" * 20_001, "-----BEGIN"])
def test_what_is_no_chain_is_refused(pem: str) -> None:
    with pytest.raises(CertificateProblem):
        check(SIGNER, pem=pem)


def test_a_revoked_signer_is_refused_as_revoked() -> None:
    revoked = load_revocations(revocation_list(ROOT, SIGNER).public_bytes(Encoding.PEM))
    with pytest.raises(CertificateProblem) as caught:
        check(SIGNER, revoked=[revoked])
    assert caught.value.reason_code == REVOKED


def test_a_list_of_somebody_else_revokes_nothing() -> None:
    stranger = issue("Maker Root")
    assert check(SIGNER, revoked=[revocation_list(stranger, SIGNER)]) == SIGNER.certificate


@pytest.mark.requirement("L01.FR.04", "L01.FR.04 (1.6)")
@pytest.mark.parametrize(
    "signer",
    [SIGNER, issue("RSA", ROOT, Recipe(usages=CODE, key=rsa_key(2048)))],
    ids=["EC", "RSA"],
)
def test_a_signature_proves_this_file_and_this_signer(signer: Issued) -> None:
    signature = sign(signer.key_pem, DIGEST)
    check_signature(signer.certificate, signature, DIGEST)
    other = hashlib.sha256(b"imagE").digest()
    for wrong, digest in ((signature, other), (signature[:-1], DIGEST), (b"", DIGEST)):
        with pytest.raises(SignatureProblem):
            check_signature(signer.certificate, wrong, digest)
    with pytest.raises(SignatureProblem):
        check_signature(issue("Other", ROOT).certificate, signature, DIGEST)
