"""Stories of start and stop points that the operator sets, taken or refused (E01, E06)."""

from typing import Any

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
ENDLESS = [
    ("EVConnected", "Authorized"),
    ("EVConnected", "PowerPathClosed"),
    ("EVConnected", "EnergyTransfer"),
    ("Authorized", "EnergyTransfer"),
    ("PowerPathClosed", "EnergyTransfer"),
]
STARTS = ["EVConnected", "Authorized", "PowerPathClosed", "DataSigned", "EnergyTransfer"]
STOPS = ["EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer"]
REASON_OF_START = {
    "EVConnected": "CablePluggedIn",
    "Authorized": "Authorized",
    "PowerPathClosed": "Authorized",
    "DataSigned": "SignedDataReceived",
    "EnergyTransfer": "ChargingStateChanged",
}


async def points(csms: Desk, start: str, stop: str) -> list[dict[str, Any]]:
    """Set both points in one request; return the results."""
    data = [
        {
            "attributeValue": value,
            "component": {"name": "TxCtrlr"},
            "variable": {"name": name},
        }
        for name, value in (("TxStartPoint", start), ("TxStopPoint", stop))
    ]
    answer = await csms.call("SetVariables", {"setVariableData": data})
    return list(answer["setVariableResult"])


@IN_2X
@pytest.mark.requirement(
    *("E01.FR.02", "E01.FR.03", "E01.FR.04", "E01.FR.05", "E01.FR.06", "E06.FR.02", "E06.FR.03"),
    *("E06.FR.06", "E06.FR.07", "E01", "E06"),
)
@pytest.mark.parametrize("start", STARTS)
async def test_every_start_point_works_with_every_stop_point_or_is_refused(
    world: World, bench: Bench, csms: Desk, start: str
) -> None:
    await world.start()
    sessions = 0
    for stop in STOPS:
        results = await points(csms, start, stop)
        if (start, stop) in ENDLESS:
            assert "Rejected" in {result["attributeStatus"] for result in results}
            infos = [
                r["attributeStatusInfo"]["additionalInfo"]
                for r in results
                if r["attributeStatus"] == "Rejected"
            ]
            assert any("for ever" in info for info in infos)
            continue
        assert {result["attributeStatus"] for result in results} == {"Accepted"}
        sessions += 1
        transaction = await world.charges()
        assert csms.triggers(transaction)[0] == REASON_OF_START[start]
        await world.pass_s(20)
        await bench.swipe(TOKEN)
        await world.energy_ceases()
        await bench.unplug()
        await csms.sees_end("Local", sessions)
        ends = "EVCommunicationLost" if stop == "EVConnected" else "StopAuthorized"
        assert csms.triggers(transaction)[-1] == ends
        await world.pass_s(10)
    assert len(csms.station.transactions) == sessions


@IN_2X
@pytest.mark.requirement("E06.FR.05", "E01.FR.04")
async def test_points_by_which_nothing_would_start_or_end_are_refused(
    world: World, csms: Desk
) -> None:
    await world.start()
    assert await csms.sets("TxCtrlr.TxStopPoint", "DataSigned") == "Rejected"
    assert await csms.sets("TxCtrlr.TxStopPoint", "ParkingBayOccupancy") == "Rejected"
    assert await csms.sets("TxCtrlr.TxStartPoint", "ParkingBayOccupancy") == "Rejected"
    assert await csms.sets("TxCtrlr.TxStartPoint", "DataSigned") == "Accepted"
    assert await csms.sets("SampledDataCtrlr.SignReadings", "false") == "Rejected"
    assert await csms.sets("TxCtrlr.TxStartPoint", "PowerPathClosed") == "Accepted"
    assert await csms.sets("SampledDataCtrlr.SignReadings", "false") == "Accepted"
    assert await csms.sets("TxCtrlr.TxStartPoint", "DataSigned") == "Rejected"
