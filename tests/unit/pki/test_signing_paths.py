"""Where a signer's chain leads: sub-CAs, their limits, and lists that revoke them (L01.FR.12)."""

import datetime as dt
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.core.certificates import CertificateProblem
from agent.pki.code_signing import REVOKED, check_signing_chain
from tests.throw_away_ca import DAY, Issued, Recipe, issue, revocation_list, rsa_key

NOW = dt.datetime.now(dt.UTC)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
ROOT = issue("Maker Root")
SUB_CA = issue("Sub CA", ROOT, Recipe(ca=True))
SIGNER = issue("Maker", SUB_CA, Recipe(usages=CODE))
pytestmark = pytest.mark.requirement("L01.FR.12")


def check(
    *chain: Issued,
    roots: Sequence[Issued] = (ROOT,),
    revoked: Sequence[x509.CertificateRevocationList] = (),
) -> None:
    pem = "".join(each.pem for each in chain)
    check_signing_chain(pem, [root.certificate for root in roots], revoked, NOW)


def test_a_sub_ca_that_is_revoked_by_the_root_lets_nobody_in() -> None:
    check(SIGNER, SUB_CA)
    with pytest.raises(CertificateProblem) as caught:
        check(SIGNER, SUB_CA, revoked=[revocation_list(ROOT, SUB_CA)])
    assert caught.value.reason_code == REVOKED


def test_a_list_of_the_sub_ca_revokes_its_signers_and_a_list_of_the_root_does_not() -> None:
    check(SIGNER, SUB_CA, revoked=[revocation_list(ROOT, SIGNER)])
    with pytest.raises(CertificateProblem) as caught:
        check(SIGNER, SUB_CA, revoked=[revocation_list(ROOT), revocation_list(SUB_CA, SIGNER)])
    assert caught.value.reason_code == REVOKED


def test_a_list_that_is_out_of_date_still_revokes() -> None:
    entry = x509.RevokedCertificateBuilder().serial_number(SIGNER.certificate.serial_number)
    old = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(SUB_CA.certificate.subject)
        .last_update(NOW - 9 * DAY)
        .next_update(NOW - 2 * DAY)
        .add_revoked_certificate(entry.revocation_date(NOW - 9 * DAY).build())
        .sign(SUB_CA.key, hashes.SHA256())
    )
    with pytest.raises(CertificateProblem) as caught:
        check(SIGNER, SUB_CA, revoked=[old])
    assert caught.value.reason_code == REVOKED


@pytest.mark.parametrize(
    ("recipe", "is_ca"),
    [
        (Recipe(ca=False), False),
        (Recipe(ca=True, may_sign=True), False),
        (Recipe(ca=True, usages=SERVER), False),
        (Recipe(ca=True, usages=(*SERVER, *CODE)), True),
        (Recipe(ca=True, usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), True),
        (Recipe(ca=True, path_length=0), True),
        (Recipe(ca=True, start=NOW - 200 * DAY), False),
        (Recipe(ca=True, key=rsa_key(1024)), False),
    ],
    ids=[
        *("no CA", "may not sign certificates", "for servers only", "for servers and code"),
        *("for all uses", "for leaves only", "expired", "weak"),
    ],
)
def test_a_sub_ca_must_be_one_for_code_itself(recipe: Recipe, is_ca: bool) -> None:
    sub_ca = issue("Sub CA", ROOT, recipe)
    signer = issue("Maker", sub_ca, Recipe(usages=CODE))
    if is_ca:
        check(signer, sub_ca)
        return
    with pytest.raises(CertificateProblem):
        check(signer, sub_ca)


def test_no_more_sub_cas_than_each_allows() -> None:
    narrow = issue("Narrow", ROOT, Recipe(ca=True, path_length=0))
    below = issue("Below", narrow, Recipe(ca=True))
    with pytest.raises(CertificateProblem):
        check(issue("Maker", below, Recipe(usages=CODE)), below, narrow)
    root = issue("Narrow Root", recipe=Recipe(ca=True, path_length=0))
    sub_ca = issue("Sub CA", root, Recipe(ca=True))
    check(issue("Maker", root, Recipe(usages=CODE)), roots=[root])
    with pytest.raises(CertificateProblem):
        check(issue("Maker", sub_ca, Recipe(usages=CODE)), sub_ca, roots=[root])


def test_a_signer_may_not_issue_signers() -> None:
    thief = issue("Thief", SIGNER, Recipe(usages=CODE))
    with pytest.raises(CertificateProblem):
        check(thief, SIGNER, SUB_CA)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(ca=True, key=rsa_key(1024)),
        Recipe(ca=True, start=NOW - 200 * DAY),
        Recipe(ca=True, start=NOW + DAY),
        Recipe(ca=False),
    ],
    ids=["weak", "expired", "not valid yet", "no CA"],
)
def test_a_root_that_may_not_issue_vouches_for_nobody(recipe: Recipe) -> None:
    root = issue("Old Root", recipe=recipe)
    with pytest.raises(CertificateProblem):
        check(issue("Maker", root, Recipe(usages=CODE)), roots=[root])


def test_a_root_that_signed_itself_along_with_the_chain_is_no_root() -> None:
    root = issue("Maker Root")
    with pytest.raises(CertificateProblem):
        check(issue("Maker", root, Recipe(usages=CODE)), root)


def with_extension(
    issuer: Issued, recipe: Recipe, extension: x509.ExtensionType, *, critical: bool
) -> Issued:
    """Issue a certificate that says something more."""
    plain = issue("Odd", issuer, recipe)
    known = plain.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(known.subject)
        .issuer_name(known.issuer)
        .public_key(known.public_key())
        .serial_number(known.serial_number)
        .not_valid_before(known.not_valid_before_utc)
        .not_valid_after(known.not_valid_after_utc)
        .add_extension(extension, critical)
    )
    for each in known.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return Issued(builder.sign(issuer.key, hashes.SHA256()), plain.key)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
NAMES = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example")], excluded_subtrees=None)


@pytest.mark.parametrize("extension", [UNKNOWN, NAMES], ids=["unknown", "name constraints"])
@pytest.mark.parametrize("critical", [True, False])
def test_what_a_certificate_demands_is_understood_or_it_is_refused(
    extension: x509.ExtensionType,
    critical: bool,
) -> None:
    """RFC 5280, 4.2: an extension that is critical must not be passed over."""
    signer = with_extension(SUB_CA, Recipe(usages=CODE), extension, critical=critical)
    sub_ca = with_extension(ROOT, Recipe(ca=True), extension, critical=critical)
    below = issue("Below", sub_ca, Recipe(usages=CODE))
    for chain in ((signer, SUB_CA), (below, sub_ca)):
        if critical:
            with pytest.raises(CertificateProblem, match="demands"):
                check(*chain)
        else:
            check(*chain)


def test_of_two_certificates_of_one_sub_ca_the_one_that_leads_to_a_root_counts() -> None:
    """A maker that changes its root has its sub-CA certified by both."""
    other = issue("Other Root")
    cross = issue("Sub CA", other, Recipe(ca=True, key=SUB_CA.key))
    for chain in ((SIGNER, SUB_CA, cross), (SIGNER, cross, SUB_CA)):
        check(*chain)
        check(*chain, roots=[other])
