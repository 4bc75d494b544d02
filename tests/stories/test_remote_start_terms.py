"""Stories of remote starts (F01, F02): the cable first or last, and with a profile attached."""

from decimal import Decimal
from itertools import pairwise

import pytest

from agent.sim.csms_model import TransactionRecord
from agent.sim.csms_station import CommandResult
from agent.sim.frames import Payload
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.stories.world import World

pytestmark = [
    pytest.mark.parametrize("version", [V201, V21]),
    pytest.mark.parametrize("cable_first", [True, False]),
]

NO_CHECK = {"AuthCtrlr.AuthorizeRemoteStart": "false"}
MIXED_CASE = "dEaDbEeF"
REGISTER = "Energy.Active.Import.Register"


def _schedule(*periods: tuple[int, float]) -> list[Payload]:
    steps = [{"startPeriod": start, "limit": limit_a} for start, limit_a in periods]
    return [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": steps}]


def profile(limit_a: float = 10.0, **more: object) -> Payload:
    return {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": _schedule((0, limit_a)),
        **more,
    }


async def remote_start(
    csms: Desk, token: str = MIXED_CASE, attached: Payload | None = None
) -> CommandResult:
    payload: Payload = {
        "idToken": {"idToken": token, "type": "ISO14443"},
        "remoteStartId": 31,
        "evseId": 1,
        **({} if attached is None else {"chargingProfile": attached}),
    }
    answer = await csms.call("RequestStartTransaction", payload)
    reason = answer.get("statusInfo", {}).get("reasonCode")
    return CommandResult(answer["status"], reason, answer)


async def starts(
    world: World,
    bench: Bench,
    csms: Desk,
    *,
    cable_first: bool,
    attached: Payload | None = None,
) -> TransactionRecord:
    if cable_first:
        await bench.plug_in()
        await world.pass_s(2)
    assert (await remote_start(csms, attached=attached)).accepted
    if not cable_first:
        await world.pass_s(5)
        await bench.plug_in()
    await world.energy_flows()
    return await csms.sees_start()


async def stops(csms: Desk) -> None:
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote")


@pytest.mark.requirement("F01.FR.04", "F02.FR.12", "F02.FR.01", "F01.FR.25")
@pytest.mark.parametrize("start_point", ["Authorized", "EVConnected", "PowerPathClosed"])
async def test_the_token_is_told_letter_by_letter_and_once(
    world: World, bench: Bench, csms: Desk, start_point: str, *, cable_first: bool
) -> None:
    await world.start({**NO_CHECK, "TxCtrlr.TxStartPoint": start_point})
    await starts(world, bench, csms, cable_first=cable_first)
    await world.pass_s(10)
    told = [call.payload for call in csms.calls("TransactionEvent")]
    tokens = [event["idToken"] for event in told if "idToken" in event]
    assert tokens == [{"idToken": MIXED_CASE, "type": "ISO14443"}]
    ids = [e["transactionInfo"]["remoteStartId"] for e in told if _names_start(e)]
    assert ids == [31]
    await stops(csms)


def _names_start(event: Payload) -> bool:
    return "remoteStartId" in event["transactionInfo"]


@pytest.mark.requirement("F01.FR.14", "F01.FR.15", "F02.FR.02", "F02.FR.03", "F03.FR.04")
async def test_the_values_of_a_remote_session_are_those_that_the_operator_chose(
    world: World, bench: Bench, csms: Desk, *, cable_first: bool
) -> None:
    await world.start(
        {
            **NO_CHECK,
            "SampledDataCtrlr.TxUpdatedInterval": "20",
            "SampledDataCtrlr.TxStartedMeasurands": f"{REGISTER},Voltage",
            "SampledDataCtrlr.TxUpdatedMeasurands": f"{REGISTER},Power.Active.Import",
            "SampledDataCtrlr.TxEndedMeasurands": f"{REGISTER},Current.Import",
        }
    )
    transaction = await starts(world, bench, csms, cable_first=cable_first)
    await world.pass_s(90)
    await stops(csms)

    def measured(event: int, context: str) -> set[str]:
        samples = transaction.events[event].reading.samples
        return {sample.measurand for sample in samples if sample.context == context}

    assert measured(0, "Transaction.Begin") == {REGISTER, "Voltage"}
    periodic = [
        event for event in transaction.events if event.trigger_reason == "MeterValuePeriodic"
    ]
    assert len(periodic) >= 4
    for event in periodic:
        told = {sample.measurand for sample in event.reading.samples}
        assert told == {REGISTER, "Power.Active.Import"}
    assert all(19 < (b.at - a.at).total_seconds() < 21 for a, b in pairwise(periodic))
    assert measured(-1, "Transaction.End") == {REGISTER, "Current.Import"}


@pytest.mark.requirement("F03.FR.06")
async def test_a_long_series_is_thinned_evenly_and_keeps_its_ends(
    world: World, bench: Bench, csms: Desk, *, cable_first: bool
) -> None:
    await world.start(
        {
            **NO_CHECK,
            "SampledDataCtrlr.TxUpdatedInterval": "0",
            "SampledDataCtrlr.TxEndedInterval": "10",
        }
    )
    transaction = await starts(world, bench, csms, cable_first=cable_first)
    await world.pass_s(2500)
    await stops(csms)
    samples = [
        s
        for s in transaction.events[-1].reading.samples
        if s.measurand == REGISTER and s.phase is None
    ]
    assert samples[0].context == "Transaction.Begin"
    assert samples[-1].context == "Transaction.End"
    between = samples[1:-1]
    assert 40 <= len(between) < 250
    gaps_s = [(b.at - a.at).total_seconds() for a, b in pairwise(samples)]
    assert max(gaps_s) < 250, "neither the oldest nor the newest ones alone are left out"
    assert all(a.value <= b.value for a, b in pairwise(samples))
    assert transaction.energy_wh == samples[-1].value - samples[0].value
    assert transaction.energy_wh > Decimal(0)


@pytest.mark.requirement(*("F01.FR.09", "F01.FR.10", "F02.FR.17", "F02.FR.18", "K05", "K05.FR.03"))
async def test_the_attached_profile_holds_for_this_transaction_alone(
    world: World, bench: Bench, csms: Desk, *, cable_first: bool
) -> None:
    await world.start(NO_CHECK)
    await starts(world, bench, csms, cable_first=cable_first, attached=profile(10.0))
    await world.until(lambda: bench.offered_a() == 10.0, "the limit of the profile")
    assert [period["limit"] for period in await csms.composite(60)] == [10]
    await stops(csms)
    await bench.unplug()
    await world.pass_s(2)
    await bench.plug_in()
    assert (await remote_start(csms)).accepted
    await world.energy_flows()
    await world.pass_s(5)
    assert bench.offered_a() == 32.0
    await csms.sees_start(2)
    assert (await csms.remote_stop()).accepted
    await csms.sees_end("Remote", count=2)


@pytest.mark.requirement(
    *("F01.FR.09", "F01.FR.11", "F01.FR.26", "F02.FR.17", "F02.FR.19", "F02.FR.27"),
    *("K05.FR.02", "K05.FR.05"),
)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"chargingProfilePurpose": "TxDefaultProfile"}, "InvalidProfile"),
        ({"transactionId": "4711"}, "InvalidProfile"),
        ({"stackLevel": 999}, "InvalidProfile"),
        ({"chargingSchedule": _schedule((5, 10.0))}, "InvalidSchedule"),
        ({"chargingSchedule": _schedule((0, 10.0), (60, 8.0), (30, 9.0))}, "InvalidSchedule"),
    ],
)
async def test_a_start_with_a_wrong_profile_is_refused_and_nothing_starts(
    world: World,
    bench: Bench,
    csms: Desk,
    wrong: dict[str, object],
    reason: str,
    *,
    cable_first: bool,
) -> None:
    await world.start(NO_CHECK)
    if cable_first:
        await bench.plug_in()
        await world.pass_s(2)
    refused = await remote_start(csms, attached=profile(**wrong))  # type: ignore[arg-type]
    assert (refused.status, refused.reason) == ("Rejected", reason)
    await world.pass_s(5)
    if not cable_first:
        await bench.plug_in()
    await world.pass_s(10)
    assert not bench.plant().contactor_closed
    assert csms.station.transactions == {}
    assert (await remote_start(csms, attached=profile())).accepted
    await world.energy_flows()
    await csms.sees_start()
    await stops(csms)


@pytest.mark.requirement("F01.FR.10", "F02.FR.18", "F01.FR.13")
async def test_the_attached_profile_holds_also_for_a_transaction_that_runs_already(
    world: World, bench: Bench, csms: Desk, *, cable_first: bool
) -> None:
    start_point = "EVConnected" if cable_first else "Authorized"
    await world.start({**NO_CHECK, "TxCtrlr.TxStartPoint": start_point})
    await starts(world, bench, csms, cable_first=cable_first, attached=profile(10.0))
    await world.until(lambda: bench.offered_a() == 10.0, "the limit of the profile")
    await world.pass_s(30)
    assert bench.current_a() == 10.0
    await stops(csms)
