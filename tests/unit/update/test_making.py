"""What makers are told, and what they keep, when a bundle cannot be built or signed."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.__main__ import main
from tests.throw_away_ca import Recipe, issue
from tests.unit.cli.test_bundle import Maker
from tests.unit.update.trees import ROOT, SIGNER, TREE, plant

CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    maker = Maker(tmp_path)
    assert maker.build() == 0
    return maker


def complaint(captured: Captured) -> str:
    """The one line that a maker is told."""
    told = captured.readouterr().err
    assert told.startswith("stationd: ")
    assert told.count("\n") == 1
    return told


# --- Signing.


def test_a_key_of_another_certificate_signs_nothing(maker: Maker, capsys: Captured) -> None:
    (maker.folder / "key").write_bytes(issue("Other", ROOT, Recipe(usages=CODE)).key_pem)
    assert maker.sign() == 1
    assert "is not that of the first certificate" in complaint(capsys)
    assert not (maker.folder / "bundle").exists()


def test_a_chain_in_the_wrong_order_is_told(maker: Maker, capsys: Captured) -> None:
    sub_ca = issue("Sub CA", ROOT, Recipe(ca=True))
    signer = issue("Maker", sub_ca, Recipe(usages=CODE))
    (maker.folder / "key").write_bytes(signer.key_pem)
    (maker.folder / "chain").write_text(sub_ca.pem + signer.pem)
    assert maker.sign() == 1
    assert "the first certificate is not" in complaint(capsys)
    (maker.folder / "chain").write_text(signer.pem + sub_ca.pem)
    assert (maker.sign(), maker.verify()) == (0, 0)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [(Recipe(), "not for code signing"), (Recipe(usages=CODE, may_sign=False), "may not sign")],
)
def test_a_certificate_that_no_station_takes_signs_nothing(
    maker: Maker, capsys: Captured, recipe: Recipe, said: str
) -> None:
    signer = issue("Maker", ROOT, recipe)
    (maker.folder / "key").write_bytes(signer.key_pem)
    (maker.folder / "chain").write_text(signer.pem)
    assert maker.sign() == 1
    assert said in complaint(capsys)


def test_an_encrypted_key_is_told_as_such(maker: Maker, capsys: Captured) -> None:
    encrypted = SIGNER.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (maker.folder / "key").write_bytes(encrypted)
    assert maker.sign() == 1
    assert "encrypted" in complaint(capsys)


def test_a_key_of_another_kind_is_told_as_such(maker: Maker, capsys: Captured) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (maker.folder / "key").write_bytes(pem)
    assert maker.sign() == 1
    assert "neither an EC nor an RSA key" in complaint(capsys)


@pytest.mark.parametrize("content", [b"", b"noise", b"\xff\xfe", SIGNER.key_pem])
def test_a_chain_that_is_none_is_told_as_such(
    maker: Maker, capsys: Captured, content: bytes
) -> None:
    (maker.folder / "chain").write_bytes(content)
    assert maker.sign() == 1
    assert "certificate" in complaint(capsys)


@pytest.mark.parametrize("missing", ["key", "chain", "unsigned"])
def test_a_file_that_is_missing_is_named(maker: Maker, capsys: Captured, missing: str) -> None:
    (maker.folder / missing).unlink()
    assert maker.sign() == 1
    assert str(maker.folder / missing) in complaint(capsys)


def test_what_is_signed_is_not_signed_again(maker: Maker, capsys: Captured) -> None:
    maker.sign()
    capsys.readouterr()
    (maker.folder / "bundle").rename(maker.folder / "unsigned")
    assert maker.sign() == 1
    assert "is signed already" in complaint(capsys)


def test_what_was_not_built_is_not_signed(maker: Maker, capsys: Captured) -> None:
    (maker.folder / "unsigned").write_bytes(b"an image of something else" * 10)
    assert maker.sign() == 1
    assert "begin as a bundle" in complaint(capsys)


def test_inspecting_what_is_not_signed_yet_says_so(maker: Maker, capsys: Captured) -> None:
    assert main(["bundle", "inspect", str(maker.folder / "unsigned")]) == 1
    assert "is not signed" in complaint(capsys)


def test_a_key_among_the_certificates_is_never_given_away(maker: Maker, capsys: Captured) -> None:
    (maker.folder / "chain").write_bytes(SIGNER.key_pem + SIGNER.pem.encode())
    assert maker.sign() == 1
    assert "private key among the certificates" in complaint(capsys)


# --- What was there before.


def test_a_bundle_of_before_stays_when_another_cannot_take_its_place(maker: Maker) -> None:
    assert maker.sign() == 0
    before = (maker.folder / "bundle").read_bytes()
    (maker.folder / "key").write_text("noise")
    assert maker.sign() == 1
    assert maker.build("bundle", "latest") == 1
    assert (maker.folder / "bundle").read_bytes() == before
    assert not [path for path in maker.folder.iterdir() if path.name.startswith("bundle.")]


def test_signing_into_the_file_itself_signs_it(maker: Maker) -> None:
    assert maker.sign("unsigned") == 0
    assert maker.verify("unsigned") == 0


# --- Building.


@pytest.mark.parametrize("kind", ["file", "folder", "nothing", "pipe"])
def test_what_is_no_plain_file_is_not_left_out_in_silence(
    maker: Maker, capsys: Captured, kind: str
) -> None:
    odd = maker.tree / "lib/odd"
    match kind:
        case "file":
            odd.symlink_to("agent/__init__.py")
        case "folder":
            odd.symlink_to("agent")
        case "nothing":
            odd.symlink_to("nowhere")
        case _:
            os.mkfifo(odd)
    capsys.readouterr()
    assert maker.build("other") == 1
    assert "lib/odd is " in complaint(capsys)
    assert not (maker.folder / "other").exists()


@pytest.mark.parametrize("name", ["pyvenv.cfg", "bin/python3", "slot.json"])
def test_a_tree_with_the_station_s_own_names_makes_no_bundle(
    maker: Maker, capsys: Captured, name: str
) -> None:
    plant(maker.tree, {name: b""})
    capsys.readouterr()
    assert maker.build("other") == 1
    assert "of the station's own" in complaint(capsys)


def test_a_bundle_is_not_built_into_its_own_tree(maker: Maker, capsys: Captured) -> None:
    capsys.readouterr()
    assert maker.build("tree/lib/bundle") == 1
    assert "lie in the tree" in complaint(capsys)
    assert not (maker.tree / "lib/bundle").exists()


def test_a_name_that_is_no_text_makes_no_bundle(maker: Maker, capsys: Captured) -> None:
    Path(os.fsdecode(os.fsencode(maker.tree) + b"/\xff")).write_bytes(b"")
    capsys.readouterr()
    assert maker.build("other") == 1
    assert "printed" in complaint(capsys)


def test_umask_time_and_order_of_entries_change_nothing(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Maker(tmp_path / "other")
    before = os.umask(0o077)
    try:
        for name in TREE:
            (other.tree / name).unlink()
        plant(other.tree, dict(reversed(TREE.items())))
        for path in other.tree.rglob("*"):
            path.chmod(path.stat().st_mode & ~0o077)
            os.utime(path, (0, 0))
        assert other.build() == 0
    finally:
        os.umask(before)
    one, two = (each.folder / "unsigned" for each in (maker, other))
    assert one.read_bytes() == two.read_bytes()
