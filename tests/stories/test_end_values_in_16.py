"""Stories of StopTransactionMaxMeterValues: the number that is shown is the one that holds."""

from itertools import pairwise

import pytest

from agent.sim.csms_model import parse_timestamp
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16, at_s, signed_pair_is_valid
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
KEY = "StopTransactionMaxMeterValues"
SERIES = {"SampledDataCtrlr.TxEndedInterval": "2", "SampledDataCtrlr.TxUpdatedInterval": "0"}
SESSION_S = 300


async def stops(world: World, bench: Bench, csms: Desk) -> tuple[int, list[Payload]]:
    """Charge for a while; return the shown number, and what StopTransaction told."""
    shown = await csms.station.get_configuration([KEY])
    await world.charges()
    await world.pass_s(SESSION_S)
    await bench.swipe(TOKEN)
    transaction = await csms.sees_end("Local")
    assert abs(signed_pair_is_valid(transaction) - bench.delivered_wh()) < 1
    return int(shown[KEY] or ""), csms.calls("StopTransaction")[0].payload["transactionData"]


@pytest.mark.requirement("S16-TXN-12")
@pytest.mark.parametrize("most", [None, 100, 20, 7, 3])
async def test_no_more_values_come_with_the_end_and_those_between_go_all_over_the_list(
    world: World, bench: Bench, csms: Desk, most: int | None
) -> None:
    fewer = {} if most is None else {f"OCPP16Ctrlr.{KEY}": str(most)}
    await world.start({**SERIES, **fewer})
    shown, values = await stops(world, bench, csms)
    assert shown == (most or 100)
    assert max(3, shown // 2) <= len(values) <= shown
    contexts = [value["sampledValue"][0]["context"] for value in values]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    assert set(contexts[1:-1]) == {"Sample.Periodic"}
    if len(values) > 7:
        told_s = [at_s(parse_timestamp(value["timestamp"])) for value in values[1:-1]]
        gaps_s = {round(later - earlier) for earlier, later in pairwise(told_s[:-1])}
        assert max(gaps_s) <= 4 * min(gaps_s), "what is left is dense everywhere"
        assert told_s[-1] - told_s[0] > SESSION_S * 0.75


@pytest.mark.requirement("S16-TXN-12")
async def test_a_signed_end_that_no_measurand_asks_for_finds_room(
    world: World, bench: Bench, csms: Desk
) -> None:
    aligned = {
        "AlignedDataCtrlr.TxEndedInterval": "2",
        "AlignedDataCtrlr.TxEndedMeasurands": "Energy.Active.Import.Register",
        "SampledDataCtrlr.TxEndedMeasurands": "",
    }
    await world.start({**SERIES, **aligned, f"OCPP16Ctrlr.{KEY}": "8"})
    _, values = await stops(world, bench, csms)
    assert 4 <= len(values) <= 8
    assert values[0]["sampledValue"][0]["context"] == "Transaction.Begin"
    assert values[-1]["sampledValue"][-1]["context"] == "Transaction.End"


async def test_the_number_is_the_installers_and_not_the_csms_s(world: World, csms: Desk) -> None:
    await world.start()
    assert (await csms.station.change_configuration(KEY, "50")).status == "Rejected"
