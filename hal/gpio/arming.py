"""May contactors be closed on this machine? Not if its kernel keeps outputs after a crash.

Raspberry Pi kernels leave a released output at its last level unless they are told otherwise, so a
guard that dies would leave the contactor closed. Either the kernel lets go (`strict_gpiod`), or a
hardware monostable drops the coil without the guard.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from hal.gpio.read_wiring import read_evse
from hal.sysfs.files import ROOT, KernelSysfs, Sysfs
from hal.tables import Table

MODULES = ROOT / "module"
PARAMETER = "persist_gpio_outputs"
# Releases of Raspberry Pi's own kernels, such as 6.1.21-v8+, 5.10.103-v7l+ and 6.12.25+rpt-rpi-v8:
# those without the parameter keep outputs or may do so.
_OWN_KERNEL = re.compile(r"rpi|rpt|raspi|-v(6|7l?|8)(-16k)?\+?$")
_REMEDY = (
    "put dtparam=strict_gpiod into /boot/firmware/config.txt and reboot, or build in a hardware"
    " monostable and name its line (contactor.monostable in the board file)"
)


def problems(
    tables: Mapping[int, Mapping[str, Table]],
    sysfs: Sysfs | None = None,
    release: Callable[[], str] = lambda: os.uname().release,
) -> tuple[str, ...]:
    """Return why contactors may not be closed, a sentence each; raises `HardwareError`."""
    kept = _why_outputs_stay(sysfs or KernelSysfs(), release())
    if kept is None:
        return ()
    return tuple(
        f"EVSE {evse}: {kept}, so a guard that dies may leave the contactor closed; {_REMEDY}"
        for evse, ports in tables.items()
        if read_evse(evse, ports).contactor.monostable is None
    )


def _why_outputs_stay(sysfs: Sysfs, release: str) -> str | None:
    parameters = [
        MODULES / name / "parameters" / PARAMETER
        for name in sysfs.names(MODULES)
        if name.startswith("pinctrl_")
    ]
    found = [path for path in parameters if sysfs.exists(path)]
    for path in found:
        if _is_on(sysfs, path):
            return f"this kernel keeps GPIO outputs that nobody holds ({path} is Y)"
    if not found and _OWN_KERNEL.search(release):
        return f"this kernel ({release}) is too old to tell whether it keeps GPIO outputs"
    return None


def _is_on(sysfs: Sysfs, path: Path) -> bool:
    """Tell whether outputs are kept; a parameter that cannot be read counts as on."""
    try:
        return sysfs.read(path) not in {"N", "0"}
    except OSError:
        return True
