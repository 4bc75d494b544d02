import datetime as dt
from pathlib import Path

import pytest

from agent.core.certificates import CertificateProblem, HashAlgorithm, RootUse
from agent.pki.hash_data import certificate_hash_data
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import Issued, issue

NOW = dt.datetime.now(dt.UTC)
ONE, OTHER = issue("One"), issue("Other")


def test_what_is_installed_is_trusted_for_its_use_alone_and_after_a_restart(
    tmp_path: Path,
) -> None:
    roots = InstalledRoots(tmp_path / "roots")
    assert not roots.has_csms_root()
    assert roots.install(RootUse.V2G, ONE.pem, NOW)
    assert not roots.has_csms_root()
    assert roots.csms_roots_pem() == ""
    assert roots.install(RootUse.CSMS, OTHER.pem, NOW)
    again = InstalledRoots(tmp_path / "roots")
    assert again.roots(RootUse.V2G) == (ONE.certificate,)
    assert again.csms_roots_pem() == OTHER.pem
    assert again.entries() == 2


@pytest.mark.requirement("M05.FR.17")
def test_a_root_that_is_trusted_already_is_no_news_even_without_room(tmp_path: Path) -> None:
    roots = InstalledRoots(tmp_path)
    assert roots.install(RootUse.CSMS, ONE.pem, NOW)
    assert not roots.install(RootUse.CSMS, ONE.pem.replace("\n", "\r\n"), NOW, has_room=False)
    with pytest.raises(CertificateProblem):
        roots.install(RootUse.CSMS, OTHER.pem, NOW, has_room=False)
    assert len(roots.roots(RootUse.CSMS)) == 1


@pytest.mark.parametrize("pem", ["garbage", ONE.pem + OTHER.pem, issue("leaf", ONE).pem])
def test_what_is_no_single_root_is_refused(tmp_path: Path, pem: str) -> None:
    with pytest.raises(CertificateProblem):
        InstalledRoots(tmp_path).install(RootUse.CSMS, pem, NOW)


def configured(tmp_path: Path, *certificates: Issued) -> InstalledRoots:
    file = tmp_path / "ca.pem"
    file.write_text("".join(f"# comment\n{c.pem}" for c in certificates))
    return InstalledRoots(tmp_path / "roots", file)


def test_configured_roots_are_trusted_beside_installed_ones(tmp_path: Path) -> None:
    roots = configured(tmp_path, ONE)
    assert roots.install(RootUse.CSMS, OTHER.pem, NOW)
    assert roots.csms_roots_pem() == ONE.pem + OTHER.pem
    assert not roots.install(RootUse.CSMS, ONE.pem, NOW)


def test_a_configured_root_that_was_deleted_stays_so_until_it_is_installed(
    tmp_path: Path,
) -> None:
    roots = configured(tmp_path, ONE, OTHER)
    name = certificate_hash_data(ONE.certificate, ONE.certificate)
    for use, file in roots.find(name):
        roots.remove(use, file)
    assert configured(tmp_path, ONE, OTHER).csms_roots_pem() == OTHER.pem
    assert roots.find(name) == ()
    assert roots.install(RootUse.CSMS, ONE.pem, NOW)
    assert len(roots.roots(RootUse.CSMS)) == 2
    assert len(configured(tmp_path, OTHER).roots(RootUse.CSMS)) == 2, "now it is installed"


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_root_is_found_by_hash_data_of_any_algorithm(
    tmp_path: Path, algorithm: HashAlgorithm
) -> None:
    roots = InstalledRoots(tmp_path)
    roots.install(RootUse.CSMS, ONE.pem, NOW)
    roots.install(RootUse.MO, ONE.pem, NOW)
    name = certificate_hash_data(ONE.certificate, ONE.certificate, algorithm)
    assert {use for use, _file in roots.find(name)} == {RootUse.CSMS, RootUse.MO}
    assert {entry.hash_data for entry in roots.installed(algorithm)} == {name}


def test_damaged_files_are_left_out_and_do_not_hide_the_others(tmp_path: Path) -> None:
    roots = configured(tmp_path, ONE)
    roots.install(RootUse.CSMS, OTHER.pem, NOW)
    (tmp_path / "roots" / "CSMSRootCertificate" / "bad.pem").write_bytes(b"\xff\x00")
    (tmp_path / "roots" / "CSMSRootCertificate" / "worse.pem").write_text(
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"
    )
    assert roots.csms_roots_pem() == ONE.pem + OTHER.pem
    assert len(roots.roots(RootUse.CSMS)) == 2
    (tmp_path / "ca.pem").unlink()
    assert roots.csms_roots_pem() == OTHER.pem
