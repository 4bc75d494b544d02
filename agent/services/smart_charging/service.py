"""Charging profiles as the CSMS orders them, and what becomes of them (K01, K08-K10, K28)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from agent.core.commands import ACCEPTED, Outcome, Refusal, Verdict, rejected
from agent.core.session_state import SessionState
from agent.core.smart_charging.composite import Composite, composing
from agent.core.smart_charging.explanation import Explanation, explain
from agent.core.smart_charging.installation import (
    bound,
    clear,
    install,
    updated,
    without_offline,
    without_pending,
    without_transactions,
)
from agent.core.smart_charging.needs import EvPeriod
from agent.core.smart_charging.offers import offers
from agent.core.smart_charging.orders import (
    ClearChargingProfile,
    CompositeSchedule,
    GetCompositeSchedule,
    SetChargingProfile,
    UpdateDynamicSchedule,
)
from agent.core.smart_charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Installed,
    InstalledProfile,
    ProfileKind,
    ProfileRules,
)
from agent.core.smart_charging.timeline import instant_of
from agent.core.smart_charging.validation import Outlet, Situation, validate
from agent.core.vocabulary import AuthorizedBy, ProfilePurpose, RateUnit
from agent.ports import Clock
from agent.services.smart_charging.book import LATER_S, ProfileBook
from agent.services.smart_charging.follower import Follower
from agent.services.smart_charging.policy import ChargingPolicy
from agent.services.smart_charging.standing import Standing, wants_to_start

START_TAKES = timedelta(seconds=5)
"""A profile that came with a remote start outlives a session that has not heard of it yet."""

log = logging.getLogger(__name__)


class SmartChargingService:
    """Installs, clears and tells profiles; the follower sets the pilots by them.

    `on_change` hears that other profiles are followed; `told_needs` says of an EVSE whether its EV
    has told what it needs.
    """

    def __init__(
        self,
        standing: Standing,
        follower: Follower,
        book: ProfileBook,
        clock: Clock,
        policy: Callable[[], ChargingPolicy],
        roll: Callable[[int], int],
    ) -> None:
        self.standing = standing
        self.book = book
        self.on_change: Callable[[], None] = lambda: None
        self.told_needs: Callable[[int], bool] = lambda _evse: False
        self._follower = follower
        self._clock = clock
        self._policy = policy
        self._roll = roll
        book.follow = self._follow
        book.change_at_once(self._still_meant)
        self.policy_changed()
        for evse in standing.evses.values():
            evse.observers.append(self._observe)

    @property
    def entries(self) -> int:
        """Return how many profiles of the CSMS are installed."""
        return sum(not one.is_external for one in self.book.installed)

    def policy_changed(self) -> None:
        """Obey other variables from now on."""
        self._follower.significance_percent = self._policy().significance_percent
        self._follow(self.book.installed)

    @property
    def depends_on_connection(self) -> bool:
        """Tell whether some profile, or the station itself, allows less without connection."""
        return self.standing.falls_back or any(
            one.profile.max_offline_s is not None for one in self.book.installed
        )

    def explain(self, evse: int) -> Explanation:
        """Return why an EVSE may offer what it may."""
        return explain(self._follower.plan, self.standing.site(), evse)

    async def set(self, command: SetChargingProfile) -> Outcome:
        """Install a profile or refuse it with a reason; it is durable before it is answered."""
        new = self._made(command.evse, command.profile, command.rules)
        refusal = validate(new, command.rules, self._situation())
        if refusal is not None:
            return Outcome(Verdict.REJECTED, refusal)
        if new.profile.purpose is ProfilePurpose.TX:
            running = self.standing.transaction_of(new.evse)
            new = replace(new, profile=replace(new.profile, transaction_id=running))
        await self.book.change(partial(install, new=new, rules=command.rules))
        return ACCEPTED

    def objection(self, evse: int, profile: ChargingProfile, rules: ProfileRules) -> Refusal | None:
        """Return why a profile attached to a remote start cannot be used (F01.FR.26)."""
        new = replace(self._made(evse, profile, rules), pending=True)
        return validate(new, rules, self._situation())

    async def attach(self, command: SetChargingProfile) -> None:
        """Give a profile to the running transaction of an EVSE, else to its next (F01.FR.10)."""
        if self.standing.transaction_of(command.evse) is not None:
            outcome = await self.set(command)
            if outcome is not ACCEPTED:
                log.warning("the profile of the remote start does not fit: %s", outcome.refusal)
            return
        made = self._made(command.evse, command.profile, command.rules)
        new = replace(made, pending=True)

        def attached(installed: Installed) -> Installed:
            others = without_pending(installed, new.evse)
            return self._still_meant(install(others, new, command.rules))

        await self.book.change(attached)

    async def clear(self, command: ClearChargingProfile) -> Outcome:
        """Remove every profile that matches (K10)."""
        change = partial(clear, profile_id=command.profile_id, criteria=command.criteria)
        if len(change(self.book.installed)) == len(self.book.installed):
            return Outcome(Verdict.UNKNOWN)
        await self.book.change(change)
        return ACCEPTED

    async def composite(self, command: GetCompositeSchedule) -> CompositeSchedule:
        """Return the limits to come; EVSE 0 is the sum of all EVSEs (K08).

        It may take long: leases are renewed and the EVSEs served meanwhile.
        """
        unit = command.unit or RateUnit.AMPERE
        known = command.evse == 0 or command.evse in self.standing.evses
        if not known or unit not in set(RateUnit):
            return CompositeSchedule(
                command.evse, self._clock.now(), command.duration_s, unit, None
            )
        site, plan = self.standing.site(), self._follower.plan
        work = composing(plan, site, command.evse, RateUnit(unit), command.duration_s)
        made: Composite | None = None
        while made is None:
            try:
                next(work)
            except StopIteration as done:
                made = done.value
            else:
                await asyncio.sleep(0)
        start = instant_of(made.start_us)
        return CompositeSchedule(command.evse, start, made.duration_s, unit, made.periods)

    def update(self, command: UpdateDynamicSchedule) -> Outcome:
        """Give a Dynamic profile another limit at once (K28.FR.06, K28.FR.11)."""
        found = {one.profile.id: one for one in self.book.installed if not one.is_external}
        if command.profile_id not in found:
            return rejected("NotFound", f"there is no profile {command.profile_id}")
        if found[command.profile_id].profile.kind is not ProfileKind.DYNAMIC:
            return rejected("InvalidProfile", "this profile is not Dynamic")
        if not (command.limit.is_finite() and command.limit >= 0):
            return rejected("InvalidSchedule", "a limit is a number that is not negative")
        change = partial(
            updated, profile_id=command.profile_id, limit=command.limit, at=self._clock.now()
        )
        self.book.change_at_once(change, within_s=LATER_S)
        return ACCEPTED

    def offers(self, evse: int) -> tuple[ChargingSchedule, ...]:
        """Return the schedules among which the EV at an EVSE may choose (K15.FR.22)."""
        return offers(self._follower.plan, self.standing.site(), evse)

    def choose(self, evse: int, choice: int, periods: tuple[EvPeriod, ...] = ()) -> None:
        """Follow the schedule that the EV at an EVSE has taken; it means to take `periods` of it.

        Those are told with the composite schedule (K15.FR.14); the offer does not fall to them.
        """
        self.standing.choices[evse] = choice
        self.standing.means(evse, periods)
        self._follower.apply()

    def prioritize(self, transaction_id: str, priority: int) -> None:
        """Take the chargingPriority of a transaction that runs (K03.FR.04)."""
        if transaction_id in self.standing.running():
            self.standing.priorities[transaction_id] = priority
            self._follower.apply()

    def prefer(self, transaction_ids: frozenset[str]) -> None:
        """Let PriorityCharging profiles hold for some transactions (K21.FR.04)."""
        self.standing.prioritized = transaction_ids
        self._follower.apply()

    def connection_is(self, *, up: bool) -> None:
        """Take note of the connection; it may make profiles invalid for good (K01.FR.102)."""
        offline_s = self.standing.offline_s
        if up:
            self.book.change_at_once(partial(without_offline, offline_s=offline_s))
        self.standing.connection_is(up=up)
        self._follower.apply()

    # --- What profiles are judged by and become.

    def _made(self, evse: int, profile: ChargingProfile, rules: ProfileRules) -> InstalledProfile:
        now = self._clock.now()
        if profile.kind is ProfileKind.DYNAMIC and profile.updated_at is None:
            profile = replace(profile, updated_at=now)  # K28.FR.05
        own_default = profile.purpose is ProfilePurpose.TX_DEFAULT and evse != 0
        return InstalledProfile(
            evse,
            profile,
            now,
            shadows=(rules.defaults_shadow and own_default) or None,
            seed=self._roll(2**62),
        )

    def _situation(self) -> Situation:
        outlets = {
            place.evse: Outlet(place.supply, place.transaction_id, self.told_needs(place.evse))
            for place in self.standing.site().places
        }
        return Situation(
            outlets=outlets,
            installed=self.book.installed,
            highest_external_id=self._policy().highest_external_id,
        )

    def _follow(self, installed: Installed) -> None:
        if not self._policy().obeys_outside:
            installed = tuple(one for one in installed if not one.is_external)
        self.standing.follows_local_time = any(
            schedule.local_time for one in installed for schedule in one.profile.schedules
        )
        self._follower.follow(installed)
        self.on_change()

    def _still_meant(self, installed: Installed) -> Installed:
        """Return what is left for the transactions that run and the starts that are awaited."""
        left = without_transactions(installed, self.standing.running())
        long_ago = self._clock.now() - START_TAKES
        for number, evse in self.standing.evses.items():
            transaction = evse.state.transaction
            if transaction is not None:
                left = bound(left, number, transaction.id)
            elif not wants_to_start(evse.state):
                left = without_pending(left, number, until=long_ago)
        return left

    # --- Sessions.

    def _observe(self, before: SessionState, after: SessionState) -> None:
        was, now = before.transaction, after.transaction
        if was is not None and now is None:
            self.standing.forget(was.id)
        if _starts_otherwise(before, after):
            self.book.change_at_once(partial(without_pending, evse=after.evse))
        begins_or_ends = (was is None) is not (now is None)
        if begins_or_ends or (wants_to_start(before) and not wants_to_start(after)):
            self.book.change_at_once(self._still_meant)
        if _matters(before) != _matters(after):
            self._follower.apply()


def _starts_otherwise(before: SessionState, after: SessionState) -> bool:
    """Tell whether somebody else than the CSMS starts: what came with its start is not for him."""
    wanted = after.authorization or after.pending
    begins = wanted is not None and not wants_to_start(before)
    return begins and wanted is not None and wanted.by is not AuthorizedBy.REMOTE


def _matters(state: SessionState) -> Mapping[str, object]:
    """Return what limits depend on."""
    snapshot, transaction = state.snapshot, state.transaction
    return {
        "transaction": None if transaction is None else (transaction.id, transaction.ready_at),
        "holder": state.authorization,
        "plug": (snapshot.plugged_in, state.cable_max_a),
        "energy": (snapshot.power_path_closed, snapshot.ev_ready, snapshot.faulted),
        "ending": transaction is not None and transaction.ending is not None,
    }
