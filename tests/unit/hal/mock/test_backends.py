"""The instruments as the services see them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from hal.api import CertificateAnswer, CertificateRequest, HardwareLost, Presentation
from hal.mock.backends import BoardControl, MockMeter, MockReader, MockVehicles
from hal.mock.board import Board
from hal.mock.relay import MockRelay


@pytest.fixture
async def control(board: Board, state_dir: Path) -> AsyncIterator[BoardControl]:
    control = BoardControl(state_dir, [1, 2])
    yield control
    await control.close()


@pytest.fixture
async def meter(control: BoardControl, state_dir: Path) -> AsyncIterator[MockMeter]:
    meter = MockMeter(1, state_dir)
    yield meter
    await meter.close()


@pytest.fixture
async def reader(control: BoardControl, state_dir: Path) -> AsyncIterator[MockReader]:
    reader = MockReader([1], state_dir)
    yield reader
    await reader.close()


async def swipe_until_heard(control: BoardControl, token: str, by: int = 1) -> None:
    """Swipe as soon as that many readers listen."""
    for _ in range(200):
        reply = await control.operate({"op": "error", "code": "other", "on": False})
        assert reply["ok"] is True
        reply = await control.operate({"op": "swipe", "token": token})
        if reply["heard_by"] == by:
            return
        await asyncio.sleep(0.005)
    pytest.fail("no reader listens")


async def test_a_meter_reads_what_the_bench_sees(control: BoardControl, meter: MockMeter) -> None:
    await control.operate({"op": "meter", "energy_wh": 7654321.5, "power_w": 12.5})
    reading = await meter.read()
    assert reading.energy_import_wh == Decimal("7654321.500")
    assert reading.power_w == 12.5
    assert reading.voltage_v == (230.0, 230.0, 230.0)
    assert reading.current_a == (0.0, 0.0, 0.0)
    assert reading.frequency_hz == 50.0


async def test_a_relay_is_what_the_bench_says_and_may_break(
    control: BoardControl, state_dir: Path
) -> None:
    relay = MockRelay("grid.k1", state_dir)
    assert await relay.is_on() is False
    await control.operate({"op": "relay", "relay": "grid.k1", "on": True})
    assert await relay.is_on() is True
    await control.operate({"op": "relay", "relay": "grid.k1", "on": None})
    with pytest.raises(HardwareLost, match=r"grid\.k1 is broken"):
        await relay.is_on()
    await relay.close()


async def test_a_board_has_so_many_relays_and_no_more(
    control: BoardControl, state_dir: Path
) -> None:
    for number in range(64):
        relay = MockRelay(f"grid.k{number}", state_dir)
        assert await relay.is_on() is False
        await relay.close()
    last = MockRelay("one.more", state_dir)
    with pytest.raises(HardwareLost):
        await last.is_on()
    await last.close()


async def test_a_meters_identity_belongs_to_its_world_and_evse(
    control: BoardControl, meter: MockMeter, state_dir: Path
) -> None:
    other = MockMeter(2, state_dir)
    first, second = await meter.identity(), await other.identity()
    await other.close()
    assert first.serial_number != second.serial_number
    assert first == await meter.identity()


async def test_a_lost_meter_raises_until_it_answers_again(
    control: BoardControl, meter: MockMeter
) -> None:
    await control.operate({"op": "error", "code": "meter_lost"})
    with pytest.raises(HardwareLost, match="meter of EVSE 1"):
        await meter.read()
    with pytest.raises(HardwareLost):
        await meter.identity()
    await control.operate({"op": "error", "code": "meter_lost", "on": False})
    assert (await meter.read()).power_w == 0.0


async def test_concurrent_readings_each_get_their_answer(meter: MockMeter) -> None:
    readings = await asyncio.gather(*(meter.read() for _ in range(10)))
    assert len({reading.energy_import_wh for reading in readings}) == 1


async def test_a_cancelled_reading_does_not_spoil_the_next(
    control: BoardControl, meter: MockMeter
) -> None:
    await meter.read()
    reading = asyncio.ensure_future(meter.read())
    await asyncio.sleep(0)
    reading.cancel()
    await control.operate({"op": "meter", "power_w": 99})
    assert (await meter.read()).power_w == 99
    assert (await meter.identity()).vendor == "stationd"


async def test_a_closed_meter_stays_closed(meter: MockMeter) -> None:
    await meter.close()
    with pytest.raises(HardwareLost, match="closed"):
        await meter.read()


async def test_a_swipe_reaches_the_reader(control: BoardControl, reader: MockReader) -> None:
    presentation = asyncio.ensure_future(anext(reader.presentations()))
    await swipe_until_heard(control, "deadbeef")
    assert await presentation == Presentation("DEADBEEF", "ISO14443", (1,))


async def test_a_contract_reaches_the_reader_with_its_chain(
    control: BoardControl, reader: MockReader
) -> None:
    presentation = asyncio.ensure_future(anext(reader.presentations()))
    await control.operate({"op": "plug_in"})
    request = {"op": "contract", "evse": 1, "emaid": "NLTNM012345678", "chain": "P" * 20_000}
    while not presentation.done():
        await control.operate(request)
        await asyncio.sleep(0)
    heard = await presentation
    assert heard == Presentation("NLTNM012345678", "eMAID", (1,), "P" * 20_000)
    assert "PPP" not in repr(heard)


async def test_every_subscriber_hears_every_swipe(
    control: BoardControl, reader: MockReader
) -> None:
    waiting = [asyncio.ensure_future(anext(reader.presentations())) for _ in range(3)]
    await swipe_until_heard(control, "AA", by=3)
    assert {one.token for one in await asyncio.gather(*waiting)} == {"AA"}


async def test_swipes_queue_while_nobody_steps(control: BoardControl, reader: MockReader) -> None:
    presentations = reader.presentations()
    first = asyncio.ensure_future(anext(presentations))
    await swipe_until_heard(control, "01")
    await control.operate({"op": "swipe", "token": "02"})
    await control.operate({"op": "swipe", "token": "03"})
    heard = [await first, await anext(presentations), await anext(presentations)]
    assert [one.token for one in heard] == ["01", "02", "03"]


async def test_a_lost_reader_raises_and_serves_again_once_repaired(
    control: BoardControl, reader: MockReader
) -> None:
    waiting = asyncio.ensure_future(anext(reader.presentations()))
    await swipe_until_heard(control, "01")
    await waiting
    waiting = asyncio.ensure_future(anext(reader.presentations()))
    await asyncio.sleep(0.02)
    await control.operate({"op": "error", "code": "reader_lost"})
    with pytest.raises(HardwareLost, match="reader"):
        await waiting
    with pytest.raises(HardwareLost, match="reader"):
        await anext(reader.presentations())
    await control.operate({"op": "error", "code": "reader_lost", "on": False})
    waiting = asyncio.ensure_future(anext(reader.presentations()))
    await swipe_until_heard(control, "02")
    assert (await waiting).token == "02"


async def test_closing_a_reader_ends_its_iterators(
    control: BoardControl, reader: MockReader
) -> None:
    heard: list[str] = []

    async def listen() -> None:
        heard.extend([one.token async for one in reader.presentations()])

    listening = asyncio.ensure_future(listen())
    await swipe_until_heard(control, "01")
    await asyncio.sleep(0.02)
    await reader.close()
    await asyncio.wait_for(listening, 2.0)
    assert heard == ["01"]


@pytest.mark.parametrize("request_", [{"op": {1, 2}}, {"op": b"x"}, {"op": "x" * 200_000}])
async def test_a_request_that_cannot_be_sent_is_answered(
    control: BoardControl, request_: dict[str, object]
) -> None:
    reply = await control.operate(request_)
    assert reply["ok"] is False
    assert (await control.operate({"op": "state"}))["ok"] is True


async def test_a_request_nested_without_end_is_answered(control: BoardControl) -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    reply = await control.operate({"op": nested})
    assert reply["ok"] is False
    while nested:
        nested = nested.pop()  # type: ignore[assignment]


async def test_a_stopped_board_comes_back_as_an_error(
    control: BoardControl, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise HardwareLost("the simulated board does not start")

    assert (await control.operate({"op": "state"}))["ok"] is True
    await control.close()
    reply = await control.operate({"op": "state"})
    assert reply == {
        "ok": False,
        "error": "this connection to the simulated board has been closed",
    }


async def test_a_reader_that_was_reached_misses_no_swipe_before_its_iterator(
    control: BoardControl, reader: MockReader
) -> None:
    await reader.reach()
    await reader.reach()
    assert (await control.operate({"op": "swipe", "token": "01"}))["heard_by"] == 1
    assert (await anext(reader.presentations())).token == "01"


async def test_a_lost_reader_is_not_reached_until_it_is_repaired(
    control: BoardControl, reader: MockReader
) -> None:
    await control.operate({"op": "error", "code": "reader_lost"})
    with pytest.raises(HardwareLost, match="does not answer"):
        await reader.reach()
    await control.operate({"op": "error", "code": "reader_lost", "on": False})
    await reader.reach()
    assert (reader.evses, reader.token_type) == ((1,), "ISO14443")


# --- Vehicles.


@pytest.fixture
async def vehicles(control: BoardControl, state_dir: Path) -> AsyncIterator[MockVehicles]:
    vehicles = MockVehicles([1, 2], state_dir)
    yield vehicles
    await vehicles.close()


async def certificates_of(control: BoardControl) -> object:
    state = await control.operate({"op": "state", "evse": 1})
    (evse,) = state["evses"]  # type: ignore[misc] # a list of one
    return evse["certificates"]


async def test_a_car_asks_for_a_certificate_and_shows_what_it_was_answered(
    control: BoardControl, vehicles: MockVehicles
) -> None:
    heard: asyncio.Queue[CertificateRequest] = asyncio.Queue()

    async def listen() -> None:
        async for request in vehicles.certificate_requests():
            heard.put_nowait(request)

    listening = asyncio.create_task(listen())
    await control.operate({"op": "plug_in"})
    wish = {"op": "certificate_installation", "exi": "gJgC", "max_chains": 2}
    while heard.empty():
        assert (await control.operate(wish))["ok"]
        await asyncio.sleep(0.01)
    assert heard.get_nowait() == CertificateRequest(
        1, "urn:iso:15118:2:2013:MsgDef", "gJgC", max_chains=2
    )
    assert await certificates_of(control) == []
    await vehicles.answer_certificate(1, CertificateAnswer("gJkC", 1))
    await vehicles.answer_certificate(1, CertificateAnswer(problem="there is none"))
    assert await certificates_of(control) == [
        {"exi": "gJkC", "remaining": 1, "problem": ""},
        {"exi": None, "remaining": 0, "problem": "there is none"},
    ]
    assert (await control.operate(wish))["ok"]
    assert await certificates_of(control) == [], "a new wish has no answer yet"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_car_that_has_left_hears_no_answer(
    control: BoardControl, vehicles: MockVehicles
) -> None:
    await vehicles.answer_certificate(1, CertificateAnswer("gJkC"))
    assert await certificates_of(control) == []


async def test_cars_are_shown_what_was_stapled_last(
    control: BoardControl, vehicles: MockVehicles
) -> None:
    await vehicles.staple((b"one", b"two"))
    assert (await control.operate({"op": "state"}))["stapled"] == ["b25l", "dHdv"]
    await vehicles.staple(())
    assert (await control.operate({"op": "state"}))["stapled"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"exi": ""},
        {"exi": 5},
        {"exi": "x" * 20_001},
        {"exi": "\u00e9"},
        {"exi": "gJgC", "action": "Delete"},
        {"exi": "gJgC", "schema": ""},
        {"exi": "gJgC", "max_chains": 1.5},
        {"exi": "gJgC", "answer_within_s": 0},
        {"exi": "gJgC", "answer_within_s": "soon"},
        {"exi": "gJgC", "evse": 3},
        {"exi": "gJgC", "evse": 2},
    ],
)
async def test_a_wish_that_makes_no_sense_or_of_no_car_is_refused(
    control: BoardControl, wrong: dict[str, object]
) -> None:
    await control.operate({"op": "plug_in"})
    reply = await control.operate({"op": "certificate_installation", **wrong})
    assert reply["ok"] is False
    assert reply["error"]
