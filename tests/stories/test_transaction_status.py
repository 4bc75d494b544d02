"""Stories of a CSMS that asks how things are with a transaction (E14)."""

import pytest

from agent.sim.misbehaviour import TRANSACTION_MESSAGES, answer_call_error, never_answer
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V21, V201
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V201, V21])

OVER, TOLD = False, False
RUNS, WAITS = True, True


async def status(csms: Desk, transaction_id: str) -> tuple[bool, bool]:
    """Return (ongoing, messages in queue)."""
    answer = await csms.call("GetTransactionStatus", {"transactionId": transaction_id})
    return answer["ongoingIndicator"], answer["messagesInQueue"]


async def anything_queued(csms: Desk) -> bool:
    answer = await csms.call("GetTransactionStatus", {})
    assert "ongoingIndicator" not in answer
    return bool(answer["messagesInQueue"])


@pytest.mark.requirement(
    *("E14", "E14.FR.01", "E14.FR.02", "E14.FR.03", "E14.FR.05", "E14.FR.06", "E14.FR.08")
)
async def test_a_transaction_runs_and_then_does_not(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    assert await status(csms, "nobody-knows-me") == (OVER, TOLD)
    assert not await anything_queued(csms)
    transaction = await world.charges()
    await world.queue_drains()
    assert await status(csms, transaction.transaction_id) == (RUNS, TOLD)
    assert not await anything_queued(csms)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.queue_drains()
    assert await status(csms, transaction.transaction_id) == (OVER, TOLD)
    assert await status(csms, "nobody-knows-me") == (OVER, TOLD)


@pytest.mark.requirement("E14", "E14.FR.02", "E14.FR.03", "E14.FR.04", "E14.FR.05", "E14.FR.07")
async def test_messages_that_the_csms_has_not_acknowledged_are_in_the_queue(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "30"})
    transaction = await world.charges()
    await world.queue_drains()
    csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 1))
    await bench.car_pauses()
    await world.pass_s(10)
    assert await status(csms, transaction.transaction_id) == (RUNS, WAITS)
    assert await status(csms, "nobody-knows-me") == (OVER, TOLD)
    assert await anything_queued(csms)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.pass_s(2)
    assert await status(csms, transaction.transaction_id) == (OVER, WAITS)
    await csms.sees_end("Local", within_s=90)
    await world.queue_drains()
    assert await status(csms, transaction.transaction_id) == (OVER, TOLD)
    assert not await anything_queued(csms)


@pytest.mark.requirement("E14.FR.04", "E14.FR.07")
async def test_a_message_on_its_way_still_counts_as_queued(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.queue_drains()
    csms.csms.misbehave(never_answer(TRANSACTION_MESSAGES, record=False))
    await bench.car_pauses()
    await world.pass_s(10)
    assert len(world.machine.station._f.storage.journal) == 1
    assert await status(csms, transaction.transaction_id) == (RUNS, WAITS)
    assert await anything_queued(csms)
    csms.csms.behave()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)


@pytest.mark.requirement("E14.FR.04", "E14.FR.05")
async def test_each_transaction_is_asked_about_by_itself(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "30"}, evses=2)
    first = await world.charges(TOKEN, 1)
    second = await world.charges(OTHER_TOKEN, 2)
    await world.queue_drains()
    csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 1))
    await bench.swipe(TOKEN, 1)
    await world.energy_ceases(1)
    await world.pass_s(5)
    assert await status(csms, first.transaction_id) == (OVER, WAITS)
    assert await status(csms, second.transaction_id) == (RUNS, TOLD)
    await csms.sees_end("Local", 1, within_s=90)
    await bench.swipe(OTHER_TOKEN, 2)
    await csms.sees_end("Local", 2)


@pytest.mark.requirement("E14.FR.02", "E14.FR.04")
async def test_what_was_queued_before_a_restart_is_still_known(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "60"})
    transaction = await world.charges()
    await world.queue_drains()
    await csms.goes_down()
    await bench.car_pauses()
    await world.pass_s(5)
    await world.machine.restart()
    csms.station.expect_boot()
    csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 1))
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await world.pass_s(5)
    assert await status(csms, transaction.transaction_id) == (RUNS, WAITS)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)
