"""The trial of a new version: it looks at the station it runs, and is kept or not."""

import asyncio
import logging
from dataclasses import replace

from agent.core.update_health import Health, Trial, TrialPolicy, judged
from agent.ports import InstallationFailed, TooEarly
from agent.services.firmware_ports import FirmwarePorts

LOOK_S = 1.0
CONFIRMATIONS = 30
CONFIRM_AGAIN_S = 10.0

log = logging.getLogger(__name__)


async def stand_trial(
    ports: FirmwarePorts, policy: TrialPolicy, faults_before: frozenset[str]
) -> str:
    """Return '' once the running version is healthy and confirmed, else what is wrong with it.

    What cannot be confirmed yet proves itself again first: its guard may have changed over since.
    The CSMS, or the time without one, has had its say by then.
    """
    left, again = CONFIRMATIONS, replace(policy, without_csms_s=policy.settle_s)
    while not (complaint := await _proven(ports, policy, faults_before)):
        try:
            await ports.slots.confirm()
        except TooEarly as early:
            log.info("the new firmware is not kept yet: %s", early)
        except InstallationFailed as error:
            log.error("the new firmware cannot be confirmed: %s", error)
            left -= 1
            if not left:
                return f"it cannot be confirmed: {error}"
        else:
            return ""
        policy = again
        await asyncio.sleep(CONFIRM_AGAIN_S)
    return complaint


async def _proven(ports: FirmwarePorts, policy: TrialPolicy, faults_before: frozenset[str]) -> str:
    trial = Trial(began_at_s=ports.clock.monotonic_s())
    while True:
        seen = await ports.look(faults_before)
        now_s = ports.clock.monotonic_s()
        trial = trial.after(seen, now_s)
        match judged(trial, seen, now_s, policy):
            case Health.HEALTHY:
                return ""
            case Health.UNHEALTHY:
                return seen.complaint
            case Health.UNDECIDED:
                await asyncio.sleep(LOOK_S)
