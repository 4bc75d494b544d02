"""Stories of prices and costs in 1.6 that are kept, shown, and outlive a restart."""

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.cli.replies import station_status
from agent.cli.status import _row
from agent.sim.csms_model import format_timestamp
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.test_costs_in_16 import COST, QUIET, tells_values, triggered, triggers
from tests.stories.words import TOKEN, V16
from tests.stories.world import World
from tests.virtual_time import utc_now

pytestmark = pytest.mark.parametrize("version", [V16])


async def tells(csms: Desk, message: str, **inside: Any) -> str:
    order = {"vendorId": COST, "messageId": message, "data": json.dumps(inside)}
    return str((await csms.call("DataTransfer", order))["status"])


async def shown(world: World) -> dict[str, Any]:
    """Return what the local API shows of the running transaction."""
    reply = await world.machine.station._servers[0]._answer({"op": "status"})
    return dict(reply["evses"][0]["transaction"])


async def shown_of_ended(world: World) -> dict[str, Any]:
    reply = await world.machine.station._servers[0]._answer({"op": "transactions"})
    return dict(reply["transactions"][0])


PRICES: dict[str, Any] = {
    "timestamp": "2026-03-02T07:10:00Z",
    "meterValue": 1_234_600,
    "chargingPrice": {"kWhPrice": 0.305, "hourPrice": 1.2, "flatFee": 0.5},
    "idlePrice": {"graceMinutes": 30, "hourPrice": 2},
    "nextPeriod": {
        "atTime": "2026-03-02T22:00:00Z",
        "chargingPrice": {"kWhPrice": 0.00001},
        "idlePrice": {"hourPrice": 1},
    },
}
SHOWN_PRICES: dict[str, Any] = {
    "counted_until": "2026-03-02T07:10:00.000Z",
    "counted_until_wh": "1234600",
    "charging_price": {"per_kwh": "0.305", "per_hour": "1.2", "flat_fee": "0.5"},
    "idle_price": {"grace_minutes": 30, "per_hour": "2"},
    "next_period": {
        "at": "2026-03-02T22:00:00.000Z",
        "charging_price": {"per_kwh": "0.00001", "per_hour": None, "flat_fee": None},
        "idle_price": {"grace_minutes": None, "per_hour": "1"},
    },
}
GERMAN = {"format": "UTF8", "language": "de", "content": "0,305 EUR/kWh"}


async def are_shown(world: World) -> None:
    told = await shown(world)
    assert (told["price"], told["price_texts"]) == ("0.305 EUR/kWh", {"de": "0,305 EUR/kWh"})
    assert (told["cost"], told["cost_told"]["state"]) == ("1.5", "Charging")
    assert {name: told["cost_told"][name] for name in SHOWN_PRICES} == SHOWN_PRICES


@pytest.mark.parametrize(("decimals", "words"), [(None, "2.35"), ("0", "2"), ("3", "2.345")])
async def test_a_cost_is_shown_with_the_decimals_of_the_station_and_kept_with_all(
    world: World, csms: Desk, decimals: str | None, words: str
) -> None:
    key = "NumberOfDecimalsForCostValues"
    await world.start(QUIET if decimals is None else {**QUIET, f"OCPP16Ctrlr.{key}": decimals})
    assert (await csms.station.get_configuration([key]))[key] == (decimals or "2")
    assert (await csms.station.change_configuration(key, "1")).status == "Rejected"
    number = int((await world.charges()).transaction_id)
    running = {"transactionId": number, "cost": 2.345, "state": "Charging"}
    assert await tells(csms, "RunningCost", **running) == "Accepted"
    told = await shown(world)
    assert told["cost"] == told["cost_told"]["cost"] == "2.345"
    assert told["cost_told"]["cost_shown"] == words
    reply = await world.machine.station._servers[0]._answer({"op": "status"})
    row = _row(station_status(reply).evses[0])
    assert row[-1].endswith(f", cost {words} (Charging)")


async def test_prices_in_numbers_and_words_are_shown_and_outlive_a_restart(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    words = {"priceText": "0.305 EUR/kWh", "priceTextExtra": [GERMAN]}
    assert await tells(csms, "SetUserPrice", idToken=TOKEN, **words) == "Accepted"
    number = int((await world.charges()).transaction_id)
    running = {"transactionId": number, "cost": 1.5, "state": "Charging"}
    assert await tells(csms, "RunningCost", **running, **PRICES) == "Accepted"
    await are_shown(world)
    await world.machine.stop()
    await world.machine.start()
    await csms.is_ready(60)
    await are_shown(world)
    assert TOKEN not in json.dumps(dict(world.machine.station._f.storage.documents.items("price")))
    await tells(csms, "RunningCost", transactionId=number, cost=2, state="Idle")
    told = await shown(world)
    assert (told["cost"], told["cost_told"]["state"]) == ("2", "Idle")
    assert told["cost_told"]["charging_price"] is None, "what is told last is all there is"


async def test_a_final_cost_is_shown_with_its_words_and_code_also_after_a_power_cut(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    final = {"transactionId": number, "cost": 2.1, "priceText": "2.10 EUR"}
    more = {"priceTextExtra": [GERMAN], "qrCodeText": "https://pay.example/1"}
    assert await tells(csms, "FinalCost", **final, **more) == "Accepted"
    await world.machine.lose_power()
    await csms.is_ready(60)
    told = (await shown_of_ended(world))["cost_told"]
    assert (told["cost"], told["is_final"], told["text"]) == ("2.1", True, "2.10 EUR")
    assert (told["texts"], told["code_text"]) == ({"de": GERMAN["content"]}, more["qrCodeText"])


async def test_without_a_price_of_its_own_a_driver_is_shown_the_default_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)

    async def changes(key: str, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return (await csms.station.change_configuration(key, text)).status

    default = {"priceText": "0.5 EUR/kWh", "priceTextOffline": "ask inside"}
    default |= {"chargingPrice": {"kWhPrice": 0.5}}
    assert await changes("DefaultPrice", default) == "Accepted"
    for wrong in ("x", "[]", {"priceText": 5}, {"chargingPrice": {"kWhPrice": "1"}}):
        assert await changes("DefaultPrice", wrong) == "Rejected"
        assert await changes("DefaultPriceText,de", wrong) == "Rejected"
    await world.charges()
    told = await shown(world)
    assert (told["price"], told["price_texts"]) == ("0.5 EUR/kWh", {})
    assert await changes("DefaultPriceText,de", {"priceText": "0,5 EUR/kWh"}) == "Accepted"
    assert (await shown(world))["price_texts"] == {"de": "0,5 EUR/kWh"}
    assert await changes("Language", "xx") == "Rejected"
    assert await changes("Language", "de") == "Accepted"
    assert (await shown(world))["price"] == "0,5 EUR/kWh"
    assert await changes("Language", "en") == "Accepted"
    await csms.goes_down()
    await world.pass_s(5)
    assert (await shown(world))["price"] == "ask inside"
    await csms.comes_back()
    await csms.is_ready(90)
    assert await tells(csms, "SetUserPrice", idToken=TOKEN, priceText="yours") == "Accepted"
    assert (await shown(world))["price"] == "yours"


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "Sleeping"},
        {"state": 1},
        {"timestamp": "yesterday"},
        {"meterValue": "5"},
        {"chargingPrice": 0.3},
        {"chargingPrice": {"kWhPrice": "0.3"}},
        {"chargingPrice": {"hourPrice": 1e10}},
        {"chargingPrice": {"flatFee": 1e-10}},
        {"chargingPrice": {"flatFee": None}},
        {"chargingPrice": {"kWhPrice": True}},
        {"idlePrice": {"graceMinutes": 1.5}},
        {"idlePrice": {"graceMinutes": -1}},
        {"idlePrice": {"graceMinutes": True}},
        {"idlePrice": {"hourPrice": []}},
        {"nextPeriod": {}},
        {"nextPeriod": {"atTime": "2026-03-02T22:00:00Z", "chargingPrice": {"kWhPrice": "x"}}},
        {"nextPeriod": []},
        {"cost": None},
        {"triggerMeterValue": {"atPowerkW": "11"}},
    ],
)
async def test_a_running_cost_with_a_bad_number_is_rejected_and_changes_nothing(
    world: World, csms: Desk, wrong: dict[str, Any]
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    good = {"transactionId": number, "cost": 1.5, "state": "Charging", **PRICES}
    assert await tells(csms, "RunningCost", **good) == "Accepted"
    before = await shown(world)
    assert await tells(csms, "RunningCost", **{**good, "cost": 9, **wrong}) == "Rejected"
    assert (await shown(world))["cost_told"] == before["cost_told"]


@pytest.mark.parametrize(
    "text",
    [
        '{"transactionId": %d, "cost": NaN}',
        '{"transactionId": %d, "cost": -Infinity}',
        '{"transactionId": %d, "cost": 1e99999999999999999999}',
        '{"transactionId": %d, "cost": 1e-400}',
        '{"transactionId": %d, "cost": 1.5, "priceTextExtra": [{"language": "de"}]}',
        '{"transactionId": %d, "cost": 1.5, "priceTextExtra": [{"language": "!", "content": ""}]}',
        '{"transactionId": %d, "cost": 1.5, "priceTextExtra": ["de"]}',
        '{"transactionId": %d, "cost": 1.5, "priceTextExtra": {}}',
        '{"transactionId": %d, "cost": 1.5, "qrCodeText": 7}',
    ],
)
@pytest.mark.parametrize("message", ["FinalCost"])
async def test_a_final_cost_that_cannot_be_read_is_rejected_and_changes_nothing(
    world: World, csms: Desk, message: str, text: str
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    order = {"vendorId": COST, "messageId": message, "data": text % number}
    assert (await csms.call("DataTransfer", order))["status"] == "Rejected"
    assert (await shown(world))["cost_told"] is None


async def test_triggers_outlive_a_restart_and_what_was_passed_before_is_not_told_again(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    start_kwh = csms.calls("StartTransaction")[0].payload["meterStart"] / 1000
    soon = format_timestamp(utc_now() + timedelta(seconds=30))
    later_kwh = round(start_kwh + 1.5, 3)
    named = {"atTime": soon, "atEnergykWh": later_kwh, "atCPStatus": ["SuspendedEV"]}
    assert await triggers(csms, number, **named) == "Accepted"
    await tells_values(world, csms, number, 1)
    await world.machine.stop()
    await world.machine.start()
    await csms.is_ready(60)
    await world.pass_s(60)
    assert len(triggered(csms, number)) == 1, "the instant has passed before"
    await world.until(lambda: len(triggered(csms, number)) == 2, "the register", 900)
    assert 0 <= triggered(csms, number)[1] - later_kwh < 0.05
    await bench.car_pauses()
    await tells_values(world, csms, number, 3)


async def test_what_is_passed_while_the_station_restarts_is_told_afterwards(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    soon = format_timestamp(utc_now() + timedelta(seconds=20))
    assert await triggers(csms, number, atTime=soon) == "Accepted"
    await world.machine.stop()
    await world.pass_s(25)
    await world.machine.start()
    await csms.is_ready(60)
    await tells_values(world, csms, number, 1)


async def test_triggers_end_with_their_transaction_also_on_the_disk(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start(QUIET)
    number = int((await world.charges()).transaction_id)
    assert await triggers(csms, number, atCPStatus=["SuspendedEV"]) == "Accepted"
    costs = world.machine.station.costs
    assert any(kept.watch for kept in costs._costs.values())
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")
    await world.pass_s(3)
    assert not any(kept.watch for kept in costs._costs.values())
    assert "watch" not in "".join(world.machine.station._f.storage.documents.items("cost").values())
