"""RAUC in a container: two systems as plain files, and a boot loader that is a script.

The boot loader counts: a system that was booted too often without being called good is left.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from device.station import Station
from tests.integration.rauc_bench import COMPATIBLE, RaucBench

PACKAGES = ("rauc", "rauc-service", "polkitd")
LOOPS = ("/dev/loop-control", *(f"/dev/loop{number}" for number in range(8)))
RULE = "50-stationd-reboot.rules"
UPDATE_SECTION = """
[update]
backend = "rauc"
health_timeout_s = 120
confirm_without_csms_s = 10
"""
_FOLDER = "/var/lib/boot"
_SYSTEM = f"""[system]
compatible={COMPATIBLE}
bootloader=custom
statusfile={_FOLDER}/status
bundle-formats=plain
activate-installed=false
[keyring]
path=/etc/rauc/keyring.pem
check-purpose=codesign
[handlers]
bootloader-custom-backend={_FOLDER}/loader
[slot.rootfs.0]
device={_FOLDER}/a.img
type=raw
bootname=A
[slot.rootfs.1]
device={_FOLDER}/b.img
type=raw
bootname=B
"""
_LOADER = f"""#!/bin/sh -e
cd {_FOLDER}
case "$1" in
    get-primary) cat primary ;;
    set-primary) echo "$2" > primary; echo 3 > "tries-$2" ;;
    get-state) cat "state-$2" ;;
    set-state) echo "$3" > "state-$2" ;;
    boot)
        slot=$(cat primary)
        left=$(cat "tries-$slot")
        if [ "$(cat "state-$slot")" != good ]; then
            if [ "$left" = 0 ]; then
                slot=$(echo AB | tr -d "$slot")
                echo "$slot" > primary
            else
                echo $((left - 1)) > "tries-$slot"
            fi
        fi
        echo "$slot" > booted
        ;;
esac
"""
_BOOT = f"""[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart={_FOLDER}/loader boot
[Install]
WantedBy=sysinit.target
"""
_SERVICE = f"""[Service]
ExecStart=
ExecStart=/bin/sh -c 'exec rauc --override-boot-slot=$(cat {_FOLDER}/booted) service'
"""


def make_whole_system(station: Station, bench: RaucBench) -> None:
    """Put everything into the container of a station whose package is installed."""
    root = station.container.root
    for path, text in {
        "/etc/rauc/system.conf": _SYSTEM,
        "/etc/rauc/keyring.pem": bench.root.pem,
        f"{_FOLDER}/loader": _LOADER,
        "/etc/systemd/system/boot-loader.service": _BOOT,
        "/etc/systemd/system/rauc.service.d/slot.conf": _SERVICE,
        **{f"{_FOLDER}/{name}": f"{text}\n" for name, text in _NOTES.items()},
    }.items():
        station.put(path, text)
    (root / f"{_FOLDER}/loader".lstrip("/")).chmod(0o755)
    for image in ("a.img", "b.img"):
        (root / _FOLDER.lstrip("/") / image).write_bytes(bytes(1 << 20))
    station.container.run("systemctl", "daemon-reload")
    station.container.run("systemctl", "enable", "--now", "boot-loader.service")
    _add_library(station)


_NOTES = {"primary": "A", "tries-A": 0, "tries-B": 0, "state-A": "good", "state-B": "bad"}


def says(station: Station, name: str) -> str:
    """Return what the boot loader has noted."""
    return station.container.text("cat", f"{_FOLDER}/{name}")


def _add_library(station: Station) -> None:
    """Add the extra `rauc`, as whoever makes an image of a whole system does."""
    spec = find_spec("dbus_fast")
    assert spec is not None
    assert spec.origin is not None
    (site,) = (station.container.root / "opt/stationd/slots/a/lib").glob("python3*/site-packages")
    site.chmod(0o755)
    shutil.copytree(Path(spec.origin).parent, site / "dbus_fast")
    site.chmod(0o555)
