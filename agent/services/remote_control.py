"""Remote start and stop, unlocking (F01-F05)."""

import logging
from collections.abc import Callable, Mapping

from agent.core.commands import (
    ACCEPTED,
    Outcome,
    RequestStart,
    RequestStop,
    StartOutcome,
    UnlockConnector,
    UnlockStatus,
    rejected,
)
from agent.core.reservation import admits, may_admit
from agent.core.session_state import CableReleased, Cause, RemoteStarted, StopOrdered
from agent.core.smart_charging.orders import SetChargingProfile
from agent.core.vocabulary import (
    ProfilePurpose,
    StoppedReason,
    TokenType,
    TriggerReason,
)
from agent.services.evse import EvseService
from agent.services.smart_charging import SmartChargingService
from hal.api import GuardLink

UNLOCK_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 12.0
_NEVER_JUDGED = frozenset({TokenType.CENTRAL.value, TokenType.NO_AUTHORIZATION.value})

_INVALID_SCHEDULE = "InvalidSchedule"

log = logging.getLogger(__name__)


class RemoteControlService:
    """Carries out what the CSMS orders of a session."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        guard: GuardLink,
        smart_charging: SmartChargingService,
        authorize_remote_start: Callable[[], bool],
    ) -> None:
        self._evses = evses
        self._guard = guard
        self._smart_charging = smart_charging
        self._authorize_remote_start = authorize_remote_start

    async def start(self, command: RequestStart) -> StartOutcome:
        """Accept a start before trying it (F01.FR.01); refuse what cannot work (F01.FR.21-26)."""
        evse = self._chosen(command)
        if evse is None:
            return StartOutcome(rejected("UnknownEvse", f"there is no EVSE {command.evse}"))
        refusal = self._refusal(evse, command) or self._profile_refusal(evse, command)
        if refusal is not None:
            return StartOutcome(refusal)
        running = evse.state.transaction
        judged = self._judges(command)
        if command.profile is not None:
            order = SetChargingProfile(evse.description.evse, command.profile, command.rules)
            await self._smart_charging.attach(order)
        evse.post(
            RemoteStarted(command.id_token, command.group_id_token, command.remote_start_id, judged)
        )
        return StartOutcome(ACCEPTED, None if running is None else running.id)

    def stop(self, command: RequestStop) -> Outcome:
        """Stop a running transaction (F03.FR.07, F03.FR.08)."""
        for evse in self._evses.values():
            transaction = evse.state.transaction
            if transaction is not None and transaction.id == command.transaction_id:
                evse.post(StopOrdered(Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)))
                return ACCEPTED
        return rejected("TxNotFound", "no such transaction is running")

    async def unlock(self, command: UnlockConnector, *, stops: bool) -> UnlockStatus:
        """Release the lock (F05); `stops` ends a running transaction first, as 1.6 wants it."""
        evse = self._evses.get(command.evse)
        if evse is None or command.connector != 1:
            return UnlockStatus.UNKNOWN_CONNECTOR
        if evse.state.transaction is not None and evse.state.snapshot.authorized:
            if not stops:
                return UnlockStatus.ONGOING_AUTHORIZED_TRANSACTION
            cause = Cause(TriggerReason.UNLOCK_COMMAND, StoppedReason.OTHER)
            evse.post(StopOrdered(cause, final=True))
            await evse.settled(STOP_TIMEOUT_S)
        if not evse.description.lockable:
            return UnlockStatus.NO_LOCK
        evse.post(CableReleased())
        await self._guard.unlock(command.evse)
        released = await evse.lock_released(UNLOCK_TIMEOUT_S)
        return UnlockStatus.UNLOCKED if released else UnlockStatus.UNLOCK_FAILED

    def _chosen(self, command: RequestStart) -> EvseService | None:
        """Take the EVSE asked for, else the best that may be used (F01.FR.20).

        That is one held by the token's reservation, else one whose EV waits, else any.
        """
        if command.evse is not None:
            return self._evses.get(command.evse)
        free = [e for e in self._evses.values() if self._refusal(e, command) is None]
        return min(free or self._evses.values(), key=_unsuitability)

    def _judges(self, command: RequestStart) -> bool:
        return self._authorize_remote_start() and command.id_token.type not in _NEVER_JUDGED

    def _refusal(self, evse: EvseService, command: RequestStart) -> Outcome | None:
        return _unusable(evse) or self._reserved(evse, command)

    def _reserved(self, evse: EvseService, command: RequestStart) -> Outcome | None:
        """Refuse a stranger; where the verdict may tell a group, it decides (S16-RSV-03)."""
        hold, token = evse.state.hold, command.id_token
        learns_group = command.group_untold and self._judges(command)
        if admits(hold, token, command.group_id_token) or (learns_group and may_admit(hold, token)):
            return None
        return rejected("EvseReserved", "the EVSE is reserved for another token")

    def _profile_refusal(self, evse: EvseService, command: RequestStart) -> Outcome | None:
        profile = command.profile
        if profile is None:
            return None
        if profile.purpose is not ProfilePurpose.TX or profile.transaction_id is not None:
            return rejected(
                "InvalidProfile", "only a TxProfile without transaction can be attached"
            )
        refusal = self._smart_charging.objection(evse.description.evse, profile, command.rules)
        if refusal is None:
            return None
        if refusal.reason_code == _INVALID_SCHEDULE:
            return rejected(_INVALID_SCHEDULE, refusal.info)
        # F01.FR.26 has these two codes; the words say what else it was.
        return rejected("InvalidProfile", f"{refusal.reason_code}: {refusal.info}")


def _unsuitability(evse: EvseService) -> tuple[bool, bool]:
    snapshot = evse.state.snapshot
    return not snapshot.reserved, not snapshot.plugged_in


def _unusable(evse: EvseService) -> Outcome | None:
    snapshot = evse.state.snapshot
    if snapshot.faulted:
        return rejected("EvseFaulted", "the EVSE has a fault")
    if not snapshot.operative:
        return rejected("EvseUnavailable", "the EVSE is unavailable")
    busy = evse.state.authorization is not None or evse.state.pending is not None
    ending = evse.state.transaction is not None and evse.state.transaction.ending is not None
    if busy or ending:
        return rejected("TxInProgress", "the EVSE is in use")
    return None
