"""Messages that the CSMS asks for (F06): answered first, sent afterwards."""

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any

from agent.core.commands import ACCEPTED, Outcome, TriggerMessage, Verdict, rejected
from agent.core.progress import FirmwareProgress, LogUploadProgress
from agent.core.session_state import EventTriggered
from agent.core.vocabulary import MessageTrigger
from agent.ports import CsmsLink
from agent.services.evse import EvseService
from agent.services.metering import MeteringService
from agent.services.provisioning import ProvisioningService
from agent.services.tasks import Spawn

Sender = Callable[[TriggerMessage], Any]
"""Sends what was asked for; may be a coroutine function."""

_ABOUT_AN_EVSE = frozenset(
    {
        MessageTrigger.METER_VALUES,
        MessageTrigger.STATUS_NOTIFICATION,
        MessageTrigger.TRANSACTION_EVENT,
    }
)
"""The messages that an EVSE matters for; the others ignore one (F06.FR.03)."""


class TriggerService:
    """Promises a message and keeps the promise. Other services add theirs with `sends`."""

    def __init__(
        self,
        csms: CsmsLink,
        evses: Mapping[int, EvseService],
        provisioning: ProvisioningService,
        metering: MeteringService,
        values_join_transaction: Callable[[], bool],
        spawn: Spawn,
    ) -> None:
        self._csms = csms
        self._evses = evses
        self._provisioning = provisioning
        self._metering = metering
        self._values_join_transaction = values_join_transaction
        self._spawn = spawn
        self._senders: dict[MessageTrigger, Sender] = {
            MessageTrigger.BOOT_NOTIFICATION: lambda _: provisioning.boot_again(),
            MessageTrigger.HEARTBEAT: lambda _: provisioning.heartbeat(asked_for=True),
            MessageTrigger.STATUS_NOTIFICATION: self._tell_state,
            MessageTrigger.METER_VALUES: self._tell_values,
            MessageTrigger.TRANSACTION_EVENT: self._tell_transactions,
        }
        self.tells_log_upload(LogUploadProgress, lambda: LogUploadProgress(of_diagnostics=True))
        self.tells_firmware(lambda signed: FirmwareProgress(signed=signed, asked_for=True))

    def sends(self, message: MessageTrigger, sender: Sender) -> None:
        """Let a message be asked for; the last sender counts."""
        self._senders[message] = sender

    def tells_log_upload(
        self,
        progress: Callable[[], LogUploadProgress],
        of_diagnostics: Callable[[], LogUploadProgress],
    ) -> None:
        """Name who knows how far an upload by GetLog or GetDiagnostics has come (F06.FR.14, 15)."""
        self.sends(
            MessageTrigger.LOG_STATUS_NOTIFICATION,
            lambda _: self._csms.publish(progress(), asked_for=True),
        )
        self.sends(
            MessageTrigger.DIAGNOSTICS_STATUS_NOTIFICATION,
            lambda _: self._csms.publish(of_diagnostics(), asked_for=True),
        )

    def tells_firmware(self, progress: Callable[[bool], FirmwareProgress]) -> None:
        """Name who knows how far a firmware update has come (F06.FR.16).

        It is asked whether the message about signed updates is meant.
        """
        self.sends(
            MessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
            lambda command: self._csms.publish(progress(command.extended), asked_for=True),
        )

    def trigger(self, command: TriggerMessage) -> Outcome:
        """Promise a message, or say that it cannot be had (F06.FR.05, FR.08, FR.10)."""
        sender = None if command.trigger is None else self._senders.get(command.trigger)
        if sender is None:
            return Outcome(Verdict.NOT_IMPLEMENTED)
        if command.evse and command.evse not in self._evses and command.trigger in _ABOUT_AN_EVSE:
            return rejected("UnknownEvse", f"there is no EVSE {command.evse}")
        if command.trigger is MessageTrigger.BOOT_NOTIFICATION and self._csms.registration.accepted:
            return rejected("NotEnabled", "the station is registered already")
        if command.trigger is MessageTrigger.TRANSACTION_EVENT and not self._running(command):
            return rejected("TxNotFound", "no transaction is running there")
        self._spawn(_carry_out(sender, command))
        return ACCEPTED

    def _tell_state(self, command: TriggerMessage) -> None:
        self._provisioning.tell_state(command.evse or None, asked_for=True)

    async def _tell_values(self, command: TriggerMessage) -> None:
        join = self._values_join_transaction()
        await self._metering.tell_now(command.evse or None, join_transaction=join)

    def _tell_transactions(self, command: TriggerMessage) -> None:
        for evse in self._running(command):
            evse.post(EventTriggered())

    def _running(self, command: TriggerMessage) -> list[EvseService]:
        return [
            evse
            for number, evse in self._evses.items()
            if command.evse in (None, 0, number) and evse.state.transaction is not None
        ]


async def _carry_out(sender: Sender, command: TriggerMessage) -> None:
    result = sender(command)
    if isawaitable(result):
        await result
