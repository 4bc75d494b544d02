"""A live station that charges, beside a CSMS that sends what it likes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.sim.csms import Csms
from agent.sim.csms_station import Station
from agent.sim.frames import Direction
from tests.integration.station_process import StationProcess
from tests.patience import PATIENT_S

ANSWERS_WITHIN_S = 5.0
TOKEN = "04A1B2C3D4E5F6"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@dataclass
class Hostile:
    """The wire to a station; `wrong` collects what it did wrong, so that one run tells all."""

    version: str
    csms: Csms
    process: StationProcess
    transaction: str = ""
    wrong: list[str] = field(default_factory=list)
    probes: int = 0

    @property
    def station(self) -> Station:
        return self.csms.station("CS001")

    @property
    def is_16(self) -> bool:
        return self.version == "ocpp1.6"

    @property
    def valid(self) -> tuple[str, str]:
        """A harmless CALL of this version: action and payload."""
        if self.is_16:
            return "GetConfiguration", '{"key":["HeartbeatInterval"]}'
        place = '{"component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}'
        return "GetVariables", f'{{"getVariableData":[{place}]}}'

    def replies_since(self, mark: int) -> list[list[Any]]:
        frames = [
            f for f in list(self.station.frames)[mark:] if f.direction is Direction.FROM_STATION
        ]
        parsed = [json.loads(frame.text) for frame in frames]
        return [frame for frame in parsed if frame[0] in (3, 4)]

    async def reply_to(self, message_id: str, mark: int) -> list[Any]:
        """Wait for the answer to a CALL; fails when the station is deaf."""
        async with asyncio.timeout(PATIENT_S):
            begun = asyncio.get_running_loop().time()
            while True:
                for frame in self.replies_since(mark):
                    if frame[1] == message_id:
                        took_s = asyncio.get_running_loop().time() - begun
                        if took_s > ANSWERS_WITHIN_S:
                            self.wrong.append(f"{message_id} was answered after {took_s:.1f} s")
                        return frame
                await asyncio.sleep(0.002)

    async def probe(self, mark: int) -> list[list[Any]]:
        """Send a valid CALL, wait for its answer; return all other replies since the mark."""
        self.probes += 1
        message_id = f"probe-{self.probes}"
        action, payload = self.valid
        self.station.send_raw(f'[2,"{message_id}","{action}",{payload}]')
        answer = await self.reply_to(message_id, mark)
        if answer[0] != 3:
            self.wrong.append(f"a valid CALL got {answer}")
        return [frame for frame in self.replies_since(mark) if frame[1] != message_id]

    async def call(self, action: str, payload: object) -> list[Any]:
        """Send a CALL whatever its payload; return the reply, of which there is exactly one."""
        self.probes += 1
        message_id, mark = f"call-{self.probes}", len(self.station.frames)
        self.station.send_raw(json.dumps([2, message_id, action, payload]))
        return await self.reply_to(message_id, mark)

    async def still_charges(self) -> dict[str, Any]:
        """The session of the beginning goes on: same transaction, contactor closed, power."""
        evse = await self.process.evse()
        assert evse["contactor_closed"], evse
        assert evse["transaction"]["id"] == self.transaction
        assert evse["meter"]["power_w"] > 4000, evse
        assert evse["offered_a"] <= 32.0, evse
        assert evse["last_leave_to_open_ms"] is None, evse
        assert evse["last_fault_to_open_ms"] is None, evse
        assert self.process.process is not None
        assert self.process.process.returncode is None
        return evse

    async def is_served(self) -> None:
        """Wait until the station is connected, accepted and answers."""
        await self.csms.wait_for_station("CS001", PATIENT_S)
        await self.probe(len(self.station.frames))

    async def end_of_charging(self) -> None:
        """Stop by the token that started; money and energy agree."""
        before = len(self.station.transactions)
        assert before == 1, self.station.transactions
        await self.process.bench("swipe", token=TOKEN)
        evse = await self.process.until(lambda e: e["transaction"] is None)
        record = next(iter(self.station.transactions.values()))
        await self.csms.wait_for(lambda _: record.end_wh is not None, PATIENT_S)
        assert record.energy_wh is not None
        assert abs(float(record.energy_wh) - evse["delivered_wh"]) < 2.0

    def check_log(self, *secrets: str) -> None:
        """The log holds no secret, no whole token, no control character and no crash."""
        log = self.process.log
        for secret in (TOKEN, *secrets):
            assert secret not in log, f"{secret!r} is in the log"
        assert not (found := _CONTROL.search(log)), repr(log[found.start() - 80 : found.end() + 20])
        assert "Traceback" not in log, log[log.index("Traceback") - 400 :][:3000]
        assert "FAKE LOG LINE" not in {line.strip() for line in log.splitlines()}


@asynccontextmanager
async def charging_station(version: str, folder: Path, **settings: Any) -> AsyncIterator[Hostile]:
    """Start CSMS and station, and charge."""
    async with Csms(ping_interval_s=None, station_timeout_s=5) as csms:
        process = StationProcess(folder, csms.url, (version,), log_level="debug", **settings)
        try:
            await process.start()
            await csms.wait_for_station("CS001", PATIENT_S)
            hostile = Hostile(version, csms, process)
            hostile.transaction = await process.charge(TOKEN)
            await csms.wait_for(lambda _: len(hostile.station.transactions) == 1, PATIENT_S)
            yield hostile
            code = await process.stop()
            assert code == 0, process.log[-3000:]
        finally:
            await process.dispose()
