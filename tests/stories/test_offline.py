"""Stories of a CSMS that is away: what is charged, kept, and told in order later (E08, E11-E13)."""

from itertools import pairwise

import pytest

from agent.sim.csms_model import AuthorizationStatus
from agent.sim.misbehaviour import (
    TRANSACTION_MESSAGES,
    Ending,
    answer_call_error,
    end_connection,
    lose_answers,
    never_answer,
)
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import OTHER_TOKEN, TOKEN, V16, V21, V201, VERSIONS, signed_pair_is_valid
from tests.stories.world import World
from tests.virtual_time import utc_now

ANYBODY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


@pytest.mark.requirement(
    *("E12", "E12.FR.01", "E12.FR.02", "E12.FR.07", "C15", "C15.FR.02", "C15.FR.08"),
    *("E08.FR.01", "E08.FR.06", "E08.FR.07", "E08.FR.08", "S16-OFFL-02", "S16-OFFL-04"),
    *("S16-TXM-01", "S16-TXM-06", "E08", "TC_037_1_CS", "TC_039_CS"),
)
async def test_a_session_without_csms_is_told_in_order_when_it_is_back(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({**ANYBODY, "SampledDataCtrlr.TxUpdatedInterval": "30"})
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(100)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await bench.unplug()
    await world.pass_s(30)
    await csms.comes_back()
    transaction = await csms.sees_end("Local", within_s=120)
    signed_pair_is_valid(transaction)
    assert csms.calls("Authorize") == []
    if csms.is_16:
        numbers = [c.payload["transactionId"] for c in csms.calls("MeterValues")]
        assert set(numbers) == {int(transaction.transaction_id)}
        assert len(numbers) >= 3
    else:
        assert all(event.offline for event in transaction.events)


@pytest.mark.requirement("S16-OFFL-01", "C15", "C01.FR.01")
@pytest.mark.hil
async def test_an_unknown_token_gets_nothing_offline_unless_the_operator_allows_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.watch_s(30)
    assert not bench.plant().contactor_closed
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await world.watch_s(10)
    assert csms.station.transactions == {}


@pytest.mark.requirement("C15.FR.04", "E05.FR.10", "S16-OFFL-05", "C15", "TC_037_3_CS")
@pytest.mark.hil
async def test_a_token_that_turns_out_to_be_blocked_loses_its_running_session(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.charge_s(30)
    csms.knows(_DEADBEEF=AuthorizationStatus.BLOCKED)
    await csms.comes_back()
    await csms.sees_end("DeAuthorized", within_s=90)
    await world.energy_ceases()


@pytest.mark.requirement("E11", "E11.FR.01", "E11.FR.02", "S16-TXM-01", "S16-CONN-16", "TC_036_CS")
async def test_a_session_goes_on_while_the_csms_restarts(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "20"})
    transaction = await world.charges()
    await world.pass_s(30)
    await csms.goes_down()
    await world.pass_s(70)
    assert bench.is_delivering()
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await world.pass_s(40)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=90)
    assert list(csms.station.transactions) == [transaction.transaction_id]
    registers = [s for s in transaction.samples if s.is_total_register]
    periodic = [s for s in registers if s.context == "Sample.Periodic"]
    assert len(periodic) >= 6
    if not csms.is_16:
        flags = [event.offline for event in transaction.events]
        assert flags[0] is False
        assert True in flags
        assert flags[-1] is False


@pytest.mark.requirement("E08", "E08.FR.05", "E08.FR.07", "E12.FR.02", "S16-TXM-06", "TC_038_CS")
@pytest.mark.hil
async def test_a_session_that_began_online_may_end_offline(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.charge_s(30)
    await csms.goes_down()
    await world.watch_s(10)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await bench.unplug()
    await world.watch_s(30)
    await csms.comes_back()
    transaction = await csms.sees_end("Local", within_s=90)
    if not csms.is_16:
        assert transaction.events[-1].offline
        assert not transaction.events[0].offline


@pytest.mark.requirement("E12", "S16-TXM-01", "S16-TXM-02", "S16-TXM-06", "E01.FR.08")
async def test_several_sessions_wait_for_the_csms_and_keep_their_order(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    for _ in range(3):
        await bench.plug_in()
        await bench.swipe(TOKEN)
        await world.energy_flows()
        await world.pass_s(20)
        await bench.swipe(TOKEN)
        await world.energy_ceases()
        await bench.unplug()
        await world.pass_s(15)
    await csms.comes_back()
    await csms.sees_end("Local", 3, within_s=120)
    started = [t.started_at for t in csms.station.transactions.values()]
    assert started == sorted(started, key=str)


@pytest.mark.requirement("S16-TXM-06", "S16-BOOT-02", "B01.FR.08", "E12.FR.02")
@pytest.mark.hil
async def test_an_offline_session_survives_a_restart_before_it_is_told(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.charge_s(30)
    await world.machine.restart()
    await world.watch_s(30)
    assert bench.is_delivering()
    await csms.comes_back()
    csms.station.expect_boot()
    await csms.is_ready(within_s=60)
    await csms.sees_start(within_s=60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("E13", "E12", "S16-TXM-06")
@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize("next_version", VERSIONS)
async def test_the_version_may_change_while_the_queue_is_full(
    world: World, bench: Bench, csms: Desk, next_version: str
) -> None:
    await world.start(ANYBODY)
    await csms.goes_down()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.machine.stop()
    world.speak(next_version)
    csms.station.expect_boot()
    await csms.comes_back()
    await world.machine.start()
    await csms.is_ready()
    transaction = await csms.sees_end("Local")
    signed_pair_is_valid(transaction)


@pytest.mark.requirement("E13")
@pytest.mark.parametrize("version", [V201, V21])
async def test_the_end_of_a_session_begun_in_2x_is_not_lost_in_16(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    await world.pass_s(20)
    await csms.goes_down()
    await world.machine.stop()
    world.speak(V16)
    csms.station.expect_boot()
    csms.station.transactions.clear()
    await csms.comes_back()
    await world.machine.start()
    await csms.is_ready()
    await world.pass_s(20)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.queue_drains()
    (told,) = csms.calls("StopTransaction")
    stop = told.payload
    assert stop["transactionId"] == -1
    assert stop["meterStop"] > 1_000
    assert stop["transactionData"]
    csms.tolerated.append(lambda fault: "StopTransaction" in fault.frame)
    world.bills_exactly = False


@pytest.mark.requirement("E13", "E13.FR.01", "E13.FR.02", "E13.FR.03", "S16-TXM-04")
async def test_a_refused_transaction_message_is_repeated_and_then_taken(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "10"})
    refusal = csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 2))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await csms.sees_start(within_s=60)
    assert refusal.count == 2
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("E13.FR.03", "S16-TXM-04")
async def test_the_waits_before_a_message_is_repeated_grow_with_each(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {
            "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "5",
            "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "10",
        }
    )
    refusal = csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 3))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    sent_at = []
    for count in (1, 2, 3):
        await world.until(lambda n=count: refusal.count >= n, f"attempt {count}", 60)
        sent_at.append(utc_now())
    await csms.sees_start(within_s=60)
    sent_at.append(utc_now())
    waits_s = [(later - earlier).total_seconds() for earlier, later in pairwise(sent_at)]
    assert waits_s == [pytest.approx(wait_s, abs=1.5) for wait_s in (10, 20, 30)]
    await world.energy_flows()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("E13.FR.04", "S16-TXM-04", "S16-TXM-05")
async def test_a_start_that_is_always_refused_is_given_up_and_the_rest_is_told(
    world: World, bench: Bench, csms: Desk
) -> None:
    interval = "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"
    await world.start({interval: "5", "SampledDataCtrlr.TxUpdatedInterval": "20"})
    csms.csms.misbehave(answer_call_error("InternalError", TRANSACTION_MESSAGES, 3))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(90)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await world.queue_drains()
    csms.tolerated.append(lambda fault: True)
    world.bills_exactly = False
    if csms.is_16:
        assert csms.calls("StopTransaction")[0].payload["transactionId"] == -1
        values = [call.payload for call in csms.calls("MeterValues")]
        assert len(values) >= 3
        assert {told["transactionId"] for told in values} == {-1}
    else:
        assert csms.station.last_transaction is not None
        assert csms.station.last_transaction.ended


@pytest.mark.requirement("S16-CONN-08", "S16-CONN-19", "S16-TXM-04", "E13.FR.02")
async def test_lost_answers_lead_to_the_same_messages_with_new_ids(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(lose_answers(2))
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(150)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)
    assert len(csms.station.transactions) == 1
    world.may_tell_twice = 2


@pytest.mark.requirement("S16-TXM-01", "E13.FR.02")
@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.ABORT])
@pytest.mark.parametrize("recorded", [False, True])
async def test_a_connection_that_ends_in_the_middle_of_a_start_loses_nothing(
    world: World, bench: Bench, csms: Desk, ending: Ending, recorded: bool
) -> None:
    await world.start()
    hook = end_connection(ending, TRANSACTION_MESSAGES, 1, record=recorded)
    csms.csms.misbehave(hook)
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=60)
    assert hook.count == 1
    assert len(csms.station.transactions) == 1
    world.may_tell_twice = int(recorded)


@pytest.mark.requirement("S16-CONN-19", "S16-TXM-03")
async def test_a_csms_that_never_answers_transactions_stops_nobody_from_charging(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    csms.csms.misbehave(never_answer(TRANSACTION_MESSAGES, record=False))
    await world.charges_unseen()
    await world.pass_s(120)
    assert bench.is_delivering()
    csms.csms.behave()
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", within_s=120)


@pytest.mark.requirement("A04.FR.02", "A04.FR.02 (1.6)", "A04")
async def test_security_events_wait_for_the_csms(world: World, csms: Desk) -> None:
    await world.start()
    await csms.goes_down()
    await world.machine.restart()
    await world.pass_s(20)
    await csms.comes_back()
    csms.station.expect_boot()
    await csms.is_ready(within_s=60)
    await world.queue_drains()
    starts = ["StartupOfTheDevice"] * 2
    assert [e.type for e in csms.station.security_events] == [*starts, "ResetOrReboot"]


@pytest.mark.requirement("E11.FR.07", "C01.FR.03")
async def test_another_token_is_refused_at_a_session_that_runs_offline(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(ANYBODY)
    await world.charges()
    await csms.goes_down()
    await bench.swipe(OTHER_TOKEN)
    await world.pass_s(20)
    assert bench.is_delivering()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await csms.comes_back()
    await csms.sees_end("Local", within_s=60)
