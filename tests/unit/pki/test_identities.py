import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from agent.core.certificates import (
    CertificateHashData,
    CertificateProblem,
    CertificateUse,
    Expectation,
    HashAlgorithm,
    KeyKind,
    RootUse,
    Subject,
)
from agent.pki import files
from agent.pki.hash_data import certificate_hash_data
from agent.pki.identities import StationIdentities
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import DAY, Issued, Recipe, issue, sign_request

NOW = dt.datetime.now(dt.UTC)
SUBJECT = Subject("Example", "0001")
ROOT = issue("Root")


def expecting(use: CertificateUse = CertificateUse.CHARGING_STATION) -> Expectation:
    return Expectation(use=use, subject=SUBJECT, now=NOW)


@pytest.fixture
def roots(tmp_path: Path) -> InstalledRoots:
    found = InstalledRoots(tmp_path / "pki" / "roots")
    found.install(RootUse.CSMS, ROOT.pem, NOW)
    found.install(RootUse.V2G, ROOT.pem, NOW)
    return found


def opened(tmp_path: Path, roots: InstalledRoots, **options: Any) -> StationIdentities:
    return StationIdentities(tmp_path / "pki", roots, **options)


@pytest.fixture
def identities(tmp_path: Path, roots: InstalledRoots) -> StationIdentities:
    return opened(tmp_path, roots)


def signed(identities: StationIdentities, recipe: Recipe | None = None) -> tuple[str, Issued]:
    """Make a key and have it signed; return its name and the certificate."""
    key = identities.make_key()
    return key, sign_request(identities.request(key, SUBJECT), ROOT, recipe)


def added(identities: StationIdentities, recipe: Recipe | None = None) -> Issued:
    key, certificate = signed(identities, recipe)
    assert identities.add(certificate.pem, key, expecting())
    return certificate


@pytest.mark.requirement(
    *("A02.FR.02", "A02.FR.03", "A03.FR.03", "A00.FR.507", "A00.FR.509", "A00.FR.511", "A00.FR.514")
)
def test_a_request_names_organization_and_serial_number_and_no_host(
    identities: StationIdentities,
) -> None:
    pem = identities.request(identities.make_key(), SUBJECT)
    assert pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    request = x509.load_pem_x509_csr(pem.encode())
    assert request.is_signature_valid
    subject = {a.oid: a.value for a in request.subject}
    assert subject == {NameOID.ORGANIZATION_NAME: "Example", NameOID.COMMON_NAME: "0001"}
    assert len(request.extensions) == 0
    assert len(pem) <= 5500


@pytest.mark.requirement(
    *("A00.FR.427", "A00.FR.501", "A00.FR.502", "A00.FR.503", "A00.FR.427 (1.6)"),
    "A00.FR.501 (1.6)",
)
@pytest.mark.parametrize("kind", KeyKind)
def test_keys_are_strong_and_each_is_another(
    kind: KeyKind, tmp_path: Path, roots: InstalledRoots
) -> None:
    identities = opened(tmp_path, roots, kind=kind)
    one, other = identities.make_key(), identities.make_key()
    assert one != other
    request = x509.load_pem_x509_csr(identities.request(one, SUBJECT).encode())
    key = request.public_key()
    if kind is KeyKind.EC:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
    else:
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == 3072


@pytest.mark.requirement("A02.FR.05", "A03.FR.05")
def test_keys_are_for_their_owner_alone(tmp_path: Path, roots: InstalledRoots) -> None:
    old_mask = os.umask(0)
    try:
        identities = opened(tmp_path, roots)
        added(identities)
    finally:
        os.umask(old_mask)
    for path in (tmp_path / "pki").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    (key_file,) = (tmp_path / "pki" / "keys").iterdir()
    key_file.chmod(0o644)
    opened(tmp_path, roots)
    assert key_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("A02.FR.08", "A02.FR.10", "A03.FR.10")
def test_the_newest_pair_comes_first_and_the_others_stay_until_removed(
    identities: StationIdentities, tmp_path: Path, roots: InstalledRoots
) -> None:
    first, second = added(identities), added(identities)
    pairs = identities.usable()
    texts = [pair.certificate_file.read_text() for pair in pairs]
    assert texts == [second.pem, first.pem]
    assert opened(tmp_path, roots).usable() == pairs
    identities.remove(pairs[1])
    assert identities.usable() == pairs[:1]
    assert not pairs[1].key_file.exists()
    assert pairs[0].key_file.exists()


def test_the_configured_pair_comes_last_and_is_only_retired(
    tmp_path: Path, roots: InstalledRoots
) -> None:
    factory = issue("0001", ROOT, folder=tmp_path)
    files_of = (factory.certificate_file, factory.key_file)
    identities = opened(tmp_path, roots, factory=files_of)
    (configured,) = identities.usable()
    assert configured.certificate_file == factory.certificate_file
    added(identities)
    assert identities.usable()[1:] == (configured,)
    identities.remove(configured)
    again = opened(tmp_path, roots, factory=files_of)
    assert configured not in again.usable()
    assert factory.key_file.exists()
    issue("0001", ROOT, folder=tmp_path)
    assert len(again.usable()) == 2, "another configured pair counts again"


@pytest.mark.requirement("A02.FR.07", "A03.FR.07")
def test_a_refused_certificate_leaves_nothing_behind(identities: StationIdentities) -> None:
    key, certificate = signed(identities)
    for pem, awaited in (
        (certificate.pem, None),
        (certificate.pem, identities.make_key()),
        (signed(identities, Recipe(start=NOW - 200 * DAY))[1].pem, key),
        ("garbage", key),
    ):
        with pytest.raises(CertificateProblem):
            identities.add(pem, awaited, expecting())
        assert identities.usable() == ()
        assert identities.entries() == 0
    assert identities.add(certificate.pem, key, expecting())


def test_the_same_certificate_again_is_no_news(identities: StationIdentities) -> None:
    certificate = added(identities)
    assert not identities.add(certificate.pem, None, expecting())
    assert len(identities.usable()) == 1


def test_keys_without_certificate_are_forgotten_unless_one_awaits_them(
    identities: StationIdentities, tmp_path: Path
) -> None:
    added(identities)
    (kept,) = (tmp_path / "pki" / "keys").iterdir()
    awaited, unwanted = identities.make_key(), identities.make_key()
    identities.forget_keys({awaited})
    assert {path.stem for path in (tmp_path / "pki" / "keys").iterdir()} == {kept.stem, awaited}
    assert not identities.has_key(unwanted)


@pytest.mark.parametrize("step", ["open", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_state(
    identities: StationIdentities, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = added(identities)
    key, certificate = signed(identities)

    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        owner = Path if step == "rename" else files.os
        patched.setattr(owner, step, fail)
        with pytest.raises(OSError, match="No space"):
            identities.add(certificate.pem, key, expecting())
    assert [p.certificate_file.read_text() for p in identities.usable()] == [first.pem]
    assert identities.add(certificate.pem, key, expecting())


def test_what_a_power_cut_left_half_written_is_gone_at_the_next_start(
    identities: StationIdentities, tmp_path: Path, roots: InstalledRoots
) -> None:
    added(identities)
    half = tmp_path / "pki" / "station" / "00000002-abc.pem.new"
    half.write_text("-----BEGIN")
    assert len(opened(tmp_path, roots).usable()) == 1
    assert not half.exists()


def test_the_end_of_the_newest_certificate_is_told(identities: StationIdentities) -> None:
    assert identities.expires_at() is None
    added(identities)
    newest = added(identities, Recipe(days=20))
    assert identities.expires_at() == newest.certificate.not_valid_after_utc
    identities.usable()[0].certificate_file.write_text("damaged")
    assert identities.expires_at() is None


def hash_of(certificate: Issued) -> CertificateHashData:
    return certificate_hash_data(certificate.certificate, ROOT.certificate)


@pytest.mark.requirement("M04.FR.06")
def test_the_stations_certificate_is_recognized_by_its_hash_data(
    identities: StationIdentities,
) -> None:
    certificate = added(identities)
    assert identities.is_station_certificate(hash_of(certificate))
    assert not identities.is_station_certificate(hash_of(ROOT))


@pytest.mark.requirement("A02.FR.15", "A03.FR.15", "M03.FR.05")
def test_of_several_v2g_certificates_the_one_that_began_last_is_used(
    identities: StationIdentities,
) -> None:
    sub = issue("Sub CA", ROOT, Recipe(ca=True))
    made = []
    for days_ago in (3, 1, 2):
        key = identities.make_key()
        recipe = Recipe(start=NOW - days_ago * DAY)
        leaf = sign_request(identities.request(key, SUBJECT), sub, recipe)
        assert identities.add(leaf.pem + sub.pem, key, expecting(CertificateUse.V2G))
        made.append(leaf)
    (found,) = identities.v2g_chains(NOW, HashAlgorithm.SHA256)
    assert found.use == "V2GCertificateChain"
    assert found.hash_data == certificate_hash_data(made[1].certificate, sub.certificate)
    assert found.children == (certificate_hash_data(sub.certificate, ROOT.certificate),)
    assert identities.usable() == ()
    assert identities.remove_v2g(found.hash_data)
    assert not identities.remove_v2g(found.hash_data)


def test_a_combined_certificate_serves_both_uses(identities: StationIdentities) -> None:
    key, certificate = signed(identities)
    assert identities.add(certificate.pem, key, expecting(CertificateUse.COMBINED))
    assert len(identities.usable()) == 1
    assert len(identities.v2g_chains(NOW, HashAlgorithm.SHA256)) == 1
    identities.remove(identities.usable()[0])
    assert identities.has_key(key), "the V2G certificate still needs it"
