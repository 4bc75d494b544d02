"""The trial of a new version: it looks at the station it runs, and is kept or not."""

import asyncio
import logging

from agent.core.update_health import Health, Trial, TrialPolicy, judged
from agent.ports import InstallationFailed
from agent.services.firmware_ports import FirmwarePorts

LOOK_S = 1.0
CONFIRMATIONS = 30
CONFIRM_AGAIN_S = 10.0

log = logging.getLogger(__name__)


async def stand_trial(
    ports: FirmwarePorts, policy: TrialPolicy, faults_before: frozenset[str]
) -> str:
    """Return '' once the running version is healthy and confirmed, else what is wrong with it."""
    complaint = await _proven(ports, policy, faults_before)
    return complaint or await _confirmed(ports)


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


async def _confirmed(ports: FirmwarePorts) -> str:
    problem = ""
    for _ in range(CONFIRMATIONS):
        try:
            await ports.slots.confirm()
        except InstallationFailed as error:
            log.error("the new firmware cannot be confirmed: %s", error)
            problem = f"it cannot be confirmed: {error}"
            await asyncio.sleep(CONFIRM_AGAIN_S)
        else:
            return ""
    return problem
