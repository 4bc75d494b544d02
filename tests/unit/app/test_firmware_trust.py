"""Who may sign firmware: files of the maker's, roots of the CSMS's, and what is wrong with them."""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.app import firmware_trust
from agent.app.firmware_trust import ManufacturerTrust
from agent.core.certificates import CertificateProblem, RootUse
from agent.core.firmware_order import FirmwareOrder, SignatureRefused
from agent.pki.code_signing import sign
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import Recipe, issue

ROOT = issue("Maker Root")
SIGNER = issue("Maker", ROOT, Recipe(usages=(ExtendedKeyUsageOID.CODE_SIGNING,)))
NOW = datetime.now(UTC)
IMAGE = b"image" * 1000
SIGNATURE = base64.b64encode(sign(SIGNER.key_pem, hashlib.sha256(IMAGE).digest())).decode()


@pytest.fixture
def maker_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "maker"
    folder.mkdir()
    (folder / "root.pem").write_text(ROOT.pem)
    return folder


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "image"
    file.write_bytes(IMAGE)
    return file


def trust(folder: Path, maker_dir: Path) -> ManufacturerTrust:
    return ManufacturerTrust(InstalledRoots(folder / "roots"), maker_dir)


def order(signature: str = SIGNATURE) -> FirmwareOrder:
    return FirmwareOrder(
        request_id=7,
        location="https://files.example/x",
        retrieve_at=NOW,
        signing_certificate=SIGNER.pem,
        signature=signature,
    )


async def test_a_root_of_the_maker_s_or_of_the_csms_s_is_enough(
    tmp_path: Path, maker_dir: Path
) -> None:
    await trust(tmp_path, maker_dir).check_signer(SIGNER.pem, NOW)
    roots = InstalledRoots(tmp_path / "roots")
    roots.install(RootUse.MANUFACTURER, ROOT.pem, NOW)
    await ManufacturerTrust(roots, tmp_path / "nowhere").check_signer(SIGNER.pem, NOW)


async def test_a_root_for_another_use_is_none(tmp_path: Path) -> None:
    roots = InstalledRoots(tmp_path / "roots")
    roots.install(RootUse.CSMS, ROOT.pem, NOW)
    with pytest.raises(CertificateProblem, match="installed root"):
        await ManufacturerTrust(roots, tmp_path / "nowhere").check_signer(SIGNER.pem, NOW)


@pytest.mark.parametrize("name", ["other.pem", "list.crl"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN", b"x" * 2_000_000])
async def test_a_file_of_the_maker_s_that_is_damaged_lets_nobody_in(
    tmp_path: Path, maker_dir: Path, name: str, content: bytes
) -> None:
    (maker_dir / name).write_bytes(content)
    with pytest.raises(CertificateProblem, match="manufacturer cannot be read"):
        await trust(tmp_path, maker_dir).check_signer(SIGNER.pem, NOW)


@pytest.mark.requirement("L01.FR.04", "L01.FR.12")
async def test_an_image_is_verified_as_a_whole(
    tmp_path: Path, maker_dir: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware_trust, "_CHUNK_BYTES", 7)
    await trust(tmp_path, maker_dir).check_image(order(), image, NOW)
    wrapped = "\n".join(SIGNATURE[at : at + 64] for at in range(0, len(SIGNATURE), 64))
    await trust(tmp_path, maker_dir).check_image(order(wrapped), image, NOW)
    longer = tmp_path / "longer"
    await asyncio.to_thread(longer.write_bytes, IMAGE + b"!")
    with pytest.raises(SignatureRefused):
        await trust(tmp_path, maker_dir).check_image(order(), longer, NOW)


@pytest.mark.parametrize("signature", ["", "☺", "c2ln", "=", "A" * 800])
async def test_what_is_no_signature_proves_nothing(
    tmp_path: Path, maker_dir: Path, image: Path, signature: str
) -> None:
    with pytest.raises(SignatureRefused):
        await trust(tmp_path, maker_dir).check_image(order(signature), image, NOW)


async def test_an_image_that_is_gone_proves_nothing(tmp_path: Path, maker_dir: Path) -> None:
    with pytest.raises(SignatureRefused, match="cannot be read"):
        await trust(tmp_path, maker_dir).check_image(order(), tmp_path / "none", NOW)
