import datetime as dt
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from agent.core.certificates import (
    CertificateProblem,
    CertificateUse,
    Expectation,
    Subject,
)
from agent.pki.verification import check_root, check_signed, key_of, parse_chain, path_to_root
from tests.throw_away_ca import DAY, Issued, Key, Recipe, issue, new_key, rsa_key

NOW = dt.datetime.now(dt.UTC)
EXPECTED = Expectation(
    use=CertificateUse.CHARGING_STATION, subject=Subject("Example", "0001"), now=NOW
)
ROOT = issue("Root")
SUB = issue("Sub CA", ROOT, Recipe(ca=True))


def check(*chain: Issued, roots: tuple[Issued, ...] = (ROOT,)) -> None:
    certificates = tuple(issued.certificate for issued in chain)
    check_signed(certificates, [root.certificate for root in roots], EXPECTED)


@pytest.mark.requirement("A02.FR.06", "A03.FR.06", "A00.FR.504", "A00.FR.506")
@pytest.mark.parametrize("key", [new_key, lambda: rsa_key(3072)])
def test_a_certificate_of_a_known_root_is_accepted(
    key: Callable[[], Key],
) -> None:
    check(issue("0001", ROOT, Recipe(key=key())))
    check(issue("0001", SUB, Recipe(key=key())), SUB)


def test_the_order_of_the_sub_cas_does_not_matter_nor_does_a_root_that_came_along() -> None:
    lower = issue("Lower CA", SUB, Recipe(ca=True))
    leaf = issue("0001", lower)
    check(leaf, SUB, ROOT, lower)


def _below(recipe: Recipe) -> tuple[Issued, ...]:
    sub = issue("Other Sub", ROOT, recipe)
    return issue("0001", sub), sub


def _below_two() -> tuple[Issued, ...]:
    upper = issue("Upper", ROOT, Recipe(ca=True, path_length=0))
    lower = issue("Lower", upper, Recipe(ca=True))
    return issue("0001", lower), lower, upper


LEAVES: dict[str, Callable[[], tuple[Issued, ...]]] = {
    "expired": lambda: (issue("0001", ROOT, Recipe(start=NOW - 100 * DAY)),),
    "not valid yet": lambda: (issue("0001", ROOT, Recipe(start=NOW + DAY)),),
    "below an expired sub-CA": lambda: _below(Recipe(ca=True, start=NOW - 100 * DAY)),
    "for another station": lambda: (issue("0002", ROOT),),
    "of another organization": lambda: (issue("0001", ROOT, Recipe(organization="Other")),),
    "without organization": lambda: (issue("0001", ROOT, Recipe(organization=None)),),
    "self-signed": lambda: (issue("0001", recipe=Recipe()),),
    "of an unknown root": lambda: (issue("0001", issue("Unknown")),),
    "of a root with the same name": lambda: (issue("0001", issue("Root")),),
    "without its sub-CA": lambda: (issue("0001", SUB),),
    "signed by a certificate that is no CA": lambda: _below(Recipe(ca=False)),
    "deeper than the CA allows": _below_two,
    "with a weak RSA key": lambda: (issue("0001", ROOT, Recipe(key=rsa_key(1024))),),
    "with a weak EC key": lambda: (
        issue("0001", ROOT, Recipe(key=ec.generate_private_key(ec.SECP192R1()))),
    ),
    "below a weak sub-CA": lambda: _below(Recipe(ca=True, key=rsa_key(1024))),
}


@pytest.mark.requirement(
    *("A02.FR.06", "A02.FR.07", "A03.FR.06", "A03.FR.07", "A00.FR.501", "A00.FR.502"),
    *("A00.FR.503", "A00.FR.509", "A00.FR.511", "A00.FR.501 (1.6)"),
)
@pytest.mark.parametrize("flaw", LEAVES)
def test_a_certificate_with_a_flaw_is_refused(flaw: str) -> None:
    with pytest.raises(CertificateProblem) as caught:
        check(*LEAVES[flaw]())
    assert caught.value.reason_code == "InvalidCertificate"
    assert caught.value.info


def test_an_expired_root_ends_no_chain() -> None:
    old = issue("Old root", recipe=Recipe(ca=True, start=NOW - 100 * DAY))
    with pytest.raises(CertificateProblem):
        check(issue("0001", old), roots=(old,))


@pytest.mark.requirement("A00.FR.504", "A00.FR.506")
def test_a_signature_with_sha_1_is_refused(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "the command openssl is needed to sign with SHA-1"
    made = subprocess.run(
        [
            *(openssl, "req", "-x509", "-sha1", "-newkey", "ec", "-nodes", "-days", "30"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/O=Example/CN=0001"),
            *("-keyout", str(tmp_path / "key.pem")),
        ],
        capture_output=True,
        check=True,
    )
    weak = x509.load_pem_x509_certificate(made.stdout)
    with pytest.raises(CertificateProblem, match="sha1"):
        check_root(weak, NOW)


@pytest.mark.requirement("M05.FR.07")
def test_a_root_is_a_ca_that_signed_itself_and_is_valid_now() -> None:
    check_root(ROOT.certificate, NOW)
    for bad in (
        SUB,
        issue("leaf", recipe=Recipe()),
        issue("Old", recipe=Recipe(ca=True, start=NOW - 100 * DAY)),
        issue("Weak", recipe=Recipe(ca=True, key=rsa_key(1024))),
    ):
        with pytest.raises(CertificateProblem):
            check_root(bad.certificate, NOW)


def test_the_path_names_every_certificate_up_to_the_root() -> None:
    leaf = issue("0001", SUB)
    chain = (leaf.certificate, SUB.certificate)
    assert path_to_root(chain, [ROOT.certificate], NOW) == (*chain, ROOT.certificate)


@pytest.mark.requirement("A00.FR.507")
def test_a_chain_is_read_whatever_its_line_ends() -> None:
    leaf = issue("0001", SUB)
    text = leaf.pem.replace("\n", "\r\n") + "\n" + SUB.pem
    chain = parse_chain(text)
    assert chain == (leaf.certificate, SUB.certificate)
    assert key_of(chain) == key_of((leaf.certificate,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
        "ü" * 100,
        ROOT.pem[: len(ROOT.pem) // 2],
        ROOT.pem.replace("MII", "MIJ", 1),
        ROOT.pem * 6,
        "A" * 100_000,
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(CertificateProblem):
        parse_chain(text)


def test_a_flipped_bit_anywhere_is_refused_or_breaks_the_signature() -> None:
    leaf = issue("0001", ROOT)
    body = leaf.pem.splitlines()[1:-1]
    text = "".join(body)
    for at in range(0, len(text), 7):
        other = "A" if text[at] != "A" else "B"
        changed = text[:at] + other + text[at + 1 :]
        pem = f"-----BEGIN CERTIFICATE-----\n{changed}\n-----END CERTIFICATE-----\n"
        with pytest.raises(CertificateProblem):
            check_signed(parse_chain(pem), [ROOT.certificate], EXPECTED)
