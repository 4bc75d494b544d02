"""The CSMS's desk in the stories: what it sees and what it orders, in words of all versions."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agent.sim.csms import Csms
from agent.sim.csms_model import AuthorizationStatus, Fault, TransactionRecord, format_timestamp
from agent.sim.csms_station import CommandResult, Station
from agent.sim.frames import Call, Payload, parse, result_text
from agent.sim.misbehaviour import TRANSACTION_MESSAGES, CallHook, Plan
from tests.stories.words import (
    IDENTITY,
    KEYS_OF_16,
    LONG_S,
    STATUS_OF_2X,
    TOKEN,
    V16,
    frames_from_station,
)
from tests.virtual_time import utc_now


class Desk:
    """The CSMS and what it sees and orders, in words that all versions share."""

    def __init__(self, version: str, csms: Csms) -> None:
        self.version = version
        self.csms = csms
        self.patience = 1.0
        self.now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time()
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
        await self._wait(lambda: len(self.station.received(action)) >= count, within_s)
        return self.station.received(action)[count - 1]

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
        wanted = status if self.is_16 else STATUS_OF_2X.get(status, status)
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
            await self._wait(condition, within_s)
        except TimeoutError as error:
            raise AssertionError(f"waited {within_s} s in vain for {what}") from error

    async def _wait(self, condition: Callable[[], object], within_s: float) -> None:
        """Wait by the clock of the story, which may be slower than this computer's."""
        left_s = within_s * self.patience
        give_up_s = self.now_s() + left_s
        while True:
            try:
                await self.station.wait_for(lambda _: condition(), left_s)
            except TimeoutError:
                left_s = give_up_s - self.now_s()
                if left_s <= 0:
                    raise
            else:
                return

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

    def profile(  # noqa: PLR0913 - a profile has so many fields
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
        number: int = 77,
        in_schedule: Payload | None = None,
        **more: object,
    ) -> Payload:
        """Word a SetChargingProfile with any schedule; it starts now, a Relative one by itself.

        `more` are fields of the profile, `in_schedule` of its schedule.
        """
        if start is None and kind not in {"Relative", "Dynamic"}:
            start = format_timestamp(utc_now())
        schedule: Payload = {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": at, "limit": amount} for at, amount in ((0, limit), *steps)
            ],
            **({} if start is None else {"startSchedule": start}),
            **({} if duration_s is None else {"duration": duration_s}),
            **(in_schedule or {}),
        }
        place = evse if evse is not None else int(purpose != "ChargingStationMaxProfile")
        common = {
            "stackLevel": stack_level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": kind,
            **more,
        }
        if self.is_16:
            word = purpose.replace("ChargingStationMax", "ChargePointMax")
            named = {**common, "chargingProfileId": number, "chargingProfilePurpose": word}
            body = {**named, "chargingSchedule": schedule}
            return {"connectorId": place, "csChargingProfiles": body}
        body = {**common, "id": number, "chargingSchedule": [{"id": 1, **schedule}]}
        return {"evseId": place, "chargingProfile": body}

    async def sets_profile(self, limit: float, *steps: tuple[int, float], **more: Any) -> str:
        """Set a profile as `profile` words it; return the status."""
        payload = self.profile(limit, *steps, **more)
        return str((await self.call("SetChargingProfile", payload))["status"])

    async def refuses_profile(self, limit: float, *steps: tuple[int, float], **more: Any) -> str:
        """Set a profile that is refused; return the reason code, "" in 1.6."""
        payload = self.profile(limit, *steps, **more)
        answer = await self.call("SetChargingProfile", payload)
        assert answer["status"] == "Rejected"
        return str(answer.get("statusInfo", {}).get("reasonCode", ""))

    async def clears_profile(self, number: int) -> str:
        """Clear one profile by its id; return the status."""
        field = "id" if self.is_16 else "chargingProfileId"
        return str((await self.call("ClearChargingProfile", {field: number}))["status"])

    async def reported_profiles(self, evse: int | None = None, **criteria: Any) -> list[Payload]:
        """Ask for the installed profiles (2.x); return the messages that tell them."""
        before = len(self.calls("ReportChargingProfiles"))
        place = {} if evse is None else {"evseId": evse}
        request = {"requestId": before + 1, "chargingProfile": criteria, **place}
        answer = await self.call("GetChargingProfiles", request)
        if answer["status"] == "NoProfiles":
            return []
        assert answer["status"] == "Accepted"
        await self.until(
            lambda: any(
                not call.payload["tbc"] for call in self.calls("ReportChargingProfiles")[before:]
            ),
            "the last report of charging profiles",
        )
        pages = [call.payload for call in self.calls("ReportChargingProfiles")[before:]]
        assert {page["requestId"] for page in pages} == {before + 1}
        assert [page["tbc"] for page in pages] == [True] * (len(pages) - 1) + [False]
        return pages

    def answers(self, action: str, reply: Payload) -> None:
        """Answer an action of the station with this from now on."""

        def tell(call: Call, plan: Plan) -> Plan:
            return replace(plan, answer=result_text(call.message_id, reply))

        self.csms.misbehave(CallHook(tell, {action}))

    def prioritizes(self, transaction_id: str, priority: int) -> None:
        """Answer events of one transaction with a chargingPriority from now on (2.x)."""

        def tell(call: Call, plan: Plan) -> Plan:
            if call.payload["transactionInfo"]["transactionId"] != transaction_id:
                return plan
            answer = {"chargingPriority": priority}
            return replace(plan, answer=result_text(call.message_id, answer))

        self.csms.misbehave(CallHook(tell, {"TransactionEvent"}))

    async def composite(
        self, duration_s: int, evse: int = 1, unit: str | None = None
    ) -> list[Payload]:
        """Ask for the composite schedule; return its periods."""
        place = {"connectorId": evse} if self.is_16 else {"evseId": evse}
        wanted = {} if unit is None else {"chargingRateUnit": unit}
        request = {**place, "duration": duration_s, **wanted}
        answer = await self.call("GetCompositeSchedule", request)
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
