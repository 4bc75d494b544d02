"""Stories of what is told of sessions without CSMS: every value and number as online (E04, E11)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
RULES = {
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
    "SampledDataCtrlr.TxUpdatedInterval": "20",
    "SampledDataCtrlr.TxStartedMeasurands": "Energy.Active.Import.Register,Voltage",
    "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,Current.Import",
}
Course = Callable[[World, Bench, Desk], Awaitable[None]]


async def begun_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(70)
    await csms.comes_back()
    await csms.sees_start(within_s=60)
    await world.pass_s(30)
    await bench.swipe(TOKEN)


async def lost_in_the_middle(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(30)
    await csms.goes_down()
    await world.pass_s(70)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await world.pass_s(30)
    await bench.swipe(TOKEN)


async def all_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(100)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(5)
    await csms.comes_back()


def way(course: Course, *requirements: str) -> Any:
    return pytest.param(course, marks=pytest.mark.requirement(*requirements), id=course.__name__)


@IN_2X
@pytest.mark.parametrize(
    "course",
    [
        way(begun_offline, "E04", "E04.FR.03", "E04.FR.04", "E04.FR.05", "E04.FR.06"),
        way(lost_in_the_middle, "E11", "E11.FR.01", "E11.FR.02", "E11.FR.03"),
        way(all_offline, "E12", "E12.FR.01", "E12.FR.02", "E12.FR.03"),
    ],
)
async def test_what_happens_without_csms_is_told_as_it_would_have_been(
    world: World, bench: Bench, csms: Desk, course: Course
) -> None:
    await world.start(RULES)
    await course(world, bench, csms)
    await csms.sees_end("Local", within_s=120)
    calls = [call.payload for call in csms.calls("TransactionEvent")]
    assert [call["seqNo"] for call in calls] == list(range(len(calls)))
    assert _told(calls[0]) == {
        ("Transaction.Begin", "Energy.Active.Import.Register"),
        ("Transaction.Begin", "Voltage"),
    }
    sampled = [call for call in calls if call["triggerReason"] == "MeterValuePeriodic"]
    assert len(sampled) >= 4
    for call in sampled:
        assert _told(call) == {
            ("Sample.Periodic", "Energy.Active.Import.Register"),
            ("Sample.Periodic", "Current.Import"),
        }
    offline = [call.get("offline", False) for call in calls]
    assert offline[0] is (course is not lost_in_the_middle)
    assert True in offline
    assert offline[-1] is (course is all_offline)


def _told(call: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (sample["context"], sample["measurand"])
        for value in call.get("meterValue", [])
        for sample in value["sampledValue"]
    }
