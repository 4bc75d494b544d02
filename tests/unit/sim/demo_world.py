"""A whole station for the demo's story, as a small simulation: what it does can be taken away.

It stands behind the bench and in the CSMS's memory at once, so that a step's effects appear where
the story looks for them. `omitted` names the effects that do not happen.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agent.sim.csms_dialect import LimitPurpose
from agent.sim.csms_model import (
    REGISTER,
    TRANSACTION_BEGIN,
    TRANSACTION_END,
    FrameRecord,
    MeterSample,
    SignedValue,
    TransactionRecord,
    Version,
)
from agent.sim.csms_office import BackOffice
from agent.sim.csms_station import CommandResult, Station
from agent.sim.csms_waiting import Waiters
from agent.sim.demo_bench import StationSilent
from agent.sim.frames import Direction, call_text

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
BEGIN_WH = Decimal(1_234_567)
END_WH = Decimal("1234610.084")


def csms_station() -> Station:
    office = BackOffice(
        tokens=None, boot_script=("Accepted",), boot_interval_s=300, now=lambda: NOW
    )
    frames: deque[FrameRecord] = deque()
    return Station("DEMO01", faults=[], frames=frames, office=office, waiters=Waiters())


def sample(energy_wh: Decimal) -> MeterSample:
    return MeterSample(NOW, REGISTER, energy_wh, "Wh", "Sample.Periodic", None, "Outlet")


def signed(record: str, context: str, public_key: str = "") -> SignedValue:
    return SignedValue(record.encode(), context, public_key, method="", encoding="OCMF")


@dataclass
class World:
    """The bench, and what it does to the CSMS's record of the station."""

    station: Station = field(default_factory=csms_station)
    omitted: frozenset[str] = frozenset()
    refuse_limit: bool = False
    silent_after: int = 1_000_000
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    energy_wh: Decimal = BEGIN_WH
    facts: dict[str, Any] = field(
        default_factory=lambda: {
            "plugged": False,
            "pilot_state": "A",
            "duty": Decimal(1),
            "offered_a_by_duty": Decimal(0),
            "contactor_closed": False,
            "lock_engaged": False,
            "faults": [],
        }
    )
    current_a: Decimal = Decimal(0)

    def boot(self) -> None:
        self.station.version, self.station.connected = Version.V201, True
        self._happens("registration", lambda: setattr(self.station, "registration", "Accepted"))
        self._status("Available", "free")

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if len(self.requests) > self.silent_after:
            raise StationSilent(f"no answer to {request['op']}")
        self.requests.append(request)
        match request["op"]:
            case "state":
                return self._state()
            case "plug_in":
                self._plug_in()
            case "swipe":
                heard = "reader" not in self.omitted
                self._swipe()
                return {"ok": True, "heard_by": int(heard)}
            case "plug_out":
                self._plug_out()
            case operation:
                assert operation == "vehicle"
        return {"ok": True}

    async def set_charging_limit(
        self, evse: int, limit_a: float, purpose: LimitPurpose, transaction: TransactionRecord
    ) -> CommandResult:
        assert (evse, purpose) == (1, LimitPurpose.TRANSACTION)
        assert transaction is self.station.last_transaction
        if self.refuse_limit:
            return CommandResult("Rejected", "InvalidProfile", {})
        if "duty" not in self.omitted:
            self._offer(Decimal(repr(limit_a)))
        if "follow" not in self.omitted:
            self.current_a = Decimal(repr(limit_a))
        return CommandResult("Accepted", None, {})

    def _state(self) -> dict[str, Any]:
        transaction = self.station.last_transaction
        if self.current_a:
            if "meter" not in self.omitted:
                self.energy_wh += Decimal("0.5")
            if transaction is not None and "values" not in self.omitted:
                transaction.samples.append(sample(self.energy_wh))
        zero = Decimal(0)
        meter = {
            "energy_wh": self.energy_wh,
            "power_w": self.current_a * 690,
            "current_a": [self.current_a, self.current_a, zero],
        }
        return {"ok": True, "evses": [{**self.facts, "meter": meter}]}

    def _plug_in(self) -> None:
        self.facts["plugged"] = True
        self._happens("pilot", lambda: self.facts.update(pilot_state="B"))
        self._status("Occupied", "occupied")

    def _swipe(self) -> None:
        if self.facts["contactor_closed"]:
            self._stop()
            return
        call = call_text("1", "Authorize", {"idToken": {"idToken": "X", "type": "ISO14443"}})
        record = FrameRecord(Direction.FROM_STATION, call, NOW)
        self._happens("authorize", lambda: self.station.frames.append(record))
        self._happens("ask", lambda: self.facts.update(pilot_state="C"))
        self._happens("close", lambda: self.facts.update(contactor_closed=True, lock_engaged=True))
        self._offer(Decimal(32))
        transaction = TransactionRecord("T-1", evse_id=1, begin_wh=self.energy_wh)
        self._happens("start", lambda: self.station.transactions.update({"T-1": transaction}))
        if "draw" not in self.omitted:
            self.current_a = Decimal(16)

    def _stop(self) -> None:
        self._happens("open", lambda: self.facts.update(contactor_closed=False))
        self._happens("unlock", lambda: self.facts.update(lock_engaged=False))
        self.facts.update(pilot_state="B", duty=Decimal(1), offered_a_by_duty=Decimal(0))
        if "cease" not in self.omitted:
            self.current_a = Decimal(0)
        transaction = self.station.last_transaction
        assert transaction is not None
        if "end" not in self.omitted:
            transaction.ended_at, transaction.end_wh = NOW, self.energy_wh
        if "sign" not in self.omitted:
            transaction.signed_values += [
                signed("begin", TRANSACTION_BEGIN),
                signed("end", TRANSACTION_END),
            ]

    def _plug_out(self) -> None:
        self.facts["plugged"] = False
        self._happens("leave", lambda: self.facts.update(pilot_state="A"))
        self._status("Available", "free again")

    def _offer(self, offered_a: Decimal) -> None:
        self.facts.update(duty=offered_a / 60, offered_a_by_duty=offered_a)

    def _status(self, status: str, effect: str) -> None:
        self._happens(effect, lambda: self.station.note_status(1, 1, status))

    def _happens(self, effect: str, happen: Any) -> None:
        if effect not in self.omitted:
            happen()
