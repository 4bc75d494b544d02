"""Who carries out which order of the CSMS."""

from agent.app.authorization import Authorization
from agent.app.certificates import Certificates
from agent.app.codecs import rule_in_use
from agent.app.commands import CommandRouter
from agent.app.firmware import Firmware
from agent.app.lobby import resetting, stopping
from agent.app.logs import Logs
from agent.app.network import Network
from agent.app.reservations import serve_reservations
from agent.app.smart_charging import SmartCharging
from agent.core.commands import (
    ChangeAvailability,
    GetBaseReport,
    GetVariables,
    RequestStart,
    RequestStop,
    Reset,
    SetVariables,
    UnlockConnector,
)
from agent.core.cost import CostTold, PriceTold
from agent.core.network_profiles import SetNetworkProfile
from agent.core.records import dataclass
from agent.core.report_request import GetReport
from agent.core.transaction_status import GetTransactionStatus
from agent.ocpp.dispatch import Dispatcher
from agent.services.availability import AvailabilityService
from agent.services.cost import CostService
from agent.services.lobby import Lobby
from agent.services.remote_control import RemoteControlService
from agent.services.reports import ReportService
from agent.services.reservation import ReservationService
from agent.services.reset import ResetService
from agent.services.transaction_status import TransactionStatusService
from agent.services.triggers import TriggerService
from agent.services.variables import VariablesService


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """The parts that carry orders out."""

    dispatcher: Dispatcher
    variables: VariablesService
    reports: ReportService
    network: Network
    certificates: Certificates
    authorization: Authorization
    lobby: Lobby
    availability: AvailabilityService
    remote_control: RemoteControlService
    triggers: TriggerService
    reset: ResetService
    reservations: ReservationService
    smart_charging: SmartCharging
    transaction_status: TransactionStatusService
    logs: Logs
    costs: CostService
    firmware: Firmware


def router(to: Carriers) -> CommandRouter:
    """Return the router of all commands; raises `LookupError` if one has nobody."""
    router = CommandRouter()
    router.carries_out(GetVariables, to.variables.get)
    router.carries_out(SetVariables, to.variables.set)
    router.carries_out(GetBaseReport, to.reports.base)
    router.carries_out(GetReport, to.reports.custom)
    router.carries_out(SetNetworkProfile, to.network.slots.set)
    router.carries_out(Reset, resetting(to.lobby, to.reset.reset))
    router.carries_out(ChangeAvailability, to.availability.change)
    router.carries_out(RequestStart, to.remote_control.start)
    router.carries_out(RequestStop, stopping(to.lobby, to.remote_control.stop))
    router.carries_out(
        UnlockConnector,
        lambda command: to.remote_control.unlock(
            command, stops=rule_in_use(to.dispatcher, lambda it: it.unlock_stops_transaction)
        ),
    )
    to.smart_charging.serve(router)
    router.carries_out(GetTransactionStatus, to.transaction_status.status)
    to.certificates.serve(router, to.triggers.trigger)
    to.authorization.serve(router)
    serve_reservations(router, to.reservations)
    to.logs.serve(router, to.triggers)
    router.carries_out(PriceTold, to.costs.price)
    router.carries_out(CostTold, to.costs.cost)
    to.firmware.serve(router, to.triggers, to.availability)
    router.check_complete()
    return router
