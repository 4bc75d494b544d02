"""Stories of local time: what people are shown follows what the CSMS sets, without a restart."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.cli.replies import station_status
from agent.cli.status import _lines
from agent.sim.csms_model import format_timestamp
from tests.stories.desk import Desk
from tests.stories.words import V16
from tests.stories.world import World
from tests.virtual_time import utc_now

OFFSET = "ClockCtrlr.TimeOffset"
NEXT = "ClockCtrlr.TimeOffset[NextTransition]"
NEXT_AT = "ClockCtrlr.NextTimeOffsetTransitionDateTime"
KEYS: Mapping[str, str] = {
    OFFSET: "TimeOffset",
    NEXT: "TimeOffsetNextTransition",
    NEXT_AT: "NextTimeOffsetTransitionDateTime",
}


async def sets(csms: Desk, variable: str, value: str) -> str:
    if csms.is_16:
        return (await csms.station.change_configuration(KEYS[variable], value)).status
    return (await csms.station.set_variables({variable: value}))[0].status


async def told(world: World) -> dict[str, Any]:
    """Return what the local API answers to `status`."""
    return dict(await world.machine.station._servers[0]._answer({"op": "status"}))


async def is_ahead_by(world: World, hours: float, offset: str) -> None:
    """Check what is told of the time, in numbers and as `stationd status` words it."""
    reply = await told(world)
    clock = reply["clock"]
    assert clock["time_offset"] == offset
    local, now = datetime.fromisoformat(clock["local_time"]), datetime.fromisoformat(clock["now"])
    assert local.utcoffset() == timedelta(hours=hours)
    assert abs(local - now) < timedelta(seconds=1)
    first = next(_lines(station_status(reply)))
    assert first.endswith(f"({clock['local_time']} local time)" if hours else clock["now"])


async def test_local_time_is_that_of_the_offset_and_of_the_next_one_from_its_instant_on(
    world: World, csms: Desk
) -> None:
    await world.start()
    await is_ahead_by(world, 0, "+00:00")
    for value, hours, shown in (("-09:30", -9.5, "-09:30"), ("Z", 0, "+00:00"), ("+01:00", 1, "")):
        assert await sets(csms, OFFSET, value) == "Accepted"
        await is_ahead_by(world, hours, shown or value)
    change = utc_now() + timedelta(seconds=60)
    assert await sets(csms, NEXT_AT, format_timestamp(change)) == "Accepted"
    assert await sets(csms, NEXT, "+02:00") == "Accepted"
    await world.pass_s(58)
    await is_ahead_by(world, 1, "+01:00")
    await world.pass_s(3)
    await is_ahead_by(world, 2, "+02:00")
    await world.machine.lose_power()
    await csms.is_ready(60)
    await is_ahead_by(world, 2, "+02:00")
    assert await sets(csms, NEXT_AT, "") == "Accepted"
    await is_ahead_by(world, 1, "+01:00")
    assert await sets(csms, NEXT, "") == "Accepted"


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        (OFFSET, ("", "1", "+25:00", "+14:01", "-14:30", "+01:60", "Europe/Berlin", "z", "01:00")),
        (NEXT, ("now", "+15:00", " ")),
        (NEXT_AT, ("tomorrow", "2026-03-29", "2026-03-29T01:00:00", "2026-13-29T01:00:00Z")),
    ],
)
async def test_what_is_no_offset_and_no_instant_is_rejected(
    world: World, csms: Desk, variable: str, values: tuple[str, ...]
) -> None:
    await world.start()
    for value in values:
        assert await sets(csms, variable, value) == "Rejected", value
    await is_ahead_by(world, 0, "+00:00")


@pytest.mark.parametrize("version", [V16])
async def test_each_version_names_the_same_variables(world: World, csms: Desk) -> None:
    await world.start({OFFSET: "+05:45"})
    await is_ahead_by(world, 5.75, "+05:45")
    assert await csms.station.get_configuration(list(KEYS.values())) == {
        "TimeOffset": "+05:45",
        "TimeOffsetNextTransition": "",
        "NextTimeOffsetTransitionDateTime": "",
    }
