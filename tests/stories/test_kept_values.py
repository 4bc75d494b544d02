"""Stories of values that the CSMS set (B05): they outlive restarts, updates and the file."""

import pytest

from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.stories.world import World

BOTH_2X = [V201, V21]
TIMEOUT = "TxCtrlr.EVConnectionTimeOut"
INTERVAL = "SampledDataCtrlr.TxUpdatedInterval"
PASSWORD = "SecurityCtrlr.BasicAuthPassword"


async def starts_again(world: World, csms: Desk) -> None:
    csms.station.expect_boot()
    await world.machine.start()
    await csms.is_ready()


async def told_locally(world: World, name: str) -> tuple[str | None, str, str | None]:
    """Return value, origin and initial value as `stationd variables` gets them."""
    (reply,) = [
        await server._answer({"op": "variables"}) for server in world.machine.station._servers[:1]
    ]
    (entry,) = [v for v in reply["variables"] if v["name"] == name]
    return entry["value"], entry["origin"], entry["initial"]


@pytest.mark.requirement("B05.FR.10")
async def test_a_set_value_wins_over_a_new_file_and_an_update(world: World, csms: Desk) -> None:
    await world.start({TIMEOUT: "45", INTERVAL: "20"})
    assert await csms.sets(TIMEOUT, "90") == "Accepted"
    await world.machine.stop()
    world.reconfigure({TIMEOUT: "46", INTERVAL: "21"})
    world.machine.install("2.0.0")
    await starts_again(world, csms)
    assert await csms.gets(TIMEOUT) == "90"
    assert await csms.gets(INTERVAL) == "21"
    assert await told_locally(world, TIMEOUT) == ("90", "changed", "46")
    assert await told_locally(world, INTERVAL) == ("21", "configured", "21")


async def test_a_value_that_the_software_no_longer_allows_is_left_out_and_named(
    world: World, csms: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start({TIMEOUT: "45"})
    assert await csms.sets(TIMEOUT, "90") == "Accepted"
    assert await csms.sets(INTERVAL, "33") == "Accepted"
    await world.machine.station._f.storage.documents.put_many(
        "variable",
        {
            f"{TIMEOUT}/Actual": "999999999",
            "TxCtrlr.Forgotten/Actual": "1",
            "TxCtrlr.TxStartPoint/Actual": "EVConnected",
            "TxCtrlr.TxStopPoint/Actual": "PowerPathClosed",
        },
    )
    await world.machine.stop()
    await starts_again(world, csms)
    assert await csms.gets(TIMEOUT) == "45"
    assert await csms.gets(INTERVAL) == "33"
    for name in (TIMEOUT, "TxCtrlr.Forgotten", "TxCtrlr.TxStartPoint", "TxCtrlr.TxStopPoint"):
        assert f"stored value of {name}" in caplog.text
    assert "999999999" not in caplog.text
    assert await told_locally(world, TIMEOUT) == ("45", "configured", "45")
    assert await told_locally(world, "TxCtrlr.TxStopPoint") == (
        *("EVConnected,Authorized", "default", "EVConnected,Authorized"),
    )


@pytest.mark.requirement("B06.FR.09", "B07.FR.03", "B08.FR.03")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_password_is_told_to_nobody(
    world: World, csms: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "correct-horse-battery"
    await world.start()
    assert await csms.sets(PASSWORD, secret) == "Accepted"
    read = (await csms.station.get_variables([PASSWORD]))[0]
    assert (read.status, read.value) == ("Rejected", None)
    inventory = await csms.station.get_base_report("FullInventory")
    assert inventory is not None
    assert inventory.values[PASSWORD] is None
    assert await told_locally(world, PASSWORD) == (None, "changed", None)
    from_station = [r.text for r in csms.station.frames if "FROM" in r.direction.name]
    assert not any(secret in text for text in from_station)
    assert secret not in caplog.text
