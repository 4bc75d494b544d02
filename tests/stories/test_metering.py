"""Stories of meter values (J01, J02): when they are taken, with which context, and signed."""

from itertools import pairwise

import pytest

from agent.sim.csms_model import MeterSample, TransactionRecord
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, at_s, signed_pair_is_valid
from tests.stories.world import World

REGISTER = "Energy.Active.Import.Register"
ALL = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Frequency"


def registers(transaction: TransactionRecord, context: str) -> list[MeterSample]:
    return [s for s in transaction.samples if s.context == context and s.is_total_register]


@pytest.mark.requirement(
    *("J02", "J02.FR.11", "J02.FR.16", "J02.FR.17", "J02.FR.10", "E02.FR.10", "S16-MV-01"),
    *("S16-MV-09", "S16-MV-06", "TC_070_CS"),
)
async def test_sampled_values_come_at_their_interval_from_the_start(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "15"})
    transaction = await world.charges()
    await world.pass_s(125)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    samples = registers(transaction, "Sample.Periodic")
    assert 8 <= len(samples) <= 9
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(samples)]
    assert all(14.5 <= gap <= 15.5 for gap in gaps)
    assert all(a.value <= b.value for a, b in pairwise(samples))
    phases = {s.phase for s in transaction.samples if s.measurand == "Current.Import"}
    assert phases == {"L1", "L2", "L3"}


@pytest.mark.requirement("J02.FR.03", "J02.FR.06", "S16-MV-10", "S16-MV-06")
async def test_every_measurand_is_told_in_its_unit_and_agrees_with_the_others(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "20"})
    assert await csms.sets("SampledDataCtrlr.TxUpdatedMeasurands", ALL) == "Accepted"
    transaction = await world.charges()
    await world.pass_s(50)
    last = {(s.measurand, s.phase): s.value for s in transaction.samples}
    power_w = last["Power.Active.Import", None]
    per_phase_w = [
        last["Voltage", f"{p}-N"] * last["Current.Import", p] for p in ("L1", "L2", "L3")
    ]
    assert abs(power_w - sum(per_phase_w)) < 30
    assert last["Frequency", None] == 50
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("E01.FR.09", "E06.FR.11", "E02.FR.09", "S16-MV-04", "S16-MV-03")
@pytest.mark.hil
async def test_begin_and_end_carry_their_contexts(world: World, bench: Bench, csms: Desk) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    begins = registers(transaction, "Transaction.Begin")
    ends = registers(transaction, "Transaction.End")
    assert begins
    assert ends
    assert len({s.value for s in begins}) == 1
    assert abs(ends[-1].value - begins[0].value - bench.delivered_wh()) < 1


@pytest.mark.requirement("J01", "J01.FR.02", "J01.FR.08", "J01.FR.14", "S16-MV-02")
async def test_an_idle_evse_tells_clock_aligned_values(world: World, csms: Desk) -> None:
    await world.start({"AlignedDataCtrlr.Interval": "60"})
    await world.pass_s(190)
    calls = csms.calls("MeterValues")
    assert len(calls) == 3
    instants = {at_s(sample.at) % 60 for sample in csms.station.idle_samples}
    assert instants == {0.0}
    assert {sample.context for sample in csms.station.idle_samples} == {"Sample.Clock"}


@pytest.mark.requirement("J01.FR.22", "S16-MV-02", "S16-MV-07", "TC_071_CS")
async def test_clock_aligned_values_belong_to_the_transaction_that_runs(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {"AlignedDataCtrlr.Interval": "60", "SampledDataCtrlr.TxUpdatedInterval": "0"}
    )
    transaction = await world.charges()
    await world.pass_s(130)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert 2 <= len(registers(transaction, "Sample.Clock")) <= 3
    if not csms.is_16:
        assert "MeterValueClock" in csms.triggers(transaction)


@pytest.mark.requirement("J02.FR.21", "E02.FR.14", "J02.FR.23")
@pytest.mark.parametrize("policy", ["Never", "OncePerTransaction", "EveryMeterValue"])
@pytest.mark.hil
async def test_signed_values_carry_the_public_key_as_the_operator_wants_it(
    world: World, bench: Bench, csms: Desk, policy: str
) -> None:
    await world.start()
    assert await csms.sets("OCPPCommCtrlr.PublicKeyWithSignedMeterValue", policy) == "Accepted"
    transaction = await world.charges()
    await world.charge_s(20)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    keys = [value.public_key for value in transaction.signed_values]
    contexts = [value.context for value in transaction.signed_values]
    assert {"Transaction.Begin", "Transaction.End"} <= set(contexts)
    match policy:
        case "Never":
            assert set(keys) == {""}
        case "EveryMeterValue":
            assert all(keys)
            signed_pair_is_valid(transaction)
        case _:
            assert keys[0]
            assert not keys[-1]
            proven_wh = signed_pair_is_valid(transaction)
            assert abs(proven_wh - bench.delivered_wh()) < 1


@pytest.mark.requirement("E06.FR.11", "S16-MV-03")
async def test_the_end_carries_a_series_where_the_operator_wants_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({"SampledDataCtrlr.TxEndedInterval": "20"})
    await world.charges()
    await world.pass_s(90)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    call = csms.calls("StopTransaction" if csms.is_16 else "TransactionEvent")[-1].payload
    values = call["transactionData" if csms.is_16 else "meterValue"]
    instants = [value["timestamp"] for value in values]
    assert len(set(instants)) >= 6
    assert instants == sorted(instants)


@pytest.mark.requirement("J02.FR.16", "J02.FR.17")
@pytest.mark.hil
async def test_a_meter_that_fails_in_a_session_suspends_it_and_bills_what_it_counted(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    transaction = await world.charges()
    await world.charge_s(30)
    await bench.fault("meter_lost")
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    await world.watch_s(30)
    await bench.repair("meter_lost")
    await world.energy_flows()
    await csms.sees_status("Charging")
    await world.charge_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert transaction.energy_wh is not None
