"""`stationd bundle`, from a tree to a file that stations take."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.__main__ import main
from agent.pki.code_signing import check_signature
from agent.update.bundle import file_sha256
from tests.throw_away_ca import issue, revocation_list
from tests.unit.update.trees import ROOT, SIGNER, TREE, plant


class Maker:
    def __init__(self, folder: Path) -> None:
        self.folder, self.makers = folder, folder / "makers"
        self.makers.mkdir()
        (self.makers / "root.pem").write_text(ROOT.pem)
        self.tree = plant(folder / "tree")
        (folder / "key").write_bytes(SIGNER.key_pem)
        (folder / "chain").write_text(SIGNER.pem)

    def build(self, name: str = "unsigned", version: str = "1.1.0", *more: str) -> int:
        words = ("--tree", str(self.tree), "--version", version, "--hardware", "AC22", "AC11")
        return main(["bundle", "build", *words, "--output", str(self.folder / name), *more])

    def sign(self, name: str = "bundle") -> int:
        words = ("--key", str(self.folder / "key"), "--chain", str(self.folder / "chain"))
        unsigned = str(self.folder / "unsigned")
        return main(["bundle", "sign", unsigned, *words, "--output", str(self.folder / name)])

    def verify(self, name: str = "bundle", *more: str) -> int:
        makers = ("--makers", str(self.makers), *more)
        return main(["bundle", "verify", str(self.folder / name), *makers])


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_what_is_built_and_signed_verifies(
    maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (maker.build(), maker.sign(), maker.verify("bundle", "--json")) == (0, 0, 0)
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["version"] == "1.1.0"
    assert facts["hardware"] == ["AC22", "AC11"]
    assert facts["files"] == facts["files_that_travel"] == len(TREE)
    assert facts["verified"] is True


def test_the_signature_that_ocpp_carries_is_over_the_whole_file(
    maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.build()
    maker.sign()
    told = capsys.readouterr().out.splitlines()[-1].removeprefix("signature = ")
    check_signature(
        SIGNER.certificate, base64.b64decode(told), file_sha256(maker.folder / "bundle")
    )


def test_building_twice_gives_the_same_bytes(maker: Maker) -> None:
    maker.build("one")
    plant(maker.tree, dict(reversed(TREE.items())))
    maker.build("two")
    assert (maker.folder / "one").read_bytes() == (maker.folder / "two").read_bytes()


def test_a_delta_brings_only_what_changed(maker: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    maker.build()
    maker.sign("old")
    plant(maker.tree, {"bin/stationd": b"#!newer\n"})
    assert maker.build("unsigned", "1.2.0", "--base", str(maker.folder / "old")) == 0
    maker.sign("delta")
    assert maker.verify("delta", "--json") == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["base_version"], facts["files_that_travel"]) == ("1.1.0", 1)
    assert facts["bundle_bytes"] < (maker.folder / "old").stat().st_size


def test_inspect_says_that_nothing_is_verified(
    maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.build()
    maker.sign()
    assert main(["bundle", "inspect", str(maker.folder / "bundle")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing of this is verified"


@pytest.mark.parametrize("damage", ["other root", "revoked", "flipped", "unsigned", "no makers"])
def test_verify_says_no_and_why(
    maker: Maker, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    maker.build()
    maker.sign()
    capsys.readouterr()
    match damage:
        case "other root":
            (maker.makers / "root.pem").write_text(issue("Other").pem)
        case "revoked":
            pem = revocation_list(ROOT, SIGNER).public_bytes(Encoding.PEM)
            (maker.makers / "root.crl").write_bytes(pem)
        case "flipped":
            content = bytearray((maker.folder / "bundle").read_bytes())
            content[300] ^= 1
            (maker.folder / "bundle").write_bytes(content)
        case "unsigned":
            (maker.folder / "bundle").write_bytes((maker.folder / "unsigned").read_bytes())
        case _:
            (maker.makers / "root.pem").unlink()
    assert maker.verify() == 1
    assert capsys.readouterr().err.startswith("stationd: ")


@pytest.mark.parametrize(
    ("version", "more"),
    [("latest", ()), ("1.0", ("--rollback-index", "-1")), ("1.0", ("--base", "nowhere"))],
)
def test_what_no_station_would_take_is_not_built(
    maker: Maker, version: str, more: tuple[str, ...]
) -> None:
    assert maker.build("unsigned", version, *more) == 1
    assert not (maker.folder / "unsigned").exists()


def test_a_key_that_cannot_sign_leaves_nothing_behind(maker: Maker) -> None:
    maker.build()
    (maker.folder / "key").write_text("noise")
    assert maker.sign() == 1
    assert not (maker.folder / "bundle").exists()


def test_a_file_that_is_missing_or_no_bundle_is_named_in_words(
    maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, chain = maker.folder / "missing", maker.folder / "chain"
    assert main(["bundle", "inspect", str(missing)]) == 1
    assert capsys.readouterr().err == f"stationd: {missing}: No such file or directory\n"
    assert main(["bundle", "inspect", str(chain), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    why = "chain is no bundle, is not signed, or its end is missing"
    assert told == {"ok": False, "error": why}
    assert maker.build() == 0
    chain.write_bytes(b"\xfc")
    assert maker.sign() == 1
    assert f"{chain} has no certificate in PEM" in capsys.readouterr().err
