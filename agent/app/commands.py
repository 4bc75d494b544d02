"""Which service carries out which command."""

from dataclasses import dataclass

from agent.core.commands import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    CommandOutcome,
    DataTransfer,
    DataTransferStatus,
    GetBaseReport,
    GetCompositeSchedule,
    GetVariables,
    RequestStart,
    RequestStop,
    Reset,
    SetChargingProfile,
    SetVariables,
    TriggerMessage,
    UnlockConnector,
)
from agent.ocpp.dispatch import Dispatcher
from agent.services.availability import AvailabilityService
from agent.services.remote_control import RemoteControlService, TriggerService
from agent.services.reset import ResetService
from agent.services.smart_charging import SmartChargingService
from agent.services.variables import VariablesService


@dataclass(frozen=True, slots=True)
class CommandRouter:
    """Hands every command of the CSMS to its service."""

    dispatcher: Dispatcher
    variables: VariablesService
    availability: AvailabilityService
    remote_control: RemoteControlService
    triggers: TriggerService
    reset: ResetService
    smart_charging: SmartChargingService

    async def handle(self, command: Command) -> CommandOutcome:  # noqa: PLR0911 - one arm a command
        """Carry a command out and return what came of it."""
        match command:
            case GetVariables():
                return self.variables.get(command)
            case SetVariables():
                return await self.variables.set(command)
            case GetBaseReport():
                return self.variables.report(command)
            case SetChargingProfile():
                return await self.smart_charging.set(command)
            case ClearChargingProfile():
                return await self.smart_charging.clear(command)
            case GetCompositeSchedule():
                return self.smart_charging.composite(command)
            case _:
                return await self._operate(command)

    async def _operate(  # noqa: PLR0911 - one arm a command
        self,
        command: RequestStart
        | RequestStop
        | Reset
        | ChangeAvailability
        | TriggerMessage
        | UnlockConnector
        | DataTransfer,
    ) -> CommandOutcome:
        match command:
            case RequestStart():
                return await self.remote_control.start(command)
            case RequestStop():
                return self.remote_control.stop(command)
            case Reset():
                return await self.reset.reset(command)
            case ChangeAvailability():
                return await self.availability.change(command)
            case TriggerMessage():
                return self.triggers.trigger(command)
            case UnlockConnector():
                line = self.dispatcher.line
                stops = line is not None and line.codec.rules.unlock_stops_transaction
                return await self.remote_control.unlock(command, stops=stops)
            case DataTransfer():
                # No vendor extension is installed, so every vendor is unknown (P01.FR.05).
                return DataTransferStatus.UNKNOWN_VENDOR_ID
