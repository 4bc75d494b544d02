"""What the rules of udev make of a device, by udev's own trial of them.

A container has no devices of its own: those that are asked about are drawn into a `/sys` that the
trial alone sees.
"""

import re
import shlex
from dataclasses import dataclass, field

from device.container import Container

_SAYS = re.compile(r"99-stationd\.rules:\d+ (OWNER|GROUP|MODE) (\S+)|^run: '(.*)'$", re.MULTILINE)
_OTHERS = re.compile(r"(?<!99-stationd)\.rules:\d+ (OWNER|GROUP|MODE) (\S+)")


@dataclass(frozen=True)
class Device:
    """A device as the kernel shows it below `/sys`; `node` is its file in `/dev`, if any."""

    subsystem: str
    path: str
    node: str = ""


@dataclass
class Verdict:
    """Whose the device becomes, by name, and what is run for it."""

    owner: str = ""
    group: str = ""
    mode: str = ""
    runs: list[str] = field(default_factory=list)


def verdict(container: Container, device: Device, action: str = "add") -> Verdict:
    """Return what the rules say of a device that appears or changes."""
    script = "\n".join((*_drawing(device), _trial(device, action)))
    said = container.run("unshare", "-m", "sh", "-e", input_text=script)
    found = Verdict()
    for pattern in (_OTHERS, _SAYS):
        for match in pattern.finditer(said.stdout + said.stderr):
            if match[1]:
                setattr(found, match[1].lower(), match[2])
            else:
                found.runs.append(match[3])
    found.owner, found.group = (
        _name(container, base, number)
        for base, number in (("passwd", found.owner), ("group", found.group))
    )
    return found


def _drawing(device: Device) -> list[str]:
    folder = shlex.quote(f"/sys/devices/{device.path}")
    up = "/".join([".."] * (len(device.path.split("/")) + 1))
    return [
        "mount -t tmpfs drawn /sys",
        f"mkdir -p {folder} /sys/bus /sys/class/{device.subsystem}",
        f"ln -s {up}/class/{device.subsystem} {folder}/subsystem",
        f"printf '{_facts(device)}' > {folder}/uevent",
    ]


def _facts(device: Device) -> str:
    return f"MAJOR=254\\nMINOR=0\\nDEVNAME={device.node}\\n" if device.node else ""


def _trial(device: Device, action: str) -> str:
    path = shlex.quote(f"/sys/devices/{device.path}")
    return f"SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm test --action={action} {path} 2>&1"


def _name(container: Container, base: str, number: str) -> str:
    return container.text("getent", base, number).split(":")[0] if number else ""
