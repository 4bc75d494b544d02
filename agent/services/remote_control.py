"""Remote start and stop, trigger messages, unlocking (F01-F06)."""

import logging
from collections.abc import Callable, Mapping

from agent.core.commands import (
    ACCEPTED,
    Outcome,
    RequestStart,
    RequestStop,
    SetChargingProfile,
    StartOutcome,
    TriggerMessage,
    UnlockConnector,
    UnlockStatus,
    Verdict,
    rejected,
)
from agent.core.session_state import (
    CableReleased,
    Cause,
    EventTriggered,
    RemoteStarted,
    StopOrdered,
)
from agent.core.vocabulary import (
    MessageTrigger,
    ProfilePurpose,
    StoppedReason,
    TokenType,
    TriggerReason,
)
from agent.services.evse import EvseService
from agent.services.metering import MeteringService
from agent.services.provisioning import ProvisioningService
from agent.services.smart_charging import SmartChargingService
from agent.services.tasks import Spawn
from hal.api import GuardLink

UNLOCK_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 12.0
_NEVER_JUDGED = frozenset({TokenType.CENTRAL.value, TokenType.NO_AUTHORIZATION.value})

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
        refusal = _refusal(evse) or self._profile_refusal(command)
        if refusal is not None:
            return StartOutcome(refusal)
        running = evse.state.transaction
        judged = self._authorize_remote_start() and command.id_token.type not in _NEVER_JUDGED
        if command.profile is not None:
            self._attach_profile(evse, command)
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
        """Take the EVSE asked for, else one whose EV waits, else any free one (F01.FR.20)."""
        if command.evse is not None:
            return self._evses.get(command.evse)
        free = [e for e in self._evses.values() if _refusal(e) is None]
        plugged = [e for e in free if e.state.snapshot.plugged_in]
        candidates = plugged or free or list(self._evses.values())
        return candidates[0]

    def _profile_refusal(self, command: RequestStart) -> Outcome | None:
        profile = command.profile
        if profile is None:
            return None
        if profile.purpose is not ProfilePurpose.TX or profile.transaction_id is not None:
            return rejected(
                "InvalidProfile", "only a TxProfile without transaction can be attached"
            )
        reason = self._smart_charging.objection(profile)
        return None if reason is None else rejected(reason)

    def _attach_profile(self, evse: EvseService, command: RequestStart) -> None:
        if command.profile is not None:
            number = evse.description.evse
            self._smart_charging.attach(SetChargingProfile(number, command.profile))


class TriggerService:
    """Answers TriggerMessage first and sends what it asks for afterwards (F06)."""

    def __init__(
        self,
        evses: Mapping[int, EvseService],
        provisioning: ProvisioningService,
        metering: MeteringService,
        registered: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._evses = evses
        self._provisioning = provisioning
        self._metering = metering
        self._registered = registered
        self._spawn = spawn

    def trigger(self, command: TriggerMessage) -> Outcome:
        """Promise a message, or say that it cannot be had (F06.FR.05, FR.08, FR.10)."""
        if command.trigger is None:
            return Outcome(Verdict.NOT_IMPLEMENTED)
        if command.evse and command.evse not in self._evses and _is_about_an_evse(command):
            return rejected("UnknownEvse", f"there is no EVSE {command.evse}")
        if command.trigger is MessageTrigger.BOOT_NOTIFICATION and self._registered():
            return rejected("NotEnabled", "the station is registered already")
        if command.trigger is MessageTrigger.TRANSACTION_EVENT and not self._running(command):
            return rejected("TxNotFound", "no transaction is running there")
        self._spawn(self._carry_out(command))
        return ACCEPTED

    async def _carry_out(self, command: TriggerMessage) -> None:
        match command.trigger:
            case MessageTrigger.BOOT_NOTIFICATION:
                self._provisioning.boot_again()
            case MessageTrigger.HEARTBEAT:
                await self._provisioning.heartbeat(asked_for=True)
            case MessageTrigger.STATUS_NOTIFICATION:
                self._provisioning.tell_state(command.evse, asked_for=True)
            case MessageTrigger.METER_VALUES:
                await self._metering.tell_now(command.evse or None)
            case MessageTrigger.TRANSACTION_EVENT:
                for evse in self._running(command):
                    evse.post(EventTriggered())
            case _:
                return

    def _running(self, command: TriggerMessage) -> list[EvseService]:
        return [
            evse
            for number, evse in self._evses.items()
            if command.evse in (None, 0, number) and evse.state.transaction is not None
        ]


def _is_about_an_evse(command: TriggerMessage) -> bool:
    """Boot and heartbeat ignore a given EVSE (F06.FR.03)."""
    return command.trigger not in (MessageTrigger.BOOT_NOTIFICATION, MessageTrigger.HEARTBEAT)


def _refusal(evse: EvseService) -> Outcome | None:
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
