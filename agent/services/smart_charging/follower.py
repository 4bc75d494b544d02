"""Follows the plan: tells every EVSE its limit of now, and again whenever a schedule steps."""

import asyncio
from decimal import Decimal
from itertools import islice

from agent.core.session_state import LimitChanged
from agent.core.smart_charging.ceilings import ANY_PHASE, NO_LIMIT
from agent.core.smart_charging.outside import changes_by
from agent.core.smart_charging.plan import Plan, Step, plan_of
from agent.core.smart_charging.profiles import Installed
from agent.core.smart_charging.site import Allowance
from agent.core.smart_charging.timeline import SECOND_US
from agent.ports import Clock
from agent.services.smart_charging.pacing import Grants, Offer, grants
from agent.services.smart_charging.standing import STEP_S, Standing

LONGEST_WAIT_S = 60.0
PACE_S = 0.25
"""How often it is looked whether others have given up what one is to get."""
LOOK_S = 1.0
"""How often it is looked whether somebody has set the clock."""


class Follower:
    """Keeps the EVSEs' limits in step with profiles, sessions and the clock."""

    def __init__(self, standing: Standing, clock: Clock) -> None:
        self.significance_percent = Decimal(0)
        self.plan = Plan()
        self._standing = standing
        self._clock = clock
        self._changed = asyncio.Event()
        self._granted_a = {number: evse.state.limit_a for number, evse in standing.evses.items()}
        self._told_a = dict(self._granted_a)
        self._due_s = 0.0
        self._skew_s = self._skew()

    def follow(self, installed: Installed) -> None:
        """Follow other profiles from now on."""
        self.plan = plan_of(installed, self.plan)
        self.apply()

    async def run(self) -> None:
        """Apply limits now, after every change and whenever a schedule steps."""
        while True:
            self.apply()
            await self._wait()

    def apply(self) -> None:
        """Tell each EVSE its limit of now."""
        site = self._standing.site()
        window_us = int(LONGEST_WAIT_S * SECOND_US)
        steps = self.plan.steps(site, site.now_us, site.now_us + window_us)
        now, *later = islice(steps, 2)
        found = self._grants(now)
        places = zip(self._standing.evses, found.limits_a, now.allowances, strict=True)
        for evse, limit_a, allowance in places:
            self._tell(evse, limit_a, allowance)
        wait_s = (later[0].start_us - site.now_us) / SECOND_US if later else LONGEST_WAIT_S
        self._due_s = self._clock.monotonic_s() + (PACE_S if found.waiting else wait_s)
        self._skew_s = self._skew()
        self._changed.set()

    def _grants(self, step: Step) -> Grants:
        offers = [
            Offer(
                wanted_a=Decimal(allowance.current_ma // 100).scaleb(-1),
                granted_a=self._granted_a[number],
                offered_a=Decimal(0)
                if evse.guard_status is None
                else Decimal(str(evse.guard_status.offered_a)),
            )
            for (number, evse), allowance in zip(
                self._standing.evses.items(), step.allowances, strict=True
            )
        ]
        limited = min(step.station.current_ma, step.station.power_mw) < NO_LIMIT
        return grants(offers, shared=limited and len(offers) > 1)

    def _tell(self, number: int, limit_a: Decimal, allowance: Allowance) -> None:
        evse = self._standing.evses[number]
        named = allowance.phases if allowance.phases_are_named else None
        wanted = (
            evse.description.unusual_phases(named),
            None if allowance.phase == ANY_PHASE else allowance.phase,
        )
        # What was granted may still be in the inbox: the state alone does not tell.
        same = limit_a == self._granted_a[number] == evse.state.limit_a
        if same and wanted == (evse.state.wanted_phases, evse.state.wanted_phase):
            return
        self._granted_a[number] = limit_a
        significant = changes_by(self._told_a[number], limit_a, self.significance_percent)
        if significant:
            self._told_a[number] = limit_a
        phases, phase = wanted
        evse.post(LimitChanged(limit_a, phases=phases, significant=significant, phase=phase))

    async def _wait(self) -> None:
        """Return when a step is due or somebody has set the clock."""
        while (left_s := self._due_s - self._clock.monotonic_s()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(min(left_s, LOOK_S if self.plan.timelines else left_s)):
                    await self._changed.wait()
            except TimeoutError:
                if abs(self._skew() - self._skew_s) >= STEP_S:
                    return

    def _skew(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic_s()
