"""Stories of too little room: values go alternately, starts, ends and news never (E04-E12)."""

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from agent.sim.csms_model import parse_timestamp
from agent.store import outbox
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201, at_s, signed_pair_is_valid
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
SERIES = {"SampledDataCtrlr.TxEndedInterval": "2", "SampledDataCtrlr.TxUpdatedInterval": "0"}
MOST_VALUES = 100
SESSION_S = 500

Course = Callable[[World, Bench, Desk], Awaitable[None]]


async def stopped_by_the_driver(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(SESSION_S)
    await bench.swipe(TOKEN)


async def stopped_offline(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(SESSION_S)
    await csms.goes_down()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(5)
    await csms.comes_back()


async def unplugged_at_the_car(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(SESSION_S)
    await bench.unplug()


async def suspended_and_stopped(world: World, bench: Bench, csms: Desk) -> None:
    await csms.sets("TxCtrlr.StopTxOnEVSideDisconnect", "false")
    await world.charges()
    await world.pass_s(SESSION_S - 10)
    await bench.unplug()
    await world.pass_s(10)
    await bench.swipe(TOKEN)


async def all_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(SESSION_S)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(5)
    await csms.comes_back()


async def stopped_by_the_csms(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(SESSION_S)
    assert (await csms.remote_stop()).accepted


def way(course: Course, *requirements: str) -> Any:
    return pytest.param(course, marks=pytest.mark.requirement(*requirements), id=course.__name__)


@IN_2X
@pytest.mark.parametrize(
    "course",
    [
        way(stopped_by_the_driver, "E06.FR.12", "E06.FR.13", "E07.FR.09", "E07.FR.10"),
        way(stopped_offline, "E08.FR.10", "E08.FR.11"),
        way(unplugged_at_the_car, "E09.FR.06", "E09.FR.07"),
        way(suspended_and_stopped, "E10.FR.05", "E10.FR.06"),
        way(all_offline, "E12.FR.08", "E12.FR.09"),
        way(stopped_by_the_csms, "F03.FR.06", "F04.FR.05", "F04.FR.06"),
    ],
)
async def test_the_series_of_an_end_is_thinned_alternately_between_its_edges(
    world: World, bench: Bench, csms: Desk, course: Course
) -> None:
    await world.start({**SERIES, **ANYBODY})
    await course(world, bench, csms)
    transaction = await csms.sees_end(within_s=120)
    values = csms.calls("TransactionEvent")[-1].payload["meterValue"]
    contexts = [value["sampledValue"][0]["context"] for value in values]
    assert contexts[0] == "Transaction.Begin"
    assert contexts[-1] == "Transaction.End"
    assert set(contexts[1:-1]) == {"Sample.Periodic"}
    assert MOST_VALUES / 2 < len(values) <= MOST_VALUES
    sampled_s = [at_s(parse_timestamp(value["timestamp"])) for value in values[1:-1]]
    gaps_s = {round(later - earlier) for earlier, later in pairwise(sampled_s[:-1])}
    assert max(gaps_s) <= 4 * min(gaps_s), "what is left is dense everywhere"
    assert sampled_s[-1] - sampled_s[0] > SESSION_S * 0.9
    assert abs(signed_pair_is_valid(transaction) - bench.delivered_wh()) < 1


# --- A queue that is full.


async def begun_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(SESSION_S)
    await csms.comes_back()
    await csms.sees_start(within_s=60)
    await bench.swipe(TOKEN)


async def lost_in_the_middle(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await csms.goes_down()
    await world.pass_s(SESSION_S)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await bench.swipe(TOKEN)


@IN_2X
@pytest.mark.parametrize(
    "course",
    [
        way(begun_offline, "E04.FR.07", "E04.FR.08"),
        way(lost_in_the_middle, "E11.FR.04", "E11.FR.05", "J02.FR.12", "J02.FR.13"),
        way(all_offline, "E12.FR.04", "E12.FR.05"),
    ],
)
async def test_a_full_queue_loses_every_other_value_and_nothing_else(
    world: World,
    bench: Bench,
    csms: Desk,
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = partial(outbox.OutboxLimits, max_rows=40, look_ahead=4)
    monkeypatch.setattr(outbox, "OutboxLimits", small)
    csms.tolerated.append(lambda fault: "seqNo" in fault.message)
    await world.start({**ANYBODY, "SampledDataCtrlr.TxUpdatedInterval": "5"})
    await course(world, bench, csms)
    await csms.sees_end("Local", within_s=120)
    calls = [call.payload for call in csms.calls("TransactionEvent")]
    kinds = [call["eventType"] for call in calls]
    assert (kinds[0], kinds[-1]) == ("Started", "Ended")
    numbers = [call["seqNo"] for call in calls]
    assert numbers == sorted(set(numbers))
    missing = set(range(numbers[-1] + 1)) - set(numbers)
    assert len(missing) > SESSION_S / 5 / 3
    values = [c["seqNo"] for c in calls if c["triggerReason"] == "MeterValuePeriodic"]
    gaps = [later - earlier for earlier, later in pairwise(values)]
    assert max(gaps) <= 10, "what is left is dense everywhere"
    others = [c["triggerReason"] for c in calls if c["triggerReason"] != "MeterValuePeriodic"]
    assert others[-1] == "StopAuthorized"
    assert "ChargingStateChanged" in others
