"""The story of the demo: it plays to the end only if every effect was really seen."""

from typing import Any

import pytest

from agent.sim.csms_link import StationNotConnected
from agent.sim.csms_station import Station
from agent.sim.story import Pace, StepFailed, Story
from tests.unit.sim.demo_world import BEGIN_WH, World

QUICK = Pace(speed=10_000, patience_s=20.0, look_s=0.1)

MISSING = [
    ("registration", "BootNotification"),
    ("free", "connector Available"),
    ("pilot", "the pilot to show the car"),
    ("occupied", "the CSMS to hear of the car"),
    ("authorize", "an Authorize"),
    ("ask", "the car to ask for energy"),
    ("close", "the contactor to close"),
    ("start", "the CSMS to hear of a transaction"),
    ("draw", "the car to take 16 A"),
    ("values", "meter values of the running transaction"),
    ("meter", "the meter to count"),
    ("duty", "the pilot's duty cycle to fall from 32.0 A to 10 A"),
    ("follow", "the car to follow to 10 A"),
    ("open", "the contactor to open"),
    ("cease", "the current to cease"),
    ("end", "the CSMS to hear of the end"),
    ("sign", "signed meter values"),
    ("unlock", "the plug to be unlocked"),
    ("leave", "the pilot to show no car"),
    ("free again", "the connector is free"),
]


class Told:
    """Keeps what the story tells."""

    def __init__(self) -> None:
        self.headings: list[str] = []
        self.lines: list[str] = []

    def heading(self, text: str) -> None:
        self.headings.append(text)

    def board(self, line: str) -> None:
        self.lines.append(line)


def story(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch, trouble: str | None = None
) -> Story:
    async def limit(_: Station, *arguments: Any) -> Any:
        return await world.set_charging_limit(*arguments)

    monkeypatch.setattr(Station, "set_charging_limit", limit)
    world.boot()
    return Story(world.station, world, told, lambda: trouble, QUICK)


async def test_a_station_that_does_its_part_is_seen_through_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, told = World(), Told()
    outcome = await story(world, told, monkeypatch).play()
    assert len(told.headings) == 7
    assert outcome.begin.energy_wh == BEGIN_WH
    assert outcome.end.energy_wh == world.energy_wh > BEGIN_WH
    operations = [r["op"] for r in world.requests if r["op"] != "state"]
    assert operations == ["vehicle", "plug_in", "swipe", "swipe", "plug_out"]
    for fact in ("plug inserted", "contactor closed", "contactor open", "plug pulled out"):
        assert fact in told.lines


@pytest.mark.parametrize(("effect", "named"), MISSING)
async def test_an_effect_that_does_not_come_is_named_with_its_step(
    monkeypatch: pytest.MonkeyPatch, effect: str, named: str
) -> None:
    world, told = World(omitted=frozenset({effect})), Told()
    with pytest.raises(StepFailed) as failure:
        await story(world, told, monkeypatch).play()
    assert named in str(failure.value)
    assert "20 s in vain" in str(failure.value)
    assert told.headings[-1] in str(failure.value)


async def test_a_limit_that_is_refused_is_told_with_the_station_s_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(StepFailed, match="Rejected InvalidProfile"):
        await story(World(refuse_limit=True), Told(), monkeypatch).play()


async def test_a_card_that_no_reader_hears_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(omitted=frozenset({"reader"}))
    with pytest.raises(StepFailed, match="no reader heard the card"):
        await story(world, Told(), monkeypatch).play()


async def test_a_station_in_trouble_ends_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(omitted=frozenset({"registration"}))
    with pytest.raises(StepFailed, match=r"while waiting for .*the daemon has ended"):
        await story(world, Told(), monkeypatch, trouble="the daemon has ended").play()


async def test_a_bench_that_falls_silent_ends_the_wait_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(silent_after=3)
    with pytest.raises(StepFailed, match="no answer to"):
        await story(world, Told(), monkeypatch).play()


async def test_a_connection_that_breaks_during_a_request_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(*_: Any) -> Any:
        raise StationNotConnected("the station has gone")

    told = story(World(), Told(), monkeypatch)
    monkeypatch.setattr(Station, "set_charging_limit", gone)
    with pytest.raises(StepFailed, match="the station has gone"):
        await told.play()
