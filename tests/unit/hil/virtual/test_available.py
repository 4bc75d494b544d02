"""What a computer without the tools is told."""

from pathlib import Path

import pytest

from hil.virtual import available


def test_a_computer_without_tools_is_told_what_they_are_and_who_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sentence = available.sentence()
    assert "qemu-system-aarch64 (Debian: qemu-system-arm)" in sentence
    assert sentence.endswith("on Debian, run hil/virtual/install-tools.sh as root")
    assert "\n" not in sentence


def test_the_installer_installs_whatever_could_be_missing() -> None:
    installer = Path(available.__file__).with_name("install-tools.sh").read_text("ascii")
    for package in ("qemu-system-arm", "gcc-12-aarch64-linux-gnu", "make", "e2fsprogs", "kmod"):
        assert f" {package}" in installer
