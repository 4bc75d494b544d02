"""Stories of device-model reports (B07, B08): picked, paged, several at once, interrupted."""

import asyncio

import pytest

from agent.sim.csms_model import Report
from agent.sim.csms_station import Station
from agent.sim.frames import CallError, CallResult, Direction, parse
from agent.sim.misbehaviour import Ending, answer_call_error, answer_late, end_connection
from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.stories.world import World

BOTH_2X = [V201, V21]
PASSWORD = "SecurityCtrlr.BasicAuthPassword"


def complete(report: Report | str | None) -> Report:
    assert isinstance(report, Report)
    assert report.complete
    return report


@pytest.mark.requirement(
    *("B08", "B08.FR.01", "B08.FR.03", "B08.FR.04", "B08.FR.05", "B08.FR.11", "B08.FR.12"),
    *("B08.FR.14", "B08.FR.20", "B08.FR.22", "B08.FR.23", "TC_B_17_CS"),
)
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_report_holds_what_was_picked_and_nothing_else(world: World, csms: Desk) -> None:
    await world.start(evses=2)
    picked = ["EVSE@2", "Connector.AvailabilityState", PASSWORD]
    report = complete(await csms.station.get_report(picked))
    assert {name for name in report.values if name.startswith("EVSE")} >= {
        "EVSE@2.AvailabilityState",
        "EVSE@2.Power",
    }
    others = {name for name in report.values if not name.startswith("EVSE@2.")}
    assert others == {
        "Connector@1:1.AvailabilityState",
        "Connector@2:1.AvailabilityState",
        PASSWORD,
    }
    assert report.values[PASSWORD] is None
    for call in csms.calls("NotifyReport"):
        assert all("dataType" in e["variableCharacteristics"] for e in call.payload["reportData"])


@pytest.mark.requirement(
    "B06.FR.14", "B06.FR.15", "B08.FR.21", "B08.FR.24", "B08.FR.25", "TC_B_54_CS", "TC_B_55_CS"
)
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_variable_without_instance_means_all_of_its_instances(
    world: World, csms: Desk
) -> None:
    await world.start()
    every = complete(await csms.station.get_report(["DeviceDataCtrlr.ItemsPerMessage"]))
    instances = ("GetReport", "GetVariables", "SetVariables")
    assert set(every.values) == {f"DeviceDataCtrlr.ItemsPerMessage[{i}]" for i in instances}
    one = "DeviceDataCtrlr.ItemsPerMessage[GetReport]"
    assert set(complete(await csms.station.get_report([one])).values) == {one}
    asked = await csms.station.get_variables([one, "DeviceDataCtrlr.ItemsPerMessage"])
    assert [(r.status, r.value) for r in asked] == [
        ("Accepted", "100"),
        ("UnknownVariable", None),
    ]


@pytest.mark.requirement(
    *("B08.FR.07", "B08.FR.08", "B08.FR.09", "B08.FR.10", "B08.FR.13"), "TC_B_16_CS", "TC_B_18_CS"
)
@pytest.mark.parametrize("version", BOTH_2X)
async def test_criteria_pick_components_and_limit_what_was_picked(world: World, csms: Desk) -> None:
    await world.start()
    available = complete(await csms.station.get_report(criteria=["Available"]))
    assert "EVSE@1.Available" in available.values
    assert "MonitoringCtrlr.Available" not in available.values
    both = await csms.station.get_report(["MonitoringCtrlr"], ["Available"])
    assert both == "EmptyResultSet"
    either = await csms.station.get_report(["MonitoringCtrlr"], ["Available", "Active"])
    assert complete(either).values == {"MonitoringCtrlr.Available": "false"}


@pytest.mark.requirement("B08.FR.15")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_what_the_station_does_not_have_makes_an_empty_report(
    world: World, csms: Desk
) -> None:
    await world.start()
    for unknown in ("NoCtrlr", "EVSE@7", "OCPPCommCtrlr.Nonsense", "EVSE[left]@1.Power"):
        assert await csms.station.get_report([unknown]) == "EmptyResultSet"
    assert await csms.station.get_report(criteria=["Problem"]) == "EmptyResultSet"
    await world.pass_s(10)
    assert csms.calls("NotifyReport") == []


@pytest.mark.requirement("FR.05", "B07.FR.01", "B08.FR.01")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_request_is_answered_before_what_it_asked_for_is_told(
    world: World, csms: Desk
) -> None:
    await world.start()
    await csms.station.get_base_report()
    await csms.station.get_report(["EVSE"])
    await csms.station.trigger("Heartbeat")
    await csms.sees("Heartbeat")
    order = replies_and_calls(csms.station, {"NotifyReport", "Heartbeat"})
    base_parts = order.index("reply", 1) - 1
    of_base = ["reply", *(["NotifyReport"] * base_parts)]
    assert order == [*of_base, "reply", "NotifyReport", "reply", "Heartbeat"]
    requests = [call.payload["requestId"] for call in csms.calls("NotifyReport")]
    assert requests == [1] * base_parts + [2]


@pytest.mark.requirement("B07.FR.04", "B07.FR.10", "B08.FR.04", "B08.FR.14")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_reports_asked_for_together_are_told_whole_and_one_after_the_other(
    world: World, csms: Desk
) -> None:
    await world.start(evses=2)
    station = csms.station
    reports = await asyncio.gather(
        station.get_base_report("FullInventory"),
        station.get_report(["EVSE"]),
        station.get_base_report("ConfigurationInventory"),
    )
    assert all(complete(report) for report in reports)
    told = [call.payload for call in csms.calls("NotifyReport")]
    assert [part["requestId"] for part in told] == sorted(part["requestId"] for part in told)
    for request_id in (1, 2, 3):
        parts = [part for part in told if part["requestId"] == request_id]
        assert [part["seqNo"] for part in parts] == list(range(len(parts)))
        assert [part.get("tbc", False) for part in parts] == [True] * (len(parts) - 1) + [False]
        assert len({part["generatedAt"] for part in parts}) == 1


@pytest.mark.requirement("B07.FR.13", "B08.FR.16")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_reports_that_pile_up_are_refused_until_there_is_room(
    world: World, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(answer_late(5.0, {"NotifyReport"}))
    statuses = []
    for request_id in range(100, 110):
        payload = {"requestId": request_id, "reportBase": "SummaryInventory"}
        statuses.append((await csms.call("GetBaseReport", payload))["status"])
    assert statuses == ["Accepted"] * 8 + ["Rejected"] * 2
    custom = {"requestId": 120, "componentCriteria": ["Available"]}
    assert (await csms.call("GetReport", custom))["status"] == "Rejected"
    await world.pass_s(60)
    assert all(csms.station.reports[n].complete for n in range(100, 108))
    assert not {108, 109, 120} & set(csms.station.reports)
    assert (await csms.call("GetReport", custom))["status"] == "Accepted"


@pytest.mark.requirement("B07.FR.03", "B07.FR.10")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_report_goes_on_after_a_lost_connection(world: World, csms: Desk) -> None:
    await world.start(evses=2)
    csms.csms.misbehave(end_connection(Ending.ABORT, {"NotifyReport"}))
    payload = {"requestId": 5, "reportBase": "FullInventory"}
    assert (await csms.call("GetBaseReport", payload))["status"] == "Accepted"
    await csms.until(lambda: csms.station.connections == 2, "the next connection", 60)
    await csms.until(lambda: 5 in csms.station.reports, "the first page", 60)
    await csms.until(lambda: csms.station.reports[5].complete, "the whole report", 60)
    inventory = complete(await csms.station.get_base_report("FullInventory"))
    assert set(csms.station.reports[5].values) == set(inventory.values)


@pytest.mark.requirement("B07.FR.03")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_report_is_given_up_when_the_csms_stays_away_or_refuses_it(
    world: World, csms: Desk
) -> None:
    await world.start(evses=2)
    payload = {"requestId": 5, "reportBase": "FullInventory"}
    await csms.call("GetBaseReport", payload)
    await csms.goes_down()
    await world.pass_s(400)
    await csms.comes_back()
    await csms.until(lambda: csms.station.connected, "the next connection", 120)
    csms.csms.misbehave(answer_call_error("InternalError", {"NotifyReport"}, times=1))
    await csms.call("GetBaseReport", payload | {"requestId": 6})
    await world.pass_s(60)
    assert not {5, 6} & set(csms.station.reports)
    complete(await csms.station.get_base_report("FullInventory"))


@pytest.mark.requirement("B06.FR.16", "B06.FR.17", "B08.FR.17", "B08.FR.18")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_what_a_request_may_hold_is_what_the_station_tells(world: World, csms: Desk) -> None:
    await world.start()
    name = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    long_name = {"component": {"name": "C" * 50}, "variable": {"name": "V" * 50}}
    heavy = {**name, "attributeValue": "1" * 1000}
    assert len((await csms.call("GetVariables", {"getVariableData": [name] * 100})).popitem()[1])
    too_much = {
        "GetVariables": {"getVariableData": [name] * 101},
        "SetVariables": {"setVariableData": [{**name, "attributeValue": "1"}] * 101},
        "GetReport": {"requestId": 1, "componentVariable": [long_name] * 101},
    }
    for action, payload in too_much.items():
        assert await error_code(csms, action, payload) == "OccurrenceConstraintViolation"
    assert await error_code(csms, "SetVariables", {"setVariableData": [heavy] * 55}) == (
        "FormatViolation"
    )
    assert csms.calls("NotifyReport") == []


async def error_code(csms: Desk, action: str, payload: dict[str, object]) -> str:
    """Send a CALL and return the code of the CALLERROR that answers it."""
    with pytest.raises(Exception, match="Violation") as refused:
        await csms.call(action, payload)
    return str(getattr(refused.value, "code", refused.value))


def replies_and_calls(station: Station, actions: set[str]) -> list[str]:
    """Return the station's frames since the first reply, as "reply" or the action of a CALL."""
    order = []
    for record in station.frames:
        if record.direction is not Direction.FROM_STATION:
            continue
        frame = parse(record.text)
        if isinstance(frame, CallResult | CallError):
            order.append("reply")
        elif getattr(frame, "action", "") in actions:
            order.append(frame.action)
    return order
