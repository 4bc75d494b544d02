"""A real RAUC on a bus of its own: two systems as plain files, and a boot loader that is a file."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.throw_away_ca import Issued, Recipe, issue

NEEDED = ("rauc", "dbus-daemon", "mksquashfs")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/>
    <allow send_type="signal"/> <allow send_type="method_return"/> <allow send_type="error"/>
    <allow receive_type="method_call"/> <allow receive_type="signal"/>
    <allow receive_type="method_return"/> <allow receive_type="error"/>
  </policy>
</busconfig>
"""
SYSTEM = """[system]
compatible={compatible}
bootloader=custom
statusfile={folder}/status
bundle-formats=plain
mountprefix={folder}/mount
activate-installed=false
[keyring]
path={folder}/keyring.pem
check-purpose=codesign
[handlers]
bootloader-custom-backend={folder}/boot-loader
[slot.rootfs.0]
device={folder}/a.img
type=raw
bootname=A
[slot.rootfs.1]
device={folder}/b.img
type=raw
bootname=B
[slot.rescue.0]
device={folder}/rescue.img
type=raw
bootname=R
"""
BOOT_LOADER = """#!{python}
import pathlib, sys, time
folder = pathlib.Path({folder!r})
command, *words = sys.argv[1:]
if command == "set-state":
    (folder / "entered").touch()
    while (folder / "slow").exists():
        time.sleep(0.02)
if (folder / f"refuses-{{command}}").exists():
    sys.exit(1)
match command:
    case "get-primary": print((folder / "primary").read_text())
    case "set-primary": (folder / "primary").write_text(words[0])
    case "get-state": print((folder / f"state-{{words[0]}}").read_text())
    case "set-state": (folder / f"state-{{words[0]}}").write_text(words[1])
"""
MANIFEST = """[update]
compatible={compatible}
version={version}
[bundle]
format=plain
[image.rootfs]
filename=rootfs.img
"""
NOTES = {"primary": "A", "state-A": "good", "state-B": "bad", "state-R": "good"}
COMPATIBLE = "stationd-test"
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)


def obstacle() -> str:
    """Return why RAUC cannot run here, '' if it can."""
    if os.geteuid() != 0:
        return "RAUC mounts bundles, which needs root"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install rauc dbus squashfs-tools"
    return ""


class RaucBench:
    """One machine with RAUC; `boot` restarts its service in a system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:path={folder}/bus"
        self.root = issue("Maker Root")
        self.signer = issue("Maker", self.root, Recipe(usages=CODE), folder)
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "bus.conf").write_text(BUS.format(folder=folder))
        (folder / "keyring.pem").write_text(self.root.pem)
        (folder / "system.conf").write_text(SYSTEM.format(folder=folder, compatible=COMPATIBLE))
        loader = folder / "boot-loader"
        loader.write_text(BOOT_LOADER.format(python=sys.executable, folder=str(folder)))
        loader.chmod(0o755)
        for name, content in NOTES.items():
            (folder / name).write_text(content)
        for image in ("a.img", "b.img", "rescue.img"):
            (folder / image).write_bytes(b"\0" * (1 << 20))
        self._start("dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile")
        _await(folder / "bus")
        self._service: subprocess.Popen[bytes] | None = None
        self.boot("A")

    def boot(self, slot: str) -> None:
        """Restart RAUC as it is found after a boot of that system, or of the one on that device."""
        self.kill_service()
        self._service = self._start(
            "rauc", f"--conf={self.folder}/system.conf", f"--override-boot-slot={slot}", "service"
        )
        self._await_service()

    def kill_service(self) -> None:
        """End RAUC, whatever it does; what it has mounted stays until the machine is restarted."""
        if self._service is not None:
            self._service.kill()
            self._service.wait(10.0)
        self._unmount()

    def hang(self) -> None:
        """Let RAUC answer nothing any more."""
        assert self._service is not None
        self._service.send_signal(signal.SIGSTOP)

    def cut_the_bus(self) -> None:
        """End the bus under everybody."""
        self._processes[0].kill()
        self._processes[0].wait(10.0)

    def says(self, name: str) -> str:
        """Return what the boot loader has noted."""
        return (self.folder / name).read_text()

    def bundle(
        self, content: bytes, compatible: str = COMPATIBLE, root: Issued | None = None
    ) -> Path:
        """Make a bundle with one image; another root has another signer."""
        parts = self.folder / "parts"
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        (parts / "rootfs.img").write_bytes(content)
        (parts / "manifest.raucm").write_text(MANIFEST.format(compatible=compatible, version="2"))
        bundle, signer = self.folder / "system.raucb", self.signer
        if root is not None:
            signer = issue("Somebody", root, Recipe(usages=CODE), self.folder)
        bundle.unlink(missing_ok=True)
        keyring = self.folder / "own-keyring.pem"
        keyring.write_text((root or self.root).pem)
        config = self.folder / "making.conf"
        text = (self.folder / "system.conf").read_text()
        config.write_text(text.replace("/keyring.pem", "/own-keyring.pem"))
        files = (f"--cert={signer.certificate_file}", f"--key={signer.key_file}")
        command = ["rauc", *files, f"--conf={config}", "bundle", str(parts), str(bundle)]
        subprocess.run(command, check=True, capture_output=True)
        return bundle

    def close(self) -> None:
        """End everything."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(10.0)
        self._unmount()

    def _unmount(self) -> None:
        bundle = self.folder / "mount/bundle"
        if bundle.is_mount():
            subprocess.run(["/usr/bin/env", "umount", "--lazy", str(bundle)], check=True)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def _await_service(self) -> None:
        words = [
            *("dbus-send", f"--bus={self.address}", "--print-reply", "--dest=de.pengutronix.rauc"),
            *("/", "org.freedesktop.DBus.Properties.Get"),
            *("string:de.pengutronix.rauc.Installer", "string:BootSlot"),
        ]
        ends = time.monotonic() + 10.0
        while subprocess.run(words, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > ends:
                raise AssertionError((self.folder / "rauc.log").read_text())
            time.sleep(0.05)


def _await(path: Path) -> None:
    ends = time.monotonic() + 10.0
    while not path.exists():
        assert time.monotonic() < ends, f"{path} does not appear"
        time.sleep(0.02)


@contextlib.contextmanager
def rauc_bench(folder: Path) -> Iterator[RaucBench]:
    """Provide a bench and end it."""
    bench = RaucBench(folder)
    try:
        yield bench
    finally:
        bench.close()
