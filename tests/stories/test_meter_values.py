"""Stories of what meter values hold (J01, J02), and of meters that cannot be believed."""

import base64
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from pyocmf import OCMF

from agent.sim.csms_model import EventType, TransactionEvent, TransactionRecord
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V21, V201, at_s, signed_pair_is_valid
from tests.stories.world import World

REGISTER, POWER = "Energy.Active.Import.Register", "Power.Active.Import"
CURRENT, VOLTAGE, FREQUENCY = "Current.Import", "Voltage", "Frequency"
BEGIN, PERIODIC, CLOCK, END = (
    "Transaction.Begin",
    "Sample.Periodic",
    "Sample.Clock",
    "Transaction.End",
)
LISTS = {
    "SampledDataCtrlr.TxStartedMeasurands": f"{REGISTER},{VOLTAGE}",
    "SampledDataCtrlr.TxUpdatedMeasurands": f"{REGISTER},{POWER}",
    "SampledDataCtrlr.TxUpdatedInterval": "10",
    "SampledDataCtrlr.TxEndedMeasurands": f"{REGISTER},{FREQUENCY}",
    "SampledDataCtrlr.SignUpdatedReadings": "true",
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
}
IN_2X = pytest.mark.parametrize("version", [V201, V21])
Way = Callable[[World, Bench, Desk], Awaitable[None]]


def told(event: TransactionEvent) -> set[tuple[str, str]]:
    return {(sample.context, sample.measurand) for sample in event.reading.samples}


def of_type(transaction: TransactionRecord, kind: EventType) -> list[TransactionEvent]:
    return [event for event in transaction.events if event.event_type is kind]


def sampled_values(csms: Desk) -> list[dict[str, Any]]:
    calls = csms.calls("TransactionEvent") + csms.calls("MeterValues")
    elements = [value for call in calls for value in call.payload.get("meterValue", [])]
    return [sample for element in elements for sample in element["sampledValue"]]


# --- Which values, in every course that a transaction may take.


async def token_first(world: World, bench: Bench, _csms: Desk) -> None:
    await bench.swipe(TOKEN)
    await world.pass_s(3)
    await bench.plug_in()
    await world.energy_flows()
    await world.pass_s(35)
    await bench.swipe(TOKEN)


async def begun_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(35)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await world.pass_s(15)
    await bench.swipe(TOKEN)


async def ended_offline(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await world.pass_s(35)
    await csms.goes_down()
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await csms.comes_back()


async def wholly_offline(world: World, bench: Bench, csms: Desk) -> None:
    await csms.goes_down()
    await world.charges_unseen()
    await world.pass_s(35)
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    await csms.comes_back()


async def offline_in_between(world: World, bench: Bench, csms: Desk) -> None:
    await world.charges()
    await csms.goes_down()
    await world.pass_s(35)
    await csms.comes_back()
    await csms.is_ready(within_s=60)
    await bench.swipe(TOKEN)


async def unplugged_at_the_car(world: World, bench: Bench, _csms: Desk) -> None:
    await world.charges()
    await world.pass_s(35)
    await bench.unplug()


async def unplugged_and_plugged_again(world: World, bench: Bench, csms: Desk) -> None:
    assert await csms.sets("TxCtrlr.StopTxOnEVSideDisconnect", "false") == "Accepted"
    assert await csms.sets("TxCtrlr.TxStopPoint", "Authorized") == "Accepted"
    await world.charges()
    await world.pass_s(35)
    await bench.unplug()
    await world.pass_s(5)
    await bench.plug_in()
    await world.energy_flows()
    await bench.swipe(TOKEN)


async def started_remotely_with_the_cable_in(world: World, bench: Bench, csms: Desk) -> None:
    await bench.plug_in()
    await world.pass_s(2)
    assert (await csms.remote_start()).accepted
    await world.energy_flows()
    await world.pass_s(35)
    assert (await csms.remote_stop()).accepted


async def started_remotely_before_the_cable(world: World, bench: Bench, csms: Desk) -> None:
    assert (await csms.remote_start()).accepted
    await world.pass_s(3)
    await bench.plug_in()
    await world.energy_flows()
    await world.pass_s(35)
    assert (await csms.remote_stop()).accepted


def way(course: Way, *requirements: str) -> Any:
    return pytest.param(course, marks=pytest.mark.requirement(*requirements), id=course.__name__)


@IN_2X
@pytest.mark.requirement("J01.FR.01", "J02.FR.01", "J02.FR.10", "J02.FR.04")
@pytest.mark.parametrize(
    "course",
    [
        way(token_first, "E03.FR.08", "E03.FR.10"),
        way(begun_offline, "E04.FR.05", "E04.FR.06", "E04.FR.10"),
        way(ended_offline, "E08.FR.12"),
        way(wholly_offline, "E12.FR.03", "E12.FR.10"),
        way(offline_in_between, "E11.FR.03", "E11.FR.08"),
        way(unplugged_at_the_car, "E09.FR.08"),
        way(unplugged_and_plugged_again, "E10.FR.07"),
        way(started_remotely_with_the_cable_in, "F01.FR.15"),
        way(started_remotely_before_the_cable, "F02.FR.02", "F02.FR.03"),
    ],
)
async def test_every_event_holds_what_its_variables_name_signed_where_they_want_it(
    world: World, bench: Bench, csms: Desk, course: Way
) -> None:
    await world.start(LISTS)
    await course(world, bench, csms)
    transaction = await csms.sees_end(within_s=120)
    (started,) = of_type(transaction, EventType.STARTED)
    (ended,) = of_type(transaction, EventType.ENDED)
    sampled = [e for e in transaction.events if e.trigger_reason == "MeterValuePeriodic"]
    assert told(started) == {(BEGIN, REGISTER), (BEGIN, VOLTAGE)}
    assert len(sampled) >= 3
    for event in sampled:
        assert told(event) == {(PERIODIC, REGISTER), (PERIODIC, POWER)}
        assert [value.context for value in event.reading.signed_values] == [PERIODIC]
    edges = {(context, name) for context in (BEGIN, END) for name in (REGISTER, FREQUENCY)}
    assert told(ended) == edges
    assert [value.context for value in started.reading.signed_values] == [BEGIN]
    assert [value.context for value in ended.reading.signed_values] == [BEGIN, END]
    proven_wh = signed_pair_is_valid(transaction)
    assert abs(proven_wh - bench.delivered_wh()) < 1


@IN_2X
@pytest.mark.requirement("E05.FR.06", "F04.FR.04")
@pytest.mark.parametrize("ending", ["the CSMS refuses the token", "the CSMS stops it"])
async def test_an_end_that_the_csms_wants_is_signed_too(
    world: World, bench: Bench, csms: Desk, ending: str
) -> None:
    await world.start({"TxCtrlr.TxStopPoint": "Authorized,EVConnected"})
    if ending == "the CSMS refuses the token":
        csms.refuses_at_start()
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await csms.sees_start()
    if ending == "the CSMS stops it":
        await world.pass_s(20)
        assert (await csms.remote_stop()).accepted
    transaction = await csms.sees_end()
    contexts = [value.context for value in transaction.signed_values]
    assert contexts == [BEGIN, BEGIN, END]
    signed_pair_is_valid(transaction)


@IN_2X
@pytest.mark.requirement("J02.FR.21", "E02.FR.14")
@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"SignReadings": "false"}, []),
        ({"SignReadings": "false", "SignUpdatedReadings": "true"}, []),
        ({"SignStartedReadings": "false"}, [BEGIN, END]),
        ({"SignStartedReadings": "true"}, [BEGIN, BEGIN, END]),
        ({"SignUpdatedReadings": "true"}, [BEGIN, PERIODIC, PERIODIC, BEGIN, END]),
    ],
)
async def test_the_operator_chooses_which_readings_are_signed(
    world: World, bench: Bench, csms: Desk, switches: dict[str, str], expected: list[str]
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "10"})
    await csms.sets("OCPPCommCtrlr.PublicKeyWithSignedMeterValue", "OncePerTransaction")
    for name, value in switches.items():
        assert await csms.sets(f"SampledDataCtrlr.{name}", value) == "Accepted"
    transaction = await world.charges()
    await world.pass_s(21)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert [value.context for value in transaction.signed_values] == expected
    keys = [value.public_key for value in transaction.signed_values if value.public_key]
    assert len(keys) == bool(expected)
    if expected:
        signed_pair_is_valid(transaction)


# --- What the values mean.


@IN_2X
@pytest.mark.requirement("J02.FR.22")
async def test_each_transaction_tells_the_values_of_its_own_evse(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {
            "SampledDataCtrlr.TxUpdatedInterval": "10",
            "SampledDataCtrlr.TxUpdatedMeasurands": f"{REGISTER},{CURRENT}",
        },
        evses=2,
    )
    await bench.car(1, max_a=10)
    await bench.car(2, max_a=25)
    first = await world.charges(TOKEN, 1)
    await world.pass_s(30)
    second = await world.charges("0A0B0C0D", 2)
    await world.pass_s(45)
    for number, transaction, current_a in ((1, first, 10), (2, second, 25)):
        drawn = [s.value for s in transaction.samples if s.measurand == CURRENT]
        assert drawn[-3:] == [current_a] * 3
        assert (await csms.station.remote_stop(transaction)).accepted
        await csms.sees_end("Remote", number)
        assert transaction.energy_wh is not None
        assert abs(transaction.energy_wh - bench.delivered_wh(number)) < 1


@IN_2X
@pytest.mark.requirement(
    *("J01.FR.11", "J01.FR.13", "J02.FR.07", "J02.FR.09", "E02.FR.18", "E02.FR.19", "J02.FR.06"),
)
@pytest.mark.parametrize(
    "id_first",
    [False, pytest.param(True, marks=pytest.mark.requirement("E03.FR.13", "E03.FR.14"))],
)
async def test_phases_are_numbered_by_the_meter_and_a_change_is_told_in_the_next_event(
    world: World, bench: Bench, csms: Desk, *, id_first: bool
) -> None:
    await world.start(
        {
            "SampledDataCtrlr.TxUpdatedInterval": "10",
            "SampledDataCtrlr.TxUpdatedMeasurands": f"{CURRENT},{VOLTAGE}",
            "EVSE@1.PhaseRotation": "STR",
        }
    )
    assert await csms.gets("EVSE@1.PhaseRotation") == "STR"
    await bench.car(max_a=16, phases=1)
    if id_first:
        await bench.swipe(TOKEN)
        await bench.plug_in()
    else:
        await bench.plug_in()
        await bench.swipe(TOKEN)
    await world.energy_flows()
    await world.pass_s(25)
    assert csms.calls("TransactionEvent")[-1].payload["numberOfPhasesUsed"] == 1
    on_one = {s.phase: s.value for s in (await csms.sees_start()).samples if s.measurand == CURRENT}
    assert on_one == {"L1": 16, "L2": 0, "L3": 0}
    await bench.car(max_a=16, phases=3)
    await world.pass_s(20)
    assert csms.calls("TransactionEvent")[-1].payload["numberOfPhasesUsed"] == 3
    last = {(s.measurand, s.phase) for s in (await csms.sees_start()).samples}
    assert {phase for name, phase in last if name == VOLTAGE} == {"L1-N", "L2-N", "L3-N"}
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement("J01.FR.17", "J02.FR.18", "J02.FR.05", "J01.FR.09", "J01.FR.06")
async def test_one_time_stamp_and_one_place_hold_for_all_values_beside_it(
    world: World, bench: Bench, csms: Desk
) -> None:
    everything = f"{REGISTER},{POWER},{CURRENT},{VOLTAGE}"
    await world.start(
        {
            "AlignedDataCtrlr.Interval": "30",
            "AlignedDataCtrlr.Measurands": everything,
            "SampledDataCtrlr.TxUpdatedInterval": "7",
            "SampledDataCtrlr.TxUpdatedMeasurands": everything,
        }
    )
    await world.pass_s(35)
    transaction = await world.charges()
    await world.pass_s(65)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert {at_s(s.at) % 30 for s in csms.station.idle_samples} == {0.0}
    for event in transaction.events:
        values = {(s.measurand, s.phase): s.value for s in event.reading.samples}
        if (POWER, None) not in values:
            continue
        assert len({s.at for s in event.reading.samples}) == 1
        phases = ("L1", "L2", "L3")
        power_w = sum(values[VOLTAGE, f"{p}-N"] * values[CURRENT, p] for p in phases)
        assert abs(values[POWER, None] - power_w) < 30
    assert {sample.get("location", "Outlet") for sample in sampled_values(csms)} == {"Outlet"}


# --- Clock-aligned values.


@IN_2X
@pytest.mark.requirement("E06.FR.11", "J02.FR.10")
async def test_aligned_values_are_kept_for_the_end_at_an_interval_of_their_own(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {
            "AlignedDataCtrlr.TxEndedInterval": "20",
            "AlignedDataCtrlr.TxEndedMeasurands": f"{REGISTER},{POWER}",
            "SampledDataCtrlr.TxUpdatedInterval": "0",
        }
    )
    transaction = await world.charges()
    await world.pass_s(70)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    assert csms.calls("MeterValues") == []
    assert "MeterValueClock" not in csms.triggers(transaction)
    aligned = [s for s in transaction.events[-1].reading.samples if s.context == CLOCK]
    assert {s.measurand for s in aligned} == {REGISTER, POWER}
    instants = sorted({at_s(s.at) for s in aligned})
    assert 3 <= len(instants) <= 4
    assert all(instant % 20 < 0.1 for instant in instants)


@IN_2X
@pytest.mark.parametrize(
    ("variable", "silent"),
    [
        pytest.param(None, set(), id="nobody"),
        pytest.param(
            "AlignedDataCtrlr@1.SendDuringIdle",
            {1},
            marks=pytest.mark.requirement("J01.FR.19"),
            id="this EVSE",
        ),
        pytest.param(
            "AlignedDataCtrlr.SendDuringIdle",
            {1, 2},
            marks=pytest.mark.requirement("J01.FR.20"),
            id="the whole station",
        ),
    ],
)
async def test_aligned_values_pause_during_transactions_where_the_operator_wants_it(
    world: World, bench: Bench, csms: Desk, variable: str | None, silent: set[int]
) -> None:
    await world.start({"AlignedDataCtrlr.Interval": "20"}, evses=2)
    if variable is not None:
        assert await csms.sets(variable, "true") == "Accepted"
    await world.pass_s(41)
    assert {call.payload["evseId"] for call in csms.calls("MeterValues")} == {1, 2}
    transaction = await world.charges()
    before = len(csms.calls("MeterValues"))
    await world.pass_s(61)
    speaking = {call.payload["evseId"] for call in csms.calls("MeterValues")[before:]}
    if "MeterValueClock" in csms.triggers(transaction):
        speaking.add(1)
    assert speaking == {1, 2} - silent
    await bench.swipe(TOKEN, 1)
    await csms.sees_end("Local")
    before = len(csms.calls("MeterValues"))
    await world.pass_s(41)
    assert {call.payload["evseId"] for call in csms.calls("MeterValues")[before:]} == {1, 2}


@IN_2X
@pytest.mark.requirement("J01.FR.21")
async def test_aligned_values_are_signed_with_and_without_a_transaction(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(
        {
            "AlignedDataCtrlr.Interval": "20",
            "AlignedDataCtrlr.SignReadings": "true",
            "SampledDataCtrlr.TxUpdatedInterval": "0",
        }
    )
    await world.pass_s(41)
    idle = [value.record.decode() for value in csms.station.idle_signed_values]
    key = await csms.gets("FiscalMetering@1.PublicKey")
    assert key
    assert [OCMF.from_string(record).payload.PG for record in idle] == ["F1", "F2"]
    assert all(OCMF.from_string(record).verify_signature(spki_hex(key)) for record in idle)
    assert await csms.sets("AlignedDataCtrlr.SignUpdatedReadings", "true") == "Accepted"
    transaction = await world.charges()
    await world.pass_s(41)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    contexts = [value.context for value in transaction.signed_values]
    assert contexts == [BEGIN, CLOCK, CLOCK, BEGIN, END]
    signed_pair_is_valid(transaction)


def spki_hex(text: str) -> str:
    """Return a public key as hexadecimal digits, however it is written."""
    bare = text.removeprefix("oca:base16:asn1:")
    try:
        bytes.fromhex(bare)
    except ValueError:
        return spki_hex(base64.b64decode(text).decode())
    return bare


# --- Meters that cannot be believed.


@IN_2X
@pytest.mark.requirement("J02.FR.16", "J02.FR.17")
@pytest.mark.parametrize("jump_wh", [10_000_000, -1_000], ids=["+10 MWh", "exchanged"])
async def test_a_register_that_jumps_in_a_session_is_not_billed(
    world: World, bench: Bench, csms: Desk, jump_wh: int
) -> None:
    await world.start({"SampledDataCtrlr.TxUpdatedInterval": "10"})
    transaction = await world.charges()
    await world.pass_s(30)
    before_wh = bench.delivered_wh()
    shown_wh = Decimal("1234.567") + before_wh + jump_wh
    await bench.operate("meter", evse=1, energy_wh=float(shown_wh))
    await csms.sees_status("Faulted")
    await world.energy_ceases()
    await world.pass_s(60)
    await bench.swipe(TOKEN)
    await csms.sees_end()
    assert transaction.energy_wh is not None
    assert before_wh - 15 < transaction.energy_wh <= bench.delivered_wh()
    signed = {value.context for value in transaction.signed_values}
    assert signed == {"Transaction.Begin"}, "what was not read is not signed"
    world.bills_exactly = False
    await bench.unplug()
    await csms.sees_status("Available")
    delivered_wh = bench.delivered_wh()
    second = await world.charges()
    await world.pass_s(30)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local", 2)
    assert second.energy_wh is not None
    assert abs(second.energy_wh - (bench.delivered_wh() - delivered_wh)) < 1
    assert second.begin_wh is not None
    assert abs(second.begin_wh - shown_wh) < 50
