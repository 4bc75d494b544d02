"""A station's process beside the foreign CSMS, and the handles that the steps of a story need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.http_receiver import Receiver, receiving
from tests.integration.foreign_csms.peer import ForeignCsms, Payload, foreign_csms
from tests.integration.station_process import StationProcess

OUTLET = """
cable = "socket"
proximity = { backend = "mock" }
lock = { backend = "mock" }
"""
SECOND_EVSE = f"""
[[evse]]
id = 2
connector_type = "sType2"
max_current_a = 16
phases = 3
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
reader = {{ backend = "mock" }}
{OUTLET}
"""
UPLOADS = """
[diagnostics]
schemes = ["http"]
ports = [{port}]
private_addresses = true
"""
TOKEN = "04A1B2C3D4E5F6"
OTHER_TOKEN = "0A0B0C0D"
TOLERATED_WH = 0.5


@dataclass
class Rig:
    """One station, one CSMS, a server for logs, and what was measured at the outlet."""

    version: str
    csms: ForeignCsms
    station: StationProcess
    receiver: Receiver

    async def bench(self, op: str, **arguments: Any) -> dict[str, Any]:
        return await self.station.bench(op, **arguments)

    async def swipe(self, token: str = TOKEN) -> None:
        await self.bench("swipe", token=token, evse=1)

    async def plug_in(self) -> None:
        await self.bench("plug_in")
        await self.station.until(lambda e: e["plugged_in"] and e["limit_a"] > 0)

    async def unplug(self) -> None:
        await self.bench("plug_out")
        await self.station.until(lambda e: not e["plugged_in"])

    async def car_gets_a_certificate(self) -> None:
        """Plug in a car that asks for a contract certificate, and see that it gets one."""
        await self.plug_in()
        await self.bench("certificate_installation", exi="gJgCrequest")
        await self.station.until(lambda e: e["certificates"])
        (answer,) = (await self.station.evse())["certificates"]
        assert answer == {"exi": "gJkCresponse", "remaining": 0, "problem": ""}
        await self.unplug()

    async def energy_flows(self) -> None:
        await self.station.until(lambda e: e["contactor_closed"] and e["meter"]["power_w"] > 4000)

    async def delivers_wh(self, energy_wh: float) -> None:
        """Wait until so much more has left the outlet."""
        goal_wh = await self.delivered_wh() + energy_wh
        await self.station.until(lambda e: e["delivered_wh"] >= goal_wh)

    async def offers(self, amperes: float) -> None:
        """Wait until the pilot offers so much."""
        await self.station.until(lambda e: abs(e["offered_a"] - amperes) < 0.1)

    async def delivered_wh(self) -> float:
        """Return what has left the outlet since the board was switched on."""
        return float((await self.station.evse())["delivered_wh"])


@asynccontextmanager
async def rig(version: str, folder: Path, modules: Path) -> AsyncIterator[Rig]:
    """Start CSMS and station; in the end neither may have stumbled."""
    async with foreign_csms(modules, folder / "csms.log") as csms, receiving() as receiver:
        station = StationProcess(
            folder,
            csms.url,
            (version,),
            connector_type="sType2",
            outlet=OUTLET + SECOND_EVSE,
            variables=UPLOADS.format(port=receiver.port),
        )
        try:
            await station.start()
            yield Rig(version, csms, station, receiver)
            assert await station.stop() == 0
            assert "Traceback" not in station.log
        finally:
            await station.dispose()


def register_wh(meter_values: list[Payload], context: str) -> float:
    """Return the register of energy in a context."""
    found = [
        float(sample["value"])
        for value in meter_values
        for sample in value["sampledValue"]
        if sample.get("measurand", "Energy.Active.Import.Register")
        == "Energy.Active.Import.Register"
        and sample.get("context", "Sample.Periodic") == context
        and "phase" not in sample
    ]
    assert found, f"no register of {context}"
    return found[-1]
