"""Priority charging: switched by the CSMS or on site, as long as a transaction runs (K21, K22)."""

import json
from functools import partial

from agent.core.commands import ACCEPTED, Outcome, Refusal, Verdict, rejected
from agent.core.smart_charging.news import PriorityChargingTold
from agent.core.smart_charging.orders import UsePriorityCharging
from agent.core.vocabulary import ProfilePurpose
from agent.ports import Settings
from agent.services.smart_charging.service import SmartChargingService
from agent.services.smart_charging.teller import ChargingTeller
from agent.services.tasks import Spawn

KIND = "smart_charging"
KEY = "prioritized"


class PriorityService:
    """Switches priority charging and remembers for whom it is on."""

    def __init__(
        self,
        profiles: SmartChargingService,
        teller: ChargingTeller,
        memory: Settings,
        spawn: Spawn,
    ) -> None:
        self._profiles = profiles
        self._teller = teller
        self._memory = memory
        self._spawn = spawn
        kept = frozenset(json.loads(memory.get(KIND, KEY) or "[]"))
        if running := kept & profiles.standing.running().keys():
            profiles.prefer(running)

    def use(self, command: UsePriorityCharging) -> Outcome:
        """Switch priority charging of a transaction (K21)."""
        evse = self._profiles.standing.running().get(command.transaction_id)
        if evse is None:
            return rejected("TxNotFound", "no such transaction is running")
        return self._switch(evse, command.transaction_id, on=command.activate)

    def at_evse(self, evse: int, *, on: bool) -> Outcome:
        """Switch priority charging of whoever charges at an EVSE, as asked on site (K22)."""
        transaction_id = self._profiles.standing.transaction_of(evse)
        if transaction_id is None:
            return rejected("TxNotFound", f"no transaction runs at EVSE {evse}")
        return self._switch(evse, transaction_id, on=on)

    def _switch(self, evse: int, transaction_id: str, *, on: bool) -> Outcome:
        if on and not self._has_profile(evse):
            info = f"no PriorityCharging profile is installed for EVSE {evse}"
            return Outcome(Verdict.UNKNOWN, Refusal("NotFound", info))
        before = self._profiles.standing.prioritized
        after = before | {transaction_id} if on else before - {transaction_id}
        if after == before:
            return ACCEPTED
        self._profiles.prefer(after)
        self._spawn(self._memory.put(KIND, KEY, json.dumps(sorted(after))))
        news = partial(PriorityChargingTold, transaction_id=transaction_id, activated=on)
        self._teller.tell((PriorityChargingTold, transaction_id), news)
        return ACCEPTED

    def _has_profile(self, evse: int) -> bool:
        return any(
            one.profile.purpose is ProfilePurpose.PRIORITY_CHARGING and one.evse in (0, evse)
            for one in self._profiles.book.installed
        )
