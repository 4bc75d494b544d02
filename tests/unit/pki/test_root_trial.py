"""A further CSMS root with AdditionalRootCertificateCheck: signed, tried, kept over cuts."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.core.certificates import CertificateProblem, HashAlgorithm, RootChoice, RootUse
from agent.pki.hash_data import certificate_hash_data
from agent.pki.trust_anchors import InstalledRoots
from tests.throw_away_ca import DAY, Issued, Recipe, issue

NOW = dt.datetime.now(dt.UTC)
CA = Recipe(ca=True)
OLD, STRANGER = issue("Old root"), issue("Stranger")
NEW = issue("New root", OLD, CA)
NEWER = issue("Newer root", OLD, CA)


def stored(folder: Path, file: Path | None = None) -> InstalledRoots:
    return InstalledRoots(folder / "roots", file, must_be_signed=True)


def with_old(folder: Path) -> InstalledRoots:
    roots = stored(folder)
    assert roots.install(RootUse.CSMS, OLD.pem, NOW), "the first one has nobody to sign it"
    assert roots.untried is None
    return roots


def on_trial(folder: Path) -> tuple[InstalledRoots, str]:
    roots = with_old(folder)
    assert roots.install(RootUse.CSMS, NEW.pem, NOW)
    assert roots.untried is not None
    return roots, roots.untried


def installed(roots: InstalledRoots) -> set[str]:
    return {c.subject.rfc4514_string() for c in roots.roots(RootUse.CSMS)}


def names(*issued: Issued) -> set[str]:
    return {each.certificate.subject.rfc4514_string() for each in issued}


@pytest.mark.requirement("M05.FR.09", "M05.FR.12", "M05.FR.08 (1.6)", "M05.FR.11 (1.6)")
def test_a_signed_root_is_on_trial_beside_the_old_one_also_after_a_restart(tmp_path: Path) -> None:
    _, name = on_trial(tmp_path)
    roots = stored(tmp_path)
    assert roots.untried == name
    assert installed(roots) == names(OLD, NEW)
    assert roots.csms_roots_pem(RootChoice(only=name)) == NEW.pem
    assert roots.csms_roots_pem(RootChoice(without=name)) == OLD.pem
    assert roots.has_cross_signed()
    assert not roots.install(RootUse.CSMS, NEW.pem, NOW, has_room=False), "it is here already"


@pytest.mark.requirement("M05.FR.10", "M05.FR.13", "M05.FR.17", "M05.FR.12 (1.6)")
def test_a_root_that_worked_replaces_the_others_and_is_the_one_that_signs_next(
    tmp_path: Path,
) -> None:
    roots, name = on_trial(tmp_path)
    assert not roots.prove("another")
    assert roots.prove(name)
    assert not roots.prove(name), "its trial is over"
    for each in (roots, stored(tmp_path)):
        assert installed(each) == names(NEW)
        assert each.untried is None
        assert each.has_cross_signed()
        assert not each.install(RootUse.CSMS, NEW.pem, NOW)
    with pytest.raises(CertificateProblem):
        roots.install(RootUse.CSMS, NEWER.pem, NOW)
    assert roots.install(RootUse.CSMS, issue("Third", NEW, CA).pem, NOW)


def same_name_as_old() -> Issued:
    """Return a root with the old one's name in both places that another key has signed."""
    return issue("Old root")


def forged() -> Issued:
    """Return a root that names the old one as issuer, but was not signed by it."""
    return issue("New root", Issued(OLD.certificate, STRANGER.key), CA)


@pytest.mark.requirement("M05.FR.11", "M05.FR.10 (1.6)")
@pytest.mark.parametrize(
    "made",
    [
        lambda: STRANGER,
        same_name_as_old,
        forged,
        lambda: issue("leaf", OLD),
        lambda: issue("by a leaf", issue("leaf", OLD), CA),
        lambda: issue("late", OLD, Recipe(ca=True, start=NOW - 90 * DAY, days=30)),
        lambda: issue("by the untried one", NEW, CA),
    ],
)
def test_a_root_that_no_proven_one_has_signed_is_refused_and_changes_nothing(
    tmp_path: Path, made: Callable[[], Issued]
) -> None:
    roots, name = on_trial(tmp_path)
    with pytest.raises(CertificateProblem):
        roots.install(RootUse.CSMS, made().pem, NOW)
    for each in (roots, stored(tmp_path)):
        assert installed(each) == names(OLD, NEW)
        assert each.untried == name


def test_a_newer_root_takes_the_place_of_the_untried_one_even_without_room(tmp_path: Path) -> None:
    roots, name = on_trial(tmp_path)
    assert roots.install(RootUse.CSMS, NEWER.pem, NOW, has_room=False)
    assert roots.untried != name
    assert installed(roots) == installed(stored(tmp_path)) == names(OLD, NEWER)
    full = with_old(tmp_path / "other")
    with pytest.raises(CertificateProblem):
        full.install(RootUse.CSMS, NEW.pem, NOW, has_room=False)


def test_a_root_renewed_with_the_same_key_is_signed_by_the_old_one(tmp_path: Path) -> None:
    roots = with_old(tmp_path)
    assert roots.install(
        RootUse.CSMS, issue("Old root", recipe=Recipe(ca=True, key=OLD.key)).pem, NOW
    )


def test_all_roots_of_before_the_option_stay_until_a_new_one_has_worked(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(STRANGER.pem)
    before = InstalledRoots(tmp_path / "roots", file)
    before.install(RootUse.CSMS, OLD.pem, NOW)
    roots = stored(tmp_path, file)
    assert installed(roots) == names(STRANGER, OLD)
    assert roots.install(RootUse.CSMS, NEW.pem, NOW)
    name = roots.untried
    assert name is not None
    assert roots.csms_roots_pem(RootChoice(without=name)) == STRANGER.pem + OLD.pem
    assert roots.prove(name)
    assert installed(stored(tmp_path, file)) == names(NEW), "the configured one is withdrawn"


def test_without_the_option_a_root_on_trial_is_one_like_all_others(tmp_path: Path) -> None:
    on_trial(tmp_path)
    roots = InstalledRoots(tmp_path / "roots")
    assert roots.untried is None
    assert installed(roots) == names(OLD, NEW)
    assert roots.install(RootUse.CSMS, STRANGER.pem, NOW)
    with pytest.raises(CertificateProblem):
        roots.install(RootUse.CSMS, NEWER.pem, NOW)
    assert stored(tmp_path).untried is None, "a trial that ended does not begin again"


def test_other_uses_need_no_signature(tmp_path: Path) -> None:
    roots, _ = on_trial(tmp_path)
    assert roots.install(RootUse.V2G, STRANGER.pem, NOW)
    assert roots.install(RootUse.V2G, OLD.pem, NOW)
    with pytest.raises(CertificateProblem):
        roots.install(RootUse.MO, NEW.pem, NOW)


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_cross_signed_root_is_named_by_its_issuer_also_once_that_has_gone(
    tmp_path: Path, algorithm: HashAlgorithm
) -> None:
    roots, name = on_trial(tmp_path)
    named = certificate_hash_data(NEW.certificate, OLD.certificate, algorithm)
    roots.prove(name)
    assert stored(tmp_path).find(named) == ((RootUse.CSMS, name),)
    assert [each.hash_data for each in roots.installed(algorithm)] == [named]


def test_an_untried_root_that_is_removed_or_damaged_leaves_the_old_one(tmp_path: Path) -> None:
    roots, name = on_trial(tmp_path)
    roots.remove(RootUse.CSMS, name)
    assert roots.untried is None
    assert installed(roots) == installed(stored(tmp_path)) == names(OLD)
    assert not roots.has_cross_signed()
    roots, name = on_trial(tmp_path / "other")
    (tmp_path / "other/roots/CSMSRootCertificate" / f"{name}.pem").write_text("damaged")
    assert roots.csms_roots_pem(RootChoice(only=name)) == OLD.pem
    assert not roots.prove(name), "it was not relied on"
    assert installed(stored(tmp_path / "other")) == names(OLD)


class PowerCut(BaseException):
    """The device has no power any more."""


def cut_at(monkeypatch: pytest.MonkeyPatch, step: int, work: Callable[[], object]) -> bool:
    """Do something until its n-th write to the disk; tell whether it got that far."""
    left = step

    def sync(_descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        try:
            work()
        except PowerCut:
            return True
    return False


@pytest.mark.requirement("M05.FR.12", "M05.FR.11 (1.6)")
def test_a_power_cut_during_an_installation_leaves_the_old_root_and_at_most_one_on_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    while True:
        folder = tmp_path / str(steps)
        roots, _ = on_trial(folder)
        if not cut_at(monkeypatch, steps, lambda r=roots: r.install(RootUse.CSMS, NEWER.pem, NOW)):  # type: ignore[misc]
            break
        steps += 1
        again = stored(folder)
        left = installed(again)
        assert names(OLD) <= left <= names(OLD, NEW) or left == names(OLD, NEWER)
        assert (again.untried is None) == (left == names(OLD))
        assert len(again.proven_csms_roots()) == 1
        assert again.install(RootUse.CSMS, NEWER.pem, NOW) or left == names(OLD, NEWER)
        assert installed(again) == names(OLD, NEWER)
    assert steps > 8


@pytest.mark.requirement("M05.FR.13", "M05.FR.12 (1.6)")
def test_a_power_cut_while_the_old_roots_go_leaves_the_one_that_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    while True:
        folder = tmp_path / str(steps)
        roots, name = on_trial(folder)
        if not cut_at(monkeypatch, steps, lambda r=roots, n=name: r.prove(n)):  # type: ignore[misc]
            break
        steps += 1
        again = stored(folder)
        assert names(NEW) <= installed(again)
        assert again.csms_roots_pem(RootChoice(only=name)) == NEW.pem
        assert again.csms_roots_pem(RootChoice(without=name)) != ""
        assert again.prove(name) or again.untried is None
        assert installed(again) == names(NEW)
    assert steps > 2
