"""The meter signing key: made once, kept tight, never silently replaced."""

import logging
import os
import stat
from pathlib import Path
from threading import Barrier, Thread

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)

from agent.metering.signing_key import (
    SigningKeyChangedError,
    SigningKeyDamagedError,
    SigningKeyUnavailableError,
    load_or_create_signing_key,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metering" / "signing.pem"


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(path: Path) -> None:
    load_or_create_signing_key(path)
    assert (rights(path), rights(path.parent)) == (0o600, 0o700)


def test_even_a_careless_umask_leaves_the_key_private(path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create_signing_key(path)
    finally:
        os.umask(before)
    assert (rights(path), rights(path.parent)) == (0o600, 0o700)


def test_the_key_is_made_once(path: Path) -> None:
    first = load_or_create_signing_key(path)
    content = path.read_bytes()
    second = load_or_create_signing_key(path, known_public_key_hex=first.public_key_hex.upper())
    assert (second.public_key_hex, path.read_bytes()) == (first.public_key_hex, content)


def test_two_stations_have_different_keys(tmp_path: Path) -> None:
    one = load_or_create_signing_key(tmp_path / "one" / "signing.pem")
    other = load_or_create_signing_key(tmp_path / "other" / "signing.pem")
    assert one.public_key_hex != other.public_key_hex
    assert one.fingerprint != other.fingerprint


def test_no_temporary_file_stays_behind(path: Path) -> None:
    load_or_create_signing_key(path)
    assert [file.name for file in path.parent.iterdir()] == ["signing.pem"]


def test_a_start_that_was_cut_off_while_writing_does_not_stop_the_next(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    (path.parent / ".signing.pem.new").write_bytes(b"-----BEGIN PRIV")
    load_or_create_signing_key(path)
    assert [file.name for file in path.parent.iterdir()] == ["signing.pem"]


def test_a_key_is_durable_before_it_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def seen_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def seen_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "rename", seen_rename)
    load_or_create_signing_key(path)
    assert steps == ["fsync file", "rename", "fsync folder"]


def test_the_public_key_is_the_subject_public_key_info_of_secp256r1(path: Path) -> None:
    key = load_or_create_signing_key(path)
    public = load_der_public_key(bytes.fromhex(key.public_key_hex))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    public.verify(key.sign(b"content"), b"content", ec.ECDSA(hashes.SHA256()))


def test_the_fingerprint_is_the_sha256_of_the_public_key(path: Path) -> None:
    key = load_or_create_signing_key(path)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(bytes.fromhex(key.public_key_hex))
    assert key.fingerprint == digest.finalize().hex()


def test_neither_the_key_nor_its_text_is_shown(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        key = load_or_create_signing_key(path)
    secret = path.read_text().splitlines()[1]
    assert secret not in repr(key) + caplog.text
    assert "_private_key" not in repr(key)


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o666, 0o700])
def test_a_key_file_with_loose_rights_is_tightened_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture, loose: int
) -> None:
    key = load_or_create_signing_key(path)
    path.chmod(loose)
    assert load_or_create_signing_key(path).public_key_hex == key.public_key_hex
    assert rights(path) == 0o600
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(path) in caplog.text
    assert f"{loose:04o}" in caplog.text


def test_a_folder_with_loose_rights_is_tightened_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    load_or_create_signing_key(path)
    assert rights(path.parent) == 0o700
    assert str(path.parent) in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 240, id="zeroes"),
        pytest.param(b"not a key", id="text"),
        pytest.param(pem(ec.generate_private_key(ec.SECP384R1())), id="other curve"),
        pytest.param(pem(rsa.generate_private_key(65537, 2048)), id="RSA"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), id="password"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1()))[:120], id="cut off"),
    ],
)
def test_a_damaged_key_file_is_named_with_its_remedy_and_never_replaced(
    path: Path, content: bytes
) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    for _ in range(2):
        with pytest.raises(SigningKeyDamagedError, match="restore it from a backup") as caught:
            load_or_create_signing_key(path)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_key_file_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "signing.pem"
    load_or_create_signing_key(elsewhere)
    path.parent.mkdir(mode=0o700)
    path.symlink_to(elsewhere)
    with pytest.raises(SigningKeyDamagedError, match="not a regular file"):
        load_or_create_signing_key(path)


def test_a_missing_key_is_not_replaced_once_records_were_signed_with_it(path: Path) -> None:
    known = load_or_create_signing_key(path).public_key_hex
    path.unlink()
    with pytest.raises(SigningKeyDamagedError, match="records were signed with it"):
        load_or_create_signing_key(path, known_public_key_hex=known)
    assert not path.exists()


def test_another_key_than_the_known_one_is_reported(path: Path, tmp_path: Path) -> None:
    known = load_or_create_signing_key(tmp_path / "old" / "signing.pem").public_key_hex
    load_or_create_signing_key(path)
    with pytest.raises(SigningKeyChangedError, match="publish its public key"):
        load_or_create_signing_key(path, known_public_key_hex=known)


def test_a_folder_that_cannot_be_used_is_named_with_its_remedy(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(SigningKeyUnavailableError, match="owner, the rights and the free space"):
        load_or_create_signing_key(blocked / "signing.pem")


def test_a_full_disk_leaves_no_half_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SigningKeyUnavailableError, match="No space left"):
        load_or_create_signing_key(path)
    monkeypatch.undo()
    assert not path.exists()
    load_or_create_signing_key(path)


def test_two_starts_at_once_agree_on_one_key(path: Path) -> None:
    together = Barrier(8)
    found: list[str] = []

    def start() -> None:
        together.wait()
        found.append(load_or_create_signing_key(path).public_key_hex)

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
