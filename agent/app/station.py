"""The station put together: which part talks to which, and what runs as long as the daemon runs."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agent.app.authorization import authorization, heed_master_passes, take_verdict
from agent.app.bench import Bench
from agent.app.certificates import Certificates
from agent.app.codecs import rule_in_use
from agent.app.commands import CommandRouter
from agent.app.cost import cost_service
from agent.app.csms_settings import identity, minimum_status_s, retry_policy
from agent.app.evses import descriptions, evse_service, meter_readers, signers
from agent.app.firmware import Firmware
from agent.app.foundations import Foundations
from agent.app.live_variables import provide_live_variables
from agent.app.lobby import introducing, lobby
from agent.app.local_api import ORDERS, LocalApi
from agent.app.local_orders import LocalOrders
from agent.app.logs import Logs
from agent.app.network import Network, provide_network_variables
from agent.app.orders import Carriers, router
from agent.app.registration import Registration
from agent.app.reservations import reservation_service
from agent.app.reset import reset_means
from agent.app.rfid import RfidDesk
from agent.app.security import SecurityWatch
from agent.app.smart_charging import SmartCharging
from agent.app.vehicle_certificates import VehicleCertificates
from agent.app.views import LocalViews
from agent.app.watches import Watches
from agent.app.why import Why
from agent.core import standard_variables as sv
from agent.core.events import Boot, TransactionEvent
from agent.core.facts import TransactionAcknowledged
from agent.core.session_state import SessionState
from agent.core.variable_access import VariableChange
from agent.core.vocabulary import TokenType
from agent.ocpp.codec import CodecContext, SignedValueWrapper
from agent.ocpp.directory import StationDirectory
from agent.ocpp.dispatch import Dispatcher
from agent.ocpp.link import Link
from agent.services import policies
from agent.services.availability import AvailabilityService
from agent.services.back_dating import BackDating
from agent.services.enrolment import EnrolmentService
from agent.services.evse import EvseService
from agent.services.evse_ports import EvseDescription, EvsePorts
from agent.services.history import TransactionHistory
from agent.services.json_lines import JsonLinesServer
from agent.services.lobby import Lobby
from agent.services.metering import MeteringService
from agent.services.provisioning import ProvisioningService
from agent.services.reader_watch import ReaderWatch
from agent.services.remote_control import RemoteControlService
from agent.services.reports import ReportService
from agent.services.reset import ResetService
from agent.services.security import SecurityService
from agent.services.tasks import by_itself
from agent.services.tokens import TokenService
from agent.services.transaction_status import TransactionStatusService
from agent.services.triggers import TriggerService
from agent.services.variables import VariablesService
from agent.services.variables import restore as restore_variables


class Station:
    """One charging station. `run` ends only with an error or by cancellation."""

    def __init__(self, foundations: Foundations) -> None:
        self._f = f = foundations
        self._tasks: asyncio.TaskGroup | None = None
        self._early: list[Coroutine[Any, Any, None]] = []
        restore_variables(f.model, f.storage.documents)
        self.context = CodecContext(
            StationDirectory(((evse.id, 1) for evse in f.config.evses), f.storage.numbers),
            signed_value_wrapper=SignedValueWrapper(f.config.ocpp16.signed_value_wrapper),
            tag_kind=next((r.token_type for r in f.hardware.readers), TokenType.ISO14443),
        )
        self.dispatcher = Dispatcher(
            f.storage.journal,
            f.storage.numbers,
            self.context,
            lambda: retry_policy(f.model),
            self._acknowledged,
            BackDating(f.clock, f.boot_id).dated,
            lambda: minimum_status_s(f.model),
        )
        self.security = SecurityService(
            f.storage.journal, f.storage.security_log, f.clock, self.spawn
        )
        self._watch = SecurityWatch(self.security)
        f.storage.endurance.on_refusal = self._watch.store_refuses
        self.signer = signers(f)
        self.certificates = Certificates(
            f,
            self.dispatcher,
            self.security.tell,
            self._reconnect,
            self.spawn,
            lambda: rule_in_use(self.dispatcher, lambda it: it.keeps_last_csms_root),
        )
        self.authorization = authorization(
            f,
            self.dispatcher,
            self.certificates.contract_roots,
            lambda: self.availability.station_operative,
        )
        self.meters = meter_readers(f)
        self.history = TransactionHistory(f.storage.documents)
        self.lobby = lobby(f, self.dispatcher, self.authorization.service.judge, self._remember)
        self.evses = {evse.evse: self._evse(evse) for evse in descriptions(f.config)}
        self.lobby.observers.append(introducing(self.evses))
        heed_master_passes(self._sessions())
        self.variables = VariablesService(f.model, f.storage.documents)
        self.costs = cost_service(f, self.evses, self.meters, self.authorization.prices.told)
        self.reports = ReportService(f.model, self.dispatcher, f.clock, self.spawn)
        self.watches = Watches(
            f,
            self.evses,
            self.security,
            lambda: self.dispatcher.online,
            lambda: self.firmware.is_switching,
            self.spawn,
        )
        self.smart_charging = SmartCharging(f, self.evses, self.dispatcher, self.spawn)
        self.network = self._network()
        self.logs = Logs(f, self.evses, self.dispatcher, self.certificates.roots, self.spawn)
        self.firmware = Firmware(
            f, self.evses, self._sessions, self.certificates, self.security.tell, self.dispatcher
        )
        self._serve_the_csms()
        self._serve_locally()
        self._listen()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside everything else; its failure is logged and its own."""
        if self._tasks is None:
            self._early.append(by_itself(work))
        else:
            self._tasks.create_task(by_itself(work))

    async def run(self) -> None:
        """Serve until cancelled. The bench is open before the CSMS is dialled."""
        for server in self._servers:
            await server.start()
        await self.network.service.prepare()
        self.security.started(self._f.boot_reason)
        self._watch.store_recovered(self._f.storage.database.recovery)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for work in self._early:
                    tasks.create_task(work)
                for part in self._parts():
                    tasks.create_task(part)
        finally:
            self._tasks = None
            await self.smart_charging.stop()
            for server in self._servers:
                await server.close()

    @property
    def at_rest(self) -> bool:
        """Tell whether nothing would be interrupted: no transaction, and every contactor open."""
        return self.lobby.state.transaction is None and all(
            evse.state.transaction is None
            and evse.guard_status is not None
            and not evse.guard_status.contactor_closed
            for evse in self.evses.values()
        )

    async def store_alive(self) -> None:
        """Return when the store's thread has proved that it works."""
        await self._f.storage.database.ping()

    def _parts(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self._watch_guard(),
            self._f.storage.endurance.run(),
            *(evse.run() for evse in self.evses.values()),
            self._tokens.run(),
            self.lobby.run(),
            *self.smart_charging.parts(),
            self.metering.run(),
            self.costs.run(),
            self.reservations.run(),
            self.provisioning.run(),
            self.dispatcher.run(),
            self.link.run(),
            self.reset.run(),
            self.certificates.identities.run(),
            *self.vehicle_certificates.parts(),
            *self.watches.parts(),
            self.logs.run(),
            *self.firmware.parts(),
        ]

    async def _watch_guard(self) -> None:
        async for news in self._f.hardware.guard.statuses():
            self.watches.tamper.guard_told(news)
            for number, evse in self.evses.items():
                if getattr(news, "evse", number) == number:
                    evse.guard_told(news)

    def _evse(self, description: EvseDescription) -> EvseService:
        f = self._f
        ports = EvsePorts(
            guard=f.hardware.guard,
            meter=self.meters[description.evse],
            journal=f.storage.journal,
            csms=self.dispatcher,
            clock=f.clock,
            signer=self.signer,
            judge=self.authorization.service.judge,
            remember=self._remember,
            guest=self.lobby.guest,
        )
        return evse_service(f, description, ports)

    # --- The CSMS.

    def _network(self) -> Network:
        return Network(
            self._f,
            self.variables,
            self.security,
            self.certificates,
            reconnect=self._reconnect,
            meets_another=self.dispatcher.meet_another_csms,
            ask_anything=lambda: self.provisioning.heartbeat(),  # noqa: PLW0108 - made later
            spawn=self.spawn,
        )

    def _serve_the_csms(self) -> None:
        f = self._f
        registration = Registration(f, self.variables, self.security, self.spawn)
        self.provisioning = ProvisioningService(
            self.dispatcher,
            f.clock,
            Boot(identity=identity(f), reason=f.boot_reason),
            lambda: {number: evse.state.snapshot for number, evse in self.evses.items()},
            registration.settings(
                self.network.service, lambda: self.availability.station_operative
            ),
        )
        self.availability = AvailabilityService(
            self.evses, f.storage.documents, self.provisioning.tell_station, self.spawn
        )
        self.metering = MeteringService(
            self.evses,
            self.meters,
            f.storage.journal,
            f.clock,
            lambda: policies.aligned_policy(f.model, self.evses),
            self.signer,
        )
        self.reset = ResetService(
            self.evses,
            f.storage.documents,
            f.storage.journal,
            reset_means(f, self.availability, self.firmware),
            self.spawn,
        )
        remote_control = RemoteControlService(
            self.evses,
            f.hardware.guard,
            self.smart_charging.profiles,
            lambda: f.model.boolean(sv.AUTHORIZE_REMOTE_START),
        )
        triggers = TriggerService(
            self.dispatcher,
            self.evses,
            self.provisioning,
            self.metering,
            lambda: rule_in_use(self.dispatcher, lambda it: it.triggered_values_join_transaction),
            self.spawn,
        )
        self.reservations = reservation_service(f, self.evses, self.availability)
        self.vehicle_certificates = VehicleCertificates(
            f, self.evses, self.dispatcher, self.certificates, self.spawn
        )
        orders = self._router(remote_control, triggers)
        settings = self.network.link_settings(self._watch)
        self.link = Link(
            settings, self.dispatcher, self.context, orders.handle, f.clock.monotonic_s
        )

    async def _reconnect(self) -> None:
        await self.link.renew()

    def _router(
        self, remote_control: RemoteControlService, triggers: TriggerService
    ) -> CommandRouter:
        return router(
            Carriers(
                dispatcher=self.dispatcher,
                variables=self.variables,
                reports=self.reports,
                network=self.network,
                certificates=self.certificates,
                authorization=self.authorization,
                lobby=self.lobby,
                availability=self.availability,
                remote_control=remote_control,
                triggers=triggers,
                reset=self.reset,
                reservations=self.reservations,
                smart_charging=self.smart_charging,
                transaction_status=TransactionStatusService(self._kept, self._f.storage.journal),
                logs=self.logs,
                costs=self.costs,
                firmware=self.firmware,
            )
        )

    def _kept(self) -> list[SessionState]:
        return [session.kept for session in self._sessions()]

    def _sessions(self) -> list[Lobby | EvseService]:
        return [self.lobby, *self.evses.values()]

    def _acknowledged(self, fact: TransactionAcknowledged) -> None:
        """Let the session obey a verdict that came with an acknowledgement (E05, C09)."""
        self.authorization.learn(fact)
        self.smart_charging.acknowledged(fact)
        take_verdict(self._sessions(), fact)

    # --- On this machine.

    def _serve_locally(self) -> None:
        f = self._f
        links = (self.dispatcher, self.network.service)
        views = LocalViews(f, self.evses, links, self.history, self._why().answer)
        views.costs = self.costs
        views.firmware = self.firmware.view
        orders = LocalOrders(self.smart_charging)
        api = LocalApi(views, self._readers(), orders)
        self._servers = [JsonLinesServer(f.config.local_api.socket, api.answer, ORDERS)]
        if f.hardware.bench is not None and f.config.bench is not None:
            bench = Bench(f.hardware.bench, self.link, lambda: views, orders, f.lose_power)
            self._servers.append(JsonLinesServer(f.config.bench.socket, bench.answer))

    def _why(self) -> Why:
        return Why(
            self._f,
            self.evses,
            (self.dispatcher, self.network),
            self.signer.problem,
            lambda: self.availability,
            self.smart_charging.limits,
        )

    def _readers(self) -> RfidDesk:
        """Listen to the token readers, and let cards be enrolled at them."""
        readers, now_s = self._f.hardware.readers, self._f.clock.monotonic_s
        cards = self.authorization.local.learnt
        served = frozenset(evse for reader in readers for evse in reader.evses)
        enrolment = EnrolmentService(cards, served, self.security.tell, now_s)
        watch = ReaderWatch(readers, now_s)
        self._tokens = TokenService(self.evses, self.lobby, readers, enrolment, watch)
        return RfidDesk(enrolment, cards, watch)

    def _listen(self) -> None:
        """Let changes of variables and refused tokens be noticed where they matter."""
        f = self._f
        self.lobby.on_refused = self.watches.refused
        self.variables.listeners.append(self._variable_changed)
        self.variables.listeners.append(self.security.variable_changed)
        self.variables.listeners.append(self.vehicle_certificates.variable_changed)
        provide_network_variables(f.model, self.network.service)
        provide_live_variables(
            f.model,
            self.evses,
            f.clock,
            self.signer.public_key_hex,
            {
                "SmartChargingCtrlr.Entries": lambda: self.smart_charging.profiles.entries,
                "SecurityCtrlr.CertificateEntries": self.certificates.trust.entries,
                **self.authorization.counts,
            },
            self.watches,
        )

    async def _remember(self, event: TransactionEvent, before: SessionState) -> None:
        await self.history.note(event, before, self.signer.public_key_hex(event.evse))

    def _variable_changed(self, change: VariableChange) -> None:
        if change.key == sv.HEARTBEAT_INTERVAL:
            self.provisioning.heartbeat_interval_changed()
        if change.key.component.name == "SmartChargingCtrlr":
            self.smart_charging.variables_changed()
        if policies.concerns_sessions(change.key):
            policy = policies.session_policy(self._f.model)
            for session in self._sessions():
                session.obey(policy)
