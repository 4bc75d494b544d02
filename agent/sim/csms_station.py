"""A station as the demo CSMS's user sees it: what is known of it, what can be asked of it."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from agent.sim import csms_v2_requests, csms_v16
from agent.sim.csms_dialect import (
    ChargingLimit,
    Command,
    Dialect,
    LimitPurpose,
    NotInThisVersion,
    RemoteStart,
    ResetKind,
    data_transfer,
)
from agent.sim.csms_link import Link, StationNotConnected
from agent.sim.csms_model import Report, StationRecord, TransactionRecord, Version
from agent.sim.csms_office import BackOffice
from agent.sim.csms_reception import dialect_of
from agent.sim.csms_v2_requests import VariableResult
from agent.sim.csms_waiting import Waiters
from agent.sim.frames import Call, Direction, MalformedFrame, Payload, parse

T = TypeVar("T")

TIMEOUT_S = 10.0
_TRIGGERED_ACTIONS = {
    "SignChargePointCertificate": "SignCertificate",
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A station's answer to a command; `status` is "" for answers that have none."""

    status: str
    reason: str | None
    payload: Payload

    @property
    def accepted(self) -> bool:
        """True if the station has accepted, now or for later."""
        return self.status in {"Accepted", "Scheduled", "RebootRequired", "Unlocked"}


@dataclass(slots=True, eq=False)
class Station(StationRecord):
    """A station's record with its live connection.

    Every command raises StationNotConnected, StationDidNotAnswer or StationRefusedCall.
    """

    office: BackOffice = field(kw_only=True, repr=False)
    waiters: Waiters = field(kw_only=True, repr=False)
    password: str | bytes | None = field(default=None, repr=False)
    _link: Link | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _remote_start_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _request_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _profile_ids: dict[tuple[int, LimitPurpose, str | None], int] = field(default_factory=dict)

    async def call(self, action: str, payload: Payload, timeout_s: float = TIMEOUT_S) -> Payload:
        """Send any CALL, valid or not, one at a time, and return the answer's payload."""
        async with self._turn:
            self._note_request(action, payload)
            return await self.link.call(action, payload, timeout_s)

    def send_raw(self, frame: str | bytes) -> None:
        """Send any text or binary frame as it is."""
        self.link.send(frame)

    async def wait_for(
        self, predicate: Callable[["Station"], T], timeout_s: float = TIMEOUT_S
    ) -> T:
        """Wait until the predicate is true of this station and return its value.

        Raises TimeoutError, which tells the last frame.
        """
        what = f"a condition on station {self.identity}; {len(self.frames)} frames so far"
        return await self.waiters.wait_for(lambda: predicate(self), timeout_s, what)

    def received(self, action: str) -> list[Call]:
        """All CALLs of this action that the kept frames hold, in the order of arrival."""
        calls = []
        for record in self.frames:
            if record.direction is Direction.FROM_STATION and f'"{action}"' in record.text:
                frame = _parsed(record.text)
                if isinstance(frame, Call) and frame.action == action:
                    calls.append(frame)
        return calls

    def drop(self) -> None:
        """Kill the TCP connection without closing it."""
        self.link.abort()

    async def remote_start(
        self, id_token: str, evse: int | None = 1, charging_profile: float | None = None
    ) -> CommandResult:
        """Ask to start charging; `charging_profile` is a limit in A for the new transaction."""
        limit = None
        if charging_profile is not None:
            limit = self._limit(evse or 0, charging_profile, LimitPurpose.TRANSACTION, None)
        request = RemoteStart(id_token, evse, next(self._remote_start_ids), limit)
        return await self._do(self.dialect.remote_start(request))

    async def remote_stop(self, transaction: TransactionRecord | str) -> CommandResult:
        """Ask to stop a transaction."""
        return await self._do(self.dialect.remote_stop(_id_of(transaction)))

    async def set_charging_limit(
        self,
        evse: int,
        limit_a: float,
        purpose: LimitPurpose | str = LimitPurpose.TRANSACTION_DEFAULT,
        transaction: TransactionRecord | str | None = None,
    ) -> CommandResult:
        """Limit the current per phase from now on; a new limit replaces the one before.

        A TxProfile needs the transaction; a ChargingStationMaxProfile is for EVSE 0.
        """
        limit = self._limit(evse, limit_a, LimitPurpose(purpose), transaction)
        return await self._do(self.dialect.set_charging_limit(limit))

    async def clear_charging_profiles(self) -> list[CommandResult]:
        """Clear every profile that a CSMS may clear; one result per request that it takes."""
        return [await self._do(command) for command in self.dialect.clear_charging_profiles()]

    async def reset(self, kind: ResetKind | str, evse: int | None = None) -> CommandResult:
        """Reset the station (or one EVSE in 2.x); see ResetKind for 1.6's Hard and Soft."""
        names = {"Hard": ResetKind.IMMEDIATE, "Soft": ResetKind.ON_IDLE}
        return await self._do(self.dialect.reset(names.get(kind) or ResetKind(kind), evse))

    async def change_availability(
        self,
        operative: bool,  # noqa: FBT001 - the request says nothing else
        evse: int | None = None,
    ) -> CommandResult:
        """Make the station or one EVSE operative or inoperative."""
        command = self.dialect.change_availability(operative=operative, evse_id=evse)
        return await self._do(command)

    async def trigger(self, message: str, evse: int | None = None) -> CommandResult:
        """Ask for a message, named as in 2.x."""
        return await self._do(self.dialect.trigger(message, evse))

    async def unlock(self, evse: int = 1) -> CommandResult:
        """Unlock an EVSE's first connector."""
        return await self._do(self.dialect.unlock(evse))

    async def data_transfer(
        self, vendor_id: str, message_id: str | None = None, data: str | None = None
    ) -> CommandResult:
        """Send vendor-specific data."""
        return await self._do(data_transfer(vendor_id, message_id, data))

    async def change_password(self, password: str) -> CommandResult:
        """Give the station a new Basic authentication password; valid here once it is accepted."""
        command = self.dialect.change_password(password)
        payload = await self.call(command.action, command.payload)
        entries = payload.get("setVariableResult", ())
        status = entries[0]["attributeStatus"] if entries else payload.get("status", "")
        result = CommandResult(status, None, payload)
        if result.accepted:
            self.password = password
        return result

    async def get_variables(self, names: Sequence[str]) -> list[VariableResult]:
        """Read variables named `Component[instance]@evse:connector.Variable[instance]` (2.x)."""
        payload = await self._ask_v2(csms_v2_requests.get_variables(names))
        return csms_v2_requests.variable_results(payload["getVariableResult"])

    async def set_variables(self, values: Mapping[str, str]) -> list[VariableResult]:
        """Set variables, named as in `get_variables` (2.x)."""
        payload = await self._ask_v2(csms_v2_requests.set_variables(values))
        return csms_v2_requests.variable_results(payload["setVariableResult"])

    async def get_base_report(
        self, report_base: str = "FullInventory", timeout_s: float = TIMEOUT_S
    ) -> Report | None:
        """Ask for a device-model report and wait for all of it (2.x); None if it was refused."""
        request_id = next(self._request_ids)
        payload = await self._ask_v2(csms_v2_requests.get_base_report(request_id, report_base))
        if payload["status"] != "Accepted":
            return None
        return await self._whole_report(request_id, timeout_s)

    async def get_report(
        self,
        variables: Sequence[str] = (),
        criteria: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> Report | str:
        """Ask for a report of what is picked and wait for all of it (2.x); or return the status."""
        request_id = next(self._request_ids)
        payload = await self._ask_v2(csms_v2_requests.get_report(request_id, variables, criteria))
        if payload["status"] != "Accepted":
            return str(payload["status"])
        return await self._whole_report(request_id, timeout_s)

    async def get_configuration(self, keys: Sequence[str] = ()) -> dict[str, str | None]:
        """Read configuration keys, none meaning all (1.6); unknown ones are left out."""
        payload = await self._ask_v16(csms_v16.get_configuration(keys))
        entries = payload.get("configurationKey", ())
        return {entry["key"]: entry.get("value") for entry in entries}

    async def change_configuration(self, key: str, value: str) -> CommandResult:
        """Set one configuration key (1.6)."""
        return _result(await self._ask_v16(csms_v16.change_configuration(key, value)))

    @property
    def link(self) -> Link:
        """The live connection; raises StationNotConnected when there is none."""
        if self._link is None:
            msg = f"station {self.identity} is not connected"
            raise StationNotConnected(msg)
        return self._link

    @property
    def dialect(self) -> Dialect:
        """The dialect of the version that the station speaks now."""
        if self.version is None:
            msg = f"station {self.identity} has never connected"
            raise StationNotConnected(msg)
        return dialect_of(self.version)

    def connect(self, link: Link, version: Version) -> None:
        """Take a new connection over from the server; an older one is given up."""
        if self._link is not None:
            self._link.close()
        self._link, self.version, self.connected = link, version, True
        self.connections += 1

    def disconnect(self, link: Link) -> None:
        """Forget a connection that has ended, unless a newer one has replaced it."""
        if self._link is link:
            self._link, self.connected = None, False

    async def _whole_report(self, request_id: int, timeout_s: float) -> Report:
        await self.wait_for(lambda _: request_id in self.reports, timeout_s)
        await self.wait_for(lambda _: self.reports[request_id].complete, timeout_s)
        return self.reports[request_id]

    async def _do(self, command: Command) -> CommandResult:
        return _result(await self.call(command.action, command.payload))

    async def _ask_v2(self, command: Command) -> Payload:
        if self.version is Version.V16:
            msg = f"1.6 has no {command.action}; use get_configuration and change_configuration"
            raise NotInThisVersion(msg)
        return await self.call(command.action, command.payload)

    async def _ask_v16(self, command: Command) -> Payload:
        if self.version is not Version.V16:
            msg = f"{self.version} has no {command.action}; use get_variables and set_variables"
            raise NotInThisVersion(msg)
        return await self.call(command.action, command.payload)

    def _limit(
        self,
        evse: int,
        limit_a: float,
        purpose: LimitPurpose,
        transaction: TransactionRecord | str | None,
    ) -> ChargingLimit:
        """Make a limit; EVSE, purpose and transaction name one profile id, so that it replaces."""
        transaction_id = None if transaction is None else _id_of(transaction)
        key = (evse, purpose, transaction_id)
        profile_id = self._profile_ids.setdefault(key, len(self._profile_ids) + 1)
        now = self.office.now()
        return ChargingLimit(limit_a, purpose, profile_id, now, evse, transaction_id)

    def _note_request(self, action: str, payload: Payload) -> None:
        """Remember what a Pending station may send because it was asked to."""
        if action in {"TriggerMessage", "ExtendedTriggerMessage"}:
            message = str(payload.get("requestedMessage"))
            self.asked_for.add(_TRIGGERED_ACTIONS.get(message, message))
        elif action in {"GetBaseReport", "GetReport"}:
            self.asked_for.add("NotifyReport")


def _id_of(transaction: TransactionRecord | str) -> str:
    return transaction if isinstance(transaction, str) else transaction.transaction_id


def _result(payload: Payload) -> CommandResult:
    info = payload.get("statusInfo", {})
    return CommandResult(str(payload.get("status", "")), info.get("reasonCode"), payload)


def _parsed(text: str) -> object:
    try:
        return parse(text)
    except MalformedFrame:
        return None
