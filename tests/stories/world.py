"""The words of the stories: a driver, a car, a CSMS and time, all on one virtual clock."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from agent.metering.verification import verify_pair
from agent.services.evse import EvseService
from agent.sim.csms import Csms
from agent.sim.csms_model import AuthorizationStatus, Fault, TransactionRecord, format_timestamp
from agent.sim.csms_station import CommandResult, Station
from agent.sim.frames import Call, Direction, Payload, parse, result_text
from agent.sim.misbehaviour import TRANSACTION_MESSAGES, CallHook, Plan
from hal.api import PilotState
from hal.mock.plant import Evse
from tests.stories.machine import Machine
from tests.virtual_time import START, VirtualClock, utc_now

V16: Final = "ocpp1.6"
V201: Final = "ocpp2.0.1"
V21: Final = "ocpp2.1"
VERSIONS: Final = (V16, V201, V21)
IDENTITY: Final = "CS001"
TOKEN: Final = "DEADBEEF"
OTHER_TOKEN: Final = "0A0B0C0D"
UNKNOWN_TOKEN: Final = "FFFFFFFF"
LONG_S: Final = 30.0
ONE_WH: Final = Decimal(1)
CLOSED_WITHOUT_AUTHORIZATION_S: Final = 8.0

KEYS_OF_16: Final[Mapping[str, str]] = {
    "AlignedDataCtrlr.Interval": "ClockAlignedDataInterval",
    "AlignedDataCtrlr.Measurands": "MeterValuesAlignedData",
    "AuthCtrlr.AuthorizeRemoteStart": "AuthorizeRemoteTxRequests",
    "AuthCtrlr.LocalAuthorizeOffline": "LocalAuthorizeOffline",
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": "AllowOfflineTxForUnknownId",
    "OCPPCommCtrlr.HeartbeatInterval": "HeartbeatInterval",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "TransactionMessageRetryInterval",
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "TransactionMessageAttempts",
    "OCPPCommCtrlr.PublicKeyWithSignedMeterValue": "PublicKeyWithSignedMeterValue",
    "OCPPCommCtrlr.WebSocketPingInterval": "WebSocketPingInterval",
    "SampledDataCtrlr.TxEndedMeasurands": "StopTxnSampledData",
    "SampledDataCtrlr.TxUpdatedInterval": "MeterValueSampleInterval",
    "SampledDataCtrlr.TxUpdatedMeasurands": "MeterValuesSampledData",
    "TxCtrlr.EVConnectionTimeOut": "ConnectionTimeOut",
    "TxCtrlr.MaxEnergyOnInvalidId": "MaxEnergyOnInvalidId",
    "TxCtrlr.StopTxOnEVSideDisconnect": "StopTransactionOnEVSideDisconnect",
    "TxCtrlr.StopTxOnInvalidId": "StopTransactionOnInvalidId",
}
_STATUS_OF_2X: Final[Mapping[str, str]] = {
    "Preparing": "Occupied",
    "Charging": "Occupied",
    "SuspendedEV": "Occupied",
    "SuspendedEVSE": "Occupied",
    "Finishing": "Occupied",
}


class Bench:
    """What people and accidents do to the board."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def plug_in(self, evse: int = 1, *, max_a: float | None = None) -> None:
        if max_a is not None:
            await self.car(evse, max_a=max_a)
        await self.operate("plug_in", evse=evse)

    async def unplug(self, evse: int = 1) -> None:
        await self.operate("plug_out", evse=evse)

    async def car(self, evse: int = 1, *, max_a: float = 32, phases: int = 3) -> None:
        await self.operate("vehicle", evse=evse, max_a=max_a, phases=phases)

    async def car_pauses(self, evse: int = 1) -> None:
        await self.operate("pause", evse=evse)

    async def car_resumes(self, evse: int = 1) -> None:
        await self.operate("resume", evse=evse)

    async def swipe(self, token: str = TOKEN, evse: int | None = None) -> None:
        place = {} if evse is None else {"evses": [evse]}
        await self.operate("swipe", token=token, **place)

    async def fault(self, code: str, evse: int = 1) -> None:
        await self.operate("error", evse=evse, code=code, on=True)

    async def repair(self, code: str, evse: int = 1) -> None:
        await self.operate("error", evse=evse, code=code, on=False)

    async def operate(self, op: str, **request: object) -> Mapping[str, object]:
        reply = await self._machine.board.operate({"op": op, **request})
        assert reply["ok"] is True, reply
        return reply

    # --- What instruments show.

    def plant(self, evse: int = 1) -> Evse:
        self._machine.board.plant.advance(round(_now_s() * 1e9))
        return self._machine.board.plant.evses[evse]

    def is_delivering(self, evse: int = 1) -> bool:
        plant = self.plant(evse)
        return plant.contactor_closed and plant.register.flow.target_ua > 0

    def offered_a(self, evse: int = 1) -> float:
        duty = self.plant(evse).duty
        return 0.0 if duty is None or not 0.08 <= duty <= 0.97 else round(duty * 60.0, 1)

    def current_a(self, evse: int = 1) -> float:
        return round(self.plant(evse).register.flow.current_ua(round(_now_s() * 1e9)) / 1e6, 1)

    def pilot(self, evse: int = 1) -> PilotState:
        return self.plant(evse).pilot_state

    def delivered_wh(self, evse: int = 1) -> Decimal:
        return self._machine.board.delivered_wh(evse)


class Desk:
    """The CSMS and what it sees and orders, in words that all versions share."""

    def __init__(self, version: str, csms: Csms) -> None:
        self.version = version
        self.csms = csms
        self.tolerated: list[Callable[[Fault], bool]] = []

    @property
    def station(self) -> Station:
        return self.csms.station(IDENTITY)

    @property
    def is_16(self) -> bool:
        return self.version == V16

    def knows(self, **tokens: AuthorizationStatus) -> None:
        """From now on judge these tokens so, and no others."""
        self.csms.office.tokens = {name.strip("_"): status for name, status in tokens.items()}

    def refuses_at_start(self) -> None:
        """Accept tokens when asked, and refuse them in the answer that starts a transaction."""

        def refuse(call: Call, plan: Plan) -> Plan:
            info = {"status": "Invalid"}
            if call.action == "StartTransaction":
                answer = {"transactionId": 1, "idTagInfo": info}
            elif "idToken" in call.payload and call.payload["eventType"] != "Ended":
                answer = {"idTokenInfo": info}
            else:
                return plan
            return replace(plan, answer=result_text(call.message_id, answer))

        self.csms.misbehave(CallHook(refuse, TRANSACTION_MESSAGES))

    def answers_group(self, group: str) -> None:
        """Tell that every token belongs to one group."""

        def tell(call: Call, plan: Plan) -> Plan:
            token = {"idToken": group, "type": "Central"}
            in_16 = {"idTagInfo": {"status": "Accepted", "parentIdTag": group}}
            in_2x = {"idTokenInfo": {"status": "Accepted", "groupIdToken": token}}
            answer = in_16 if self.is_16 else in_2x
            return replace(plan, answer=result_text(call.message_id, answer))

        self.csms.misbehave(CallHook(tell, {"Authorize"}))

    # --- Seeing.

    async def sees(self, action: str, count: int = 1, within_s: float = LONG_S) -> Call:
        """Wait until an action was received so often since the story began; return the last."""
        calls = await self.station.wait_for(
            lambda s: c if len(c := s.received(action)) >= count else None, within_s
        )
        return calls[count - 1]

    def calls(self, action: str) -> list[Call]:
        return self.station.received(action)

    async def sees_boot(self, status: str = "Accepted", count: int = 1) -> None:
        await self.until(
            lambda: len([b for b in self.station.boots if b.status == status]) >= count,
            f"{count} boots answered {status}",
        )

    async def is_ready(self, within_s: float = LONG_S) -> None:
        """Wait until the station is registered and has told its state."""
        await self.until(
            lambda: (
                self.station.connected
                and self.station.registration == "Accepted"
                and (1, 1) in self.station.status_since_boot
            ),
            "the station to be ready",
            within_s,
        )

    async def sees_status(self, status: str, evse: int = 1, within_s: float = LONG_S) -> None:
        """Wait for a status, named by 1.6's word; 2.x has fewer."""
        wanted = status if self.is_16 else _STATUS_OF_2X.get(status, status)
        connector = 1 if evse else 0
        await self.until(
            lambda: self.station.statuses.get((evse, connector)) == wanted,
            f"EVSE {evse} to be {wanted}, it is {self.station.statuses}",
            within_s,
        )

    async def sees_start(self, count: int = 1, within_s: float = LONG_S) -> TransactionRecord:
        """Wait for the transaction of this number; return it."""
        await self.until(
            lambda: len(self.station.transactions) >= count,
            f"transaction {count}, there are {list(self.station.transactions)}",
            within_s,
        )
        return list(self.station.transactions.values())[count - 1]

    async def sees_end(
        self, reason: str | None = None, count: int = 1, within_s: float = LONG_S
    ) -> TransactionRecord:
        """Wait for the end of the transaction of this number, and check its reason."""
        transaction = await self.sees_start(count, within_s)
        await self.until(lambda: transaction.ended, "the end of the transaction", within_s)
        if reason is not None:
            assert transaction.stopped_reason == reason
        return transaction

    async def until(
        self, condition: Callable[[], object], what: str, within_s: float = LONG_S
    ) -> None:
        """Wait for something that the CSMS knows."""
        try:
            await self.station.wait_for(lambda _: condition(), within_s)
        except TimeoutError as error:
            raise AssertionError(f"waited {within_s} s in vain for {what}") from error

    def actions_received(self) -> list[str]:
        """Return the actions of all CALLs of the station in their order."""
        frames = (parse(text) for text in frames_from_station(self.station))
        return [frame.action for frame in frames if isinstance(frame, Call)]

    def states(self, transaction: TransactionRecord) -> list[str]:
        """Return the charging states of a 2.x transaction, each change once."""
        told = [e.charging_state for e in transaction.events if e.charging_state is not None]
        return [s for i, s in enumerate(told) if i == 0 or told[i - 1] != s]

    def triggers(self, transaction: TransactionRecord) -> list[str]:
        """Return the trigger reasons of a 2.x transaction's events."""
        return [str(event.trigger_reason) for event in transaction.events]

    def statuses_told(self, evse: int = 1) -> list[str]:
        """Return the statuses that were sent for an EVSE, in their order."""
        calls = (call.payload for call in self.calls("StatusNotification"))
        if self.is_16:
            return [p["status"] for p in calls if p["connectorId"] == evse]
        return [p["connectorStatus"] for p in calls if p["evseId"] == evse]

    # --- Ordering.

    async def sets(self, variable: str, value: str) -> str:
        """Set a variable, by its key in 1.6; return the status."""
        if self.is_16:
            result = await self.station.change_configuration(KEYS_OF_16[variable], value)
            return result.status
        return (await self.station.set_variables({variable: value}))[0].status

    async def gets(self, variable: str) -> str | None:
        """Get a variable, by its key in 1.6."""
        if self.is_16:
            key = KEYS_OF_16[variable]
            return (await self.station.get_configuration([key])).get(key)
        return (await self.station.get_variables([variable]))[0].value

    async def remote_start(self, token: str = TOKEN, evse: int | None = 1) -> CommandResult:
        return await self.station.remote_start(token, evse)

    async def remote_start_checked(self, token: str, evse: int = 1) -> CommandResult:
        """Start with a token of a kind that the station may have judged."""
        if self.is_16:
            return await self.remote_start(token, evse)
        payload: Payload = {
            "idToken": {"idToken": token, "type": "ISO14443"},
            "remoteStartId": 99,
            "evseId": evse,
        }
        answer = await self.call("RequestStartTransaction", payload)
        return CommandResult(answer["status"], None, answer)

    async def remote_stop(self) -> CommandResult:
        transaction = self.station.last_transaction
        assert transaction is not None
        return await self.station.remote_stop(transaction)

    async def limits(self, limit_a: float, purpose: str = "TxDefaultProfile") -> CommandResult:
        """Limit the current by a charging profile."""
        transaction = self.station.last_transaction if purpose == "TxProfile" else None
        evse = 0 if purpose == "ChargingStationMaxProfile" else 1
        return await self.station.set_charging_limit(evse, limit_a, purpose, transaction)

    def profile(
        self,
        limit: float,
        *steps: tuple[int, float],
        purpose: str = "TxDefaultProfile",
        kind: str = "Absolute",
        unit: str = "A",
        evse: int | None = None,
        stack_level: int = 0,
        start: str | None = None,
        duration_s: int | None = None,
    ) -> Payload:
        """Word a SetChargingProfile with any schedule; it starts now, a Relative one by itself."""
        if start is None and kind != "Relative":
            start = format_timestamp(utc_now())
        schedule: Payload = {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": at, "limit": amount} for at, amount in ((0, limit), *steps)
            ],
            **({} if start is None else {"startSchedule": start}),
            **({} if duration_s is None else {"duration": duration_s}),
        }
        place = evse if evse is not None else int(purpose != "ChargingStationMaxProfile")
        common = {
            "stackLevel": stack_level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": kind,
        }
        if self.is_16:
            word = purpose.replace("ChargingStationMax", "ChargePointMax")
            named = {**common, "chargingProfileId": 77, "chargingProfilePurpose": word}
            body = {**named, "chargingSchedule": schedule}
            return {"connectorId": place, "csChargingProfiles": body}
        body = {**common, "id": 77, "chargingSchedule": [{"id": 1, **schedule}]}
        return {"evseId": place, "chargingProfile": body}

    async def composite(self, duration_s: int, evse: int = 1) -> list[Payload]:
        """Ask for the composite schedule; return its periods."""
        place = {"connectorId": evse} if self.is_16 else {"evseId": evse}
        answer = await self.call("GetCompositeSchedule", {**place, "duration": duration_s})
        assert answer["status"] == "Accepted"
        schedule = answer["chargingSchedule" if self.is_16 else "schedule"]
        return list(schedule["chargingSchedulePeriod"])

    async def call(self, action: str, payload: Payload) -> Payload:
        return await self.station.call(action, payload)

    # --- Being away.

    async def goes_down(self) -> None:
        await self.csms.stop(abort=True)
        await asyncio.sleep(0.1)

    async def comes_back(self) -> None:
        await self.csms.start()


class World:
    """Everything of one story. `start` first, `end` checks what must hold for every story."""

    def __init__(self, version: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version = version
        self.csms_is_wrong_by = timedelta(0)
        self.machine = Machine(folder, monkeypatch)
        self.bench = Bench(self.machine)
        self._csms = Csms(
            ping_interval_s=None,
            now=lambda: utc_now() + self.csms_is_wrong_by,
            boot_interval_s=86_400,
        )
        self.csms = Desk(version, self._csms)
        self.evses = 1
        self._variables: Mapping[str, str] | None = None
        self.bills_exactly = True
        self.may_tell_twice = 0
        self._watching: asyncio.Task[None] | None = None
        self._violations: list[str] = []
        self._beside: list[asyncio.Task[None]] = []

    # --- The course of a story.

    async def start(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        evses: int = 1,
        cable: str = "socket",
        versions: Sequence[str] | None = None,
    ) -> None:
        """Start the CSMS and the station; wait until it is ready to charge."""
        await self.power_up(variables, evses=evses, cable=cable, versions=versions)
        await self.csms.is_ready()
        await self.pass_s(2)

    async def power_up(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        evses: int = 1,
        cable: str = "socket",
        versions: Sequence[str] | None = None,
    ) -> None:
        """Start the CSMS and the station, and wait for nothing."""
        await self._csms.start()
        self.evses, self._variables = evses, variables
        self.machine.configure(
            self._csms.url,
            tuple(versions or (self.version,)),
            variables=variables,
            evses=evses,
            cable=cable,
        )
        await self.machine.start()
        self._watching = asyncio.create_task(self._watch_contactors())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the story; its failure fails the story."""
        self._beside.append(asyncio.create_task(work))

    @staticmethod
    def clock_wrong_by(difference: timedelta) -> VirtualClock:
        """Return a clock for the station that does not know the time."""
        return VirtualClock(difference)

    async def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def until(
        self, condition: Callable[[], object], what: str, within_s: float = LONG_S
    ) -> None:
        """Wait for something that an observer could see."""
        give_up_s = _now_s() + within_s
        while not condition():
            assert _now_s() < give_up_s, f"waited {within_s} s in vain for {what}"
            await asyncio.sleep(0.05)

    async def charges(self, token: str = TOKEN, evse: int = 1) -> TransactionRecord:
        """Plug in, swipe, and wait until energy flows and the CSMS knows; return the transaction."""
        before = len(self.csms.station.transactions)
        await self.bench.plug_in(evse)
        await self.pass_s(1)
        await self.bench.swipe(token, evse)
        await self.energy_flows(evse)
        transaction = await self.csms.sees_start(before + 1)
        await self.csms.sees_status("Charging", evse)
        return transaction

    async def charges_unseen(self, token: str = TOKEN, evse: int = 1) -> None:
        """Plug in, swipe, and wait until energy flows, whatever the CSMS knows."""
        await self.bench.plug_in(evse)
        await self.pass_s(1)
        await self.bench.swipe(token, evse)
        await self.energy_flows(evse)

    def speak(self, version: str) -> None:
        """Configure another version for the next start of the daemon."""
        self.version = self.csms.version = version
        self.machine.configure(
            self._csms.url, (version,), variables=self._variables, evses=self.evses
        )

    async def energy_flows(self, evse: int = 1, within_s: float = LONG_S) -> None:
        await self.until(lambda: self.bench.is_delivering(evse), "energy to flow", within_s)

    async def energy_ceases(self, evse: int = 1, within_s: float = LONG_S) -> None:
        await self.until(
            lambda: not self.bench.plant(evse).contactor_closed, "the contactor to open", within_s
        )

    async def queue_drains(self, within_s: float = 120.0) -> None:
        """Wait until everything that was stored has been told."""
        await self.until(
            lambda: not len(self.machine.station._f.storage.journal), "an empty queue", within_s
        )

    def service(self, evse: int = 1) -> EvseService:
        return self.machine.station.evses[evse]

    # --- What must hold at the end of every story.

    async def end(self) -> None:
        """Let the station finish what it does, stop everything, and judge."""
        station = self.csms.station
        if self.machine.is_running and station.connected and station.registration == "Accepted":
            await self.pass_s(5)
            await self.queue_drains()
        try:
            await self._stop_watching()
            await asyncio.gather(*self._beside)
            self._judge()
        finally:
            await self.machine.close()
            await self._csms.stop()

    async def abandon(self) -> None:
        """Stop everything after a failure."""
        await self._stop_watching()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.machine.close()
        await self._csms.stop()

    def _judge(self) -> None:
        faults = [
            f for f in self._csms.faults if not any(allowed(f) for allowed in self.csms.tolerated)
        ]
        assert [f"{fault.rule}: {fault.message}\n  {fault.frame[:300]}" for fault in faults] == []
        assert self._violations == []
        for transaction in self.csms.station.transactions.values():
            told_twice = f"{transaction.duplicates} messages were told twice"
            assert transaction.duplicates == self.may_tell_twice, told_twice
        for evse in range(1, self.evses + 1):
            self._judge_energy(evse)

    def _judge_energy(self, evse: int) -> None:
        """What is billed is what the outlet delivered; 1.6 tells whole Wh, so less than one off."""
        transactions = [
            t for t in self.csms.station.transactions.values() if t.evse_id in (evse, None)
        ]
        if not self.bills_exactly or not all(t.ended for t in transactions):
            return
        billed_wh = sum((t.energy_wh or Decimal(0) for t in transactions), Decimal(0))
        delivered_wh = self.bench.delivered_wh(evse)
        tolerance_wh = ONE_WH * max(1, len(transactions))
        assert abs(billed_wh - delivered_wh) < tolerance_wh, (
            f"EVSE {evse} delivered {delivered_wh} Wh, {billed_wh} Wh were billed"
        )

    async def _watch_contactors(self) -> None:
        """Look whether a contactor is closed for whom nobody is authorized."""
        closed_since: dict[int, float] = {}
        while True:
            await asyncio.sleep(0.5)
            for number in range(1, self.evses + 1):
                if not self._is_unauthorized(number):
                    closed_since.pop(number, None)
                    continue
                since_s = closed_since.setdefault(number, _now_s())
                if _now_s() - since_s > CLOSED_WITHOUT_AUTHORIZATION_S:
                    at = utc_now().isoformat(timespec="seconds")
                    self._violations.append(f"{at} EVSE {number} closed without authorization")

    def _is_unauthorized(self, number: int) -> bool:
        if not self.machine.is_running:
            return False
        evse = self.machine.board.plant.evses[number]
        # A welded contactor is closed whoever is authorized.
        commanded = evse.contacts.commanded and evse.contactor_closed
        return commanded and not self.service(number).state.snapshot.authorized

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None


def signed_pair_is_valid(transaction: TransactionRecord) -> Decimal:
    """Verify the begin and end record of a transaction; return the proven energy in Wh."""
    begin = _record(transaction, "Transaction.Begin")
    end = _record(transaction, "Transaction.End")
    keys = {v.public_key for v in transaction.signed_values if v.public_key}
    assert len(keys) == 1, "one public key for the transaction"
    verdict = verify_pair(begin, end, keys.pop().removeprefix("oca:base16:asn1:"))
    assert verdict.problems == ()
    return verdict.energy_wh


def as_16(version: str, in_16: Any, in_2x: Any) -> Any:
    """Choose the word of a version."""
    return in_16 if version == V16 else in_2x


def frames_from_station(station: Station) -> list[str]:
    return [r.text for r in station.frames if r.direction is Direction.FROM_STATION]


def at_s(moment: datetime) -> float:
    """Return the seconds of the story at which something is dated."""
    return (moment - START).total_seconds()


def _record(transaction: TransactionRecord, context: str) -> str:
    records = [v.record for v in transaction.signed_values if v.context == context]
    assert records, f"there is no signed value of {context}"
    return records[-1].decode()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


__all__ = [
    "IDENTITY",
    "KEYS_OF_16",
    "LONG_S",
    "OTHER_TOKEN",
    "TOKEN",
    "UNKNOWN_TOKEN",
    "V16",
    "V21",
    "V201",
    "VERSIONS",
    "Bench",
    "Desk",
    "World",
    "as_16",
    "at_s",
    "frames_from_station",
    "replace",
    "signed_pair_is_valid",
]
