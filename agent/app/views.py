"""What the local commands and the bench are shown of the running station."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.app.cost import cost_decimals, cost_told, default_price, texts_told
from agent.app.foundations import Foundations
from agent.app.live_variables import station_status
from agent.app.variable_views import variables_told
from agent.core.local_time import offset_text
from agent.core.session_state import Transaction
from agent.core.snapshot import charging_state, connector_status
from agent.core.variable_definition import (
    ComponentKey,
    ComponentVariable,
    Mutability,
    VariableKey,
)
from agent.ocpp.dispatch import Dispatcher
from agent.services import policies
from agent.services.cost import CostService
from agent.services.evse import EvseService
from agent.services.history import TransactionHistory, utc_text
from agent.services.json_lines import failure
from agent.services.network import NetworkService

LATEST = 100
FIRMWARE_VERSION = ComponentVariable(ComponentKey("Controller"), VariableKey("FirmwareVersion"))


class LocalViews:
    """Answers the local API with facts; no secrets."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        links: tuple[Dispatcher, NetworkService],
        history: TransactionHistory,
        why: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> None:
        self._config, self._model, self._clock = f.config, f.model, f.clock
        self._evses = evses
        self._dispatcher, self._network = links
        self._queue, self._security_log = f.storage.journal, f.storage.security_log
        self._history = history
        self._explain = why
        self.costs = CostService(f.storage.documents)
        self.firmware: Callable[[], dict[str, Any] | None] = lambda: None
        self._answers: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "status": self._status,
            "why": self._why,
            "transactions": self._latest_transactions,
            "variables": self._variables_told,
            "security_log": self._security_log_told,
            "export": self._export,
        }

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one of the questions, by its `op`."""
        answer = self._answers.get(request["op"])
        if answer is None:
            known = ", ".join(self._answers)
            return failure(f"there is no op {str(request['op'])[:40]!r}; there is {known}")
        return await answer(request)

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self.status()

    async def _why(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._explain(request)

    async def _latest_transactions(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "transactions": self._transactions(LATEST)}

    async def _variables_told(self, request: Mapping[str, Any]) -> dict[str, Any]:
        changed = request.get("changed") is True
        return {"ok": True, "variables": variables_told(self._model, changed=changed)}

    async def _security_log_told(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "security_log": await self._security_entries()}

    async def _export(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ok": True,
            "transactions": self._transactions(None),
            "variables": self._variables(),
            "security_log": await self._security_entries(),
        }

    async def _security_entries(self) -> list[dict[str, Any]]:
        return [
            {
                "number": entry.number,
                "at": entry.at,
                "type": entry.kind,
                "critical": entry.critical,
                "info": entry.technical_info,
                "digest": entry.digest,
            }
            for entry in await self._security_log.entries()
        ]

    def status(self) -> dict[str, Any]:
        """Return what an installer asks first."""
        return {
            "ok": True,
            "station": self._station(),
            "csms": self._csms(),
            "guard": self._guard(),
            "clock": self._time(),
            "update": self.firmware(),
            "evses": [self.evse(number) for number in self._evses],
        }

    def _time(self) -> dict[str, str]:
        now, local = self._clock.now(), policies.local_time(self._model)
        return {
            "now": utc_text(now),
            "local_time": local.shown(now),
            "time_offset": offset_text(local.offset_at(now)),
        }

    def evse(self, number: int) -> dict[str, Any]:
        """Return one EVSE as the station sees it."""
        service = self._evses[number]
        state, status, reading = service.state, service.guard_status, service.last_reading
        snapshot, transaction = state.snapshot, state.transaction
        return {
            "id": number,
            "status": connector_status(snapshot),
            "charging_state": charging_state(snapshot),
            "pilot_state": None if status is None else status.pilot_state.value,
            "duty": None if status is None else status.duty,
            "offered_a": None if status is None else status.offered_a,
            "limit_a": float(state.granted_a),
            "contactor_closed": snapshot.power_path_closed,
            "faults": sorted(snapshot.faults),
            "troubles": dict(service.troubles),
            "plugged_in": snapshot.plugged_in,
            "authorized": snapshot.authorized,
            "energy_wh": float(reading.register_wh),
            "power_w": None if reading.power_w is None else float(reading.power_w),
            "transaction": None
            if transaction is None
            else {
                "id": transaction.id,
                "seq_no": transaction.next_seq_no - 1,
                "started_at": utc_text(transaction.started_at),
                "energy_wh": float(reading.register_wh - transaction.register_at_start_wh),
                **self._money(transaction),
            },
        }

    def _money(self, transaction: Transaction) -> dict[str, Any]:
        """Return what the CSMS has told of a transaction's price and cost, in its currency."""
        cost, holder = self.costs.cost_of(transaction.id), transaction.holder
        price = None if holder is None else self.costs.price_of(holder.token)
        if price is None:
            words, texts = default_price(self._model, online=self._dispatcher.online)
        else:
            words, texts = price.text, texts_told(price.texts)
        return {
            "price": words,
            "price_texts": texts,
            "cost": None if cost is None else str(cost.cost),
            "cost_told": self._cost_told(transaction.id),
        }

    def _station(self) -> dict[str, Any]:
        station = self._config.station
        return {
            "vendor": station.vendor,
            "model": station.model,
            "serial_number": station.serial_number,
            "firmware_version": self._model.text(FIRMWARE_VERSION),
            "identity": self._config.csms.identity,
            "status": station_status(self._evses),
        }

    def _csms(self) -> dict[str, Any]:
        line, registration = self._dispatcher.line, self._dispatcher.registration
        return {
            "url": self._network.active_profile.url,
            "network_profile": self._network.active_slot,
            "online": self._dispatcher.online,
            "connected": line is not None,
            "version": None if line is None else line.codec.subprotocol,
            "registration": registration.status,
            "queued_events": len(self._queue),
        }

    def _guard(self) -> dict[str, Any]:
        known = [s for e in self._evses.values() if (s := e.guard_status) is not None]
        lost = any("guard_lost" in e.state.snapshot.faults for e in self._evses.values())
        return {
            "connected": bool(known) and not lost,
            "real_time": all(status.real_time for status in known),
        }

    def _transactions(self, newest: int | None) -> list[dict[str, Any]]:
        running: list[dict[str, Any]] = [
            {
                "id": transaction.id,
                "evse": number,
                "started_at": utc_text(transaction.started_at),
                "ended_at": None,
                "energy_wh": float(
                    evse.last_reading.register_wh - transaction.register_at_start_wh
                ),
                "stopped_reason": None,
                "records": [],
                "public_key": "",
            }
            for number, evse in self._evses.items()
            if (transaction := evse.state.transaction) is not None
        ]
        ended = self._history.entries(newest)
        known = {entry["id"] for entry in ended}
        entries = [*(entry for entry in running if entry["id"] not in known), *ended]
        return [{**entry, "cost_told": self._cost_told(entry["id"])} for entry in entries]

    def _cost_told(self, transaction_id: str) -> dict[str, Any] | None:
        cost = self.costs.cost_of(transaction_id)
        return None if cost is None else cost_told(cost, cost_decimals(self._model))

    def _variables(self) -> dict[str, str]:
        return {
            definition.key.notation: self._model.text(definition.key)
            for definition in self._model.definitions()
            if definition.mutability is not Mutability.WRITE_ONLY
        }
