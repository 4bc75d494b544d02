import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from agent.core.certificates import CertificateHashData, HashAlgorithm
from agent.pki.hash_data import certificate_hash_data, chain_hash_data, ocsp_responder_url
from tests.throw_away_ca import Issued, Key, Recipe, issue, new_key, rsa_key

HASHES = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}


@pytest.mark.requirement("M03.FR.04")
@pytest.mark.parametrize("algorithm", HashAlgorithm)
@pytest.mark.parametrize("key", [new_key(), rsa_key(2048)], ids=["EC", "RSA"])
def test_the_hash_data_are_those_of_an_ocsp_request(algorithm: HashAlgorithm, key: Key) -> None:
    root = issue("Root", recipe=Recipe(ca=True, key=key))
    leaf = issue("leaf", root)
    found = certificate_hash_data(leaf.certificate, root.certificate, algorithm)
    builder = ocsp.OCSPRequestBuilder()
    request = builder.add_certificate(leaf.certificate, root.certificate, HASHES[algorithm]).build()
    assert found == CertificateHashData(
        algorithm,
        request.issuer_name_hash.hex(),
        request.issuer_key_hash.hex(),
        f"{request.serial_number:x}",
    )


def test_the_issuer_key_hash_is_over_the_key_without_its_frame() -> None:
    root = issue("Root")
    assert isinstance(root.key, ec.EllipticCurvePrivateKey)
    point = root.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    found = certificate_hash_data(root.certificate, root.certificate)
    assert found.issuer_key_hash == hashlib.sha256(point).hexdigest()
    key = rsa_key(2048)
    root = issue("Root", recipe=Recipe(ca=True, key=key))
    bits = key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    found = certificate_hash_data(root.certificate, root.certificate)
    assert found.issuer_key_hash == hashlib.sha256(bits).hexdigest()


def test_the_serial_number_has_no_leading_zeros_and_no_prefix() -> None:
    root = issue("Root")
    for number, text in ((1, "1"), (0x0AB, "ab"), (2**159 - 1, "7f" + "f" * 38)):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(root.certificate.subject)
            .issuer_name(root.certificate.subject)
            .public_key(root.key.public_key())
            .serial_number(number)
            .not_valid_before(root.certificate.not_valid_before_utc)
            .not_valid_after(root.certificate.not_valid_after_utc)
            .sign(root.key, hashes.SHA256())
        )
        assert certificate_hash_data(certificate, root.certificate).serial_number == text


def test_the_key_is_hashed_as_it_stands_in_the_certificate(tmp_path: Path) -> None:
    """A compressed point is another BIT STRING than the same point uncompressed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate with a compressed key")
    key_file = tmp_path / "root.key"

    def run(*arguments: str) -> bytes:
        return subprocess.run([openssl, *arguments], capture_output=True, check=True).stdout

    made_file = tmp_path / "made.key"
    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(made_file))
    run("ec", "-in", str(made_file), "-conv_form", "compressed", "-out", str(key_file))
    made = run("req", "-x509", "-key", str(key_file), "-subj", "/CN=Root", "-days", "3")
    root = x509.load_pem_x509_certificate(made)
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    found = certificate_hash_data(root, root)
    assert found.issuer_key_hash == hashlib.sha256(point).hexdigest()


def test_names_are_compared_whatever_the_case_of_their_digits() -> None:
    name = CertificateHashData(HashAlgorithm.SHA256, "ab12", "cd34", "ef")
    assert name.names_the_same_as(CertificateHashData(HashAlgorithm.SHA256, "AB12", "CD34", "00EF"))
    assert not name.names_the_same_as(
        CertificateHashData(HashAlgorithm.SHA384, "ab12", "cd34", "ef")
    )
    assert not name.names_the_same_as(
        CertificateHashData(HashAlgorithm.SHA256, "ab12", "cd34", "ee")
    )


def test_each_certificate_of_a_chain_is_named_by_the_one_above_it() -> None:
    root = issue("Root")
    sub = issue("Sub", root, Recipe(ca=True))
    leaf = issue("leaf", sub)
    found = chain_hash_data((leaf.certificate, sub.certificate), root.certificate)
    assert found == (
        certificate_hash_data(leaf.certificate, sub.certificate),
        certificate_hash_data(sub.certificate, root.certificate),
    )


def test_the_responder_is_read_from_the_certificate() -> None:
    root = issue("Root")
    assert ocsp_responder_url(root.certificate) is None
    assert ocsp_responder_url(_with_responder(root, "http://ocsp.example/")) == (
        "http://ocsp.example/"
    )


def _with_responder(root: Issued, url: str) -> x509.Certificate:
    key = rsa.generate_private_key(65537, 2048)
    access = x509.AccessDescription(
        x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(root.certificate.not_valid_before_utc)
        .not_valid_after(root.certificate.not_valid_after_utc)
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .sign(root.key, hashes.SHA256())
    )
