"""The root file system of the machine: Debian packages unpacked, and made to boot unconfigured."""

import shutil
import sys
import tomllib
import uuid
from pathlib import Path

from hil.virtual.image.debian import Apt, unpack
from hil.virtual.image.kernel import Kernel
from hil.virtual.image.module_closure import closure
from hil.virtual.image.programs import run

HERE = Path(__file__).parents[1]
CHECKOUT = HERE.parents[1]
GUEST = HERE / "guest"
PYTHON = "3.11"
WHEELS = "opt/wheels"
PRODUCT = "opt/product"

PACKAGES = (
    *("base-files", "base-passwd", "bash", "busybox-static", "coreutils", "dash", "debianutils"),
    *("grep", "hostname", "kmod", "libc-bin", "mount", "procps", "python3", "sed", "systemd"),
    *("systemd-sysv", "udev", "util-linux", "gzip", "findutils", "gpiod"),
)
# Packages that only serve the installation of others, or a console.
NOT_NEEDED = frozenset(
    {"adduser", "cpio", "debconf", "dpkg", "libdb5.3", "libperl5.36", "passwd", "perl"}
    | {"perl-base", "perl-modules-5.36", "tar", "usrmerge", "libfile-find-rule-perl"}
)
MODULES = (
    *("virtio_pci", "virtio_net", "virtio_console", "xhci_pci", "ftdi_sio", "cdc_acm", "usbserial"),
    *("i6300esb", "bench_card", "pinctrl_bcm2835", "bench_pwm", "bench_adc", "ext4", "virtio_blk"),
    *("crc32c_generic", "autofs4", "sch_netem"),
)
# Units that serve consoles, or first boots of another kind than this one.
MASKED = (
    *("systemd-hwdb-update.service", "systemd-journal-catalog-update.service"),
    *("ldconfig.service", "systemd-update-done.service", "systemd-firstboot.service"),
    *("systemd-binfmt.service", "systemd-pstore.service", "systemd-timesyncd.service"),
    *("getty@tty1.service", "serial-getty@ttyAMA0.service", "systemd-logind.service"),
    *("systemd-networkd.service", "systemd-resolved.service", "dev-hugepages.mount"),
    *("dev-mqueue.mount", "systemd-user-sessions.service", "hwclock.service"),
    *("systemd-machine-id-commit.service", "getty-static.service", "systemd-update-utmp.service"),
    *("systemd-update-utmp-runlevel.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *("sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "modprobe@configfs.service"),
    *("modprobe@fuse.service", "modprobe@drm.service", "modprobe@dm_mod.service"),
    *("modprobe@loop.service", "modprobe@efi_pstore.service", "systemd-ask-password-wall.path"),
    *("systemd-ask-password-console.path", "getty.target", "remote-fs.target", "motd-news.timer"),
)
ENABLED = {"bench-control.service": "sysinit", "bench-network.service": "multi-user"}
PLATFORMS = (
    "manylinux2014_aarch64",
    *(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 36)),
)


def make_root(root: Path, apt: Apt, kernel: Kernel) -> None:
    """Fill an empty folder with the root file system; raises `BuildFailed`."""
    _merge_usr(root)
    wanted = [p for p in apt.resolve(PACKAGES) if p.partition(":")[0] not in NOT_NEEDED]
    for package in apt.download(wanted):
        unpack(package, root)
    _install_modules(root, kernel)
    _configure(root)
    _install_wheels(root / WHEELS)
    _prepare_product(root)
    compile_python(root, ("usr/lib/python3", f"usr/lib/python{PYTHON}", WHEELS, "usr/local/lib"))


def compile_python(root: Path, folders: tuple[str, ...]) -> None:
    """Compile ahead what the machine would take seconds for, if a Python of its kind is here.

    The code is never checked against its source again: the disk is made once.
    """
    python = _python_like_the_machines()
    if python is None:
        return
    places = [str(root / folder) for folder in folders if (root / folder).is_dir()]
    options = ("-q", "-j", "2", "--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/")
    run(python, "-m", "compileall", *options, *places)


def _python_like_the_machines() -> str | None:
    if ".".join(map(str, sys.version_info[:2])) == PYTHON:
        return sys.executable
    return shutil.which(f"python{PYTHON}")


def _merge_usr(root: Path) -> None:
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "run", "sys", "tmp", "var"):
        (root / name).mkdir()
    (root / "var" / "run").symlink_to("/run")
    (root / "var" / "lock").symlink_to("/run/lock")


def _install_modules(root: Path, kernel: Kernel) -> None:
    target = root / "usr" / "lib" / "modules" / kernel.release
    for path in closure(kernel.modules, MODULES):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel.modules / path, target / path)
    shutil.copy(kernel.modules / "modules.order", target)
    # Ours takes the place of a driver that this machine has no device for, but the kernel has.
    for name, end in (("modules.builtin", b"\n"), ("modules.builtin.modinfo", b"\0")):
        entries = (kernel.modules / name).read_bytes().split(end)
        ours = (b"pinctrl-bcm2835", b"pinctrl_bcm2835")
        kept = [entry for entry in entries if not any(one in entry for one in ours)]
        (target / name).write_bytes(end.join(kept))
    run("depmod", "--basedir", root, kernel.release)


def _configure(root: Path) -> None:
    etc = root / "etc"
    masters = root / "usr" / "share" / "base-passwd"
    users = (masters / "passwd.master").read_text("ascii")
    (etc / "passwd").write_text(users.replace("root:*:", "root::", 1), "ascii")
    shutil.copy(masters / "group.master", etc / "group")
    for name in ("shadow", "gshadow", "fstab"):
        (etc / name).touch(mode=0o600 if name.endswith("shadow") else 0o644)
    (etc / "machine-id").write_text(uuid.uuid4().hex + "\n", "ascii")
    shutil.copytree(GUEST, root, dirs_exist_ok=True)
    control = root / "usr" / "local" / "lib" / "bench" / "control.py"
    control.parent.mkdir(parents=True)
    shutil.copy(HERE / "control_in_guest.py", control)
    units = etc / "systemd" / "system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    for unit, target in ENABLED.items():
        wants = units / f"{target}.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / unit).symlink_to(units_path(unit))
    (units / "default.target").unlink(missing_ok=True)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")


def units_path(unit: str) -> str:
    """Return where the machine has a unit of the bench."""
    return f"/etc/systemd/system/{unit}"


def _install_wheels(target: Path) -> None:
    """Install what the product depends on, for the machine's architecture and Python."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--target", target, "--python-version", PYTHON, "--implementation", "cp"),
        *("--only-binary", ":all:", "--no-compile", *platforms),
        *project["dependencies"],
    )


def _prepare_product(root: Path) -> None:
    """Make the links that the package has as files, to where the product is mounted."""
    for folder in (PRODUCT, "etc/stationd", "opt/stationd/slots", "var/lib/stationd-slots"):
        (root / folder).mkdir(parents=True)
    links = {
        "opt/stationd/slots/a": "slot",
        "usr/lib/stationd/base": "base",
        "usr/bin/stationd": "bin/stationd",
        "usr/bin/stationd-guard": "bin/stationd-guard",
        "etc/sysusers.d/stationd.conf": "systemd/sysusers.d/stationd.conf",
        "etc/tmpfiles.d/stationd.conf": "systemd/tmpfiles.d/stationd.conf",
        "etc/udev/rules.d/99-stationd.rules": "systemd/99-stationd.rules",
    }
    units = sorted((CHECKOUT / "systemd").glob("stationd*.*"))
    links |= {f"etc/systemd/system/{unit.name}": f"systemd/{unit.name}" for unit in units}
    for link, goal in links.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(f"/{PRODUCT}/{goal}")
