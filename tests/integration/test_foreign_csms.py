"""The station against a CSMS of foreign make that checks every message, in both directions.

`foreign_csms/csms.js` is built on npm `ocpp-rpc`: none of its code and none of its reading of the
standard is ours. A story is one start of the station; its steps build on each other.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.integration.foreign_csms import steps_2x, steps_2x_more, steps_16, steps_charging
from tests.integration.foreign_csms.peer import NotInstallable, installed_modules
from tests.integration.foreign_csms.rig import Rig, rig

STEPS_2X = steps_2x.BEGIN + steps_2x_more.STEPS + steps_2x.END
STEPS = {"ocpp1.6": steps_16.STEPS, "ocpp2.0.1": STEPS_2X, "ocpp2.1": STEPS_2X}


@pytest.fixture(scope="session")
def modules() -> Path:
    try:
        return installed_modules()
    except NotInstallable as reason:
        pytest.skip(f"the foreign CSMS cannot run here: {reason}")


@pytest.mark.parametrize("version", STEPS)
async def test_a_strict_foreign_csms_finds_no_fault(
    version: str, tmp_path: Path, modules: Path
) -> None:
    async with rig(version, tmp_path, modules) as at_work:
        await goes_through(at_work, STEPS[version])


@pytest.mark.parametrize("version", steps_charging.STEPS)
async def test_a_strict_foreign_csms_finds_no_fault_in_smart_charging(
    version: str, tmp_path: Path, modules: Path
) -> None:
    async with rig(version, tmp_path, modules) as at_work:
        await goes_through(at_work, steps_charging.STEPS[version])


async def goes_through(at_work: Rig, steps: Sequence[Callable[[Rig], Awaitable[None]]]) -> None:
    for step in steps:
        begun_s = time.monotonic()
        await step(at_work)
        assert at_work.csms.faults == [], step
        print(f"{step}: {time.monotonic() - begun_s:.1f} s")
