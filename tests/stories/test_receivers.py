"""Stories of a relay of the grid operator that limits the station (§ 14a EnWG and the like)."""

import pytest

from agent.app.local_orders import LocalOrders
from agent.cli import limit as limit_command
from tests.stories.desk import Desk
from tests.stories.in_process_bench import InProcessBench
from tests.stories.in_process_machine import InProcessMachine
from tests.stories.words import TOKEN, V16, V21, V201
from tests.stories.world import World

IN_2X = pytest.mark.parametrize("version", [V201, V21])
SIGNALS = "SmartChargingCtrlr.ExternalControlSignalsEnabled"
ONE_RELAY = """
[[smart_charging.receiver]]
id = "grid"
fail_safe_a = 6
relays.k1 = { backend = "mock" }
states = [{ on = [] }, { on = ["k1"], limit_w = 4200 }]
"""
FOUR_STEPS = """
[[smart_charging.receiver]]
id = "ripple"
source = "SO"
fail_safe_w = 6624
relays.k1 = { backend = "mock" }
relays.k2 = { backend = "mock" }
relays.k3 = { backend = "mock" }
relays.k4 = { backend = "mock" }
states = [
  { on = ["k1"] },
  { on = ["k2"], limit_w = 13248 },
  { on = ["k3"], limit_w = 6624 },
  { on = ["k4"], limit_w = 0 },
]
"""


class Grid:
    """The grid operator at the relays of one station, and people who ask the station."""

    def __init__(self, world: World, sections: str) -> None:
        assert isinstance(world.machine, InProcessMachine)
        assert isinstance(world.bench, InProcessBench)
        world.machine.sections = sections
        self.machine, self.bench = world.machine, world.bench

    async def switches(self, relay: str, *, on: bool | None) -> None:
        await self.bench.relay(relay, on=on)

    async def steps_to(self, relay: str) -> None:
        """Move a receiver of four relays on, as it does: first off, then on."""
        for number in range(1, 5):
            await self.switches(f"ripple.k{number}", on=False)
        await self.switches(f"ripple.{relay}", on=True)

    def why(self) -> str:
        (told,) = self.machine.station._why().answer({"op": "why", "evse": 1})["evses"]
        return " ".join(cause["sentence"] for cause in told["causes"])

    def limits(self, capsys: pytest.CaptureFixture[str]) -> str:
        """Return what `stationd limit` prints."""
        reply = LocalOrders(self.machine.station.smart_charging).answer({"op": "limits"})
        assert reply is not None
        capsys.readouterr()
        limit_command._show_limits(reply)
        return capsys.readouterr().out


@pytest.mark.requirement("K11.FR.01")
async def test_a_relay_that_closes_limits_within_a_second_and_is_named(
    world: World, csms: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await world.charges()
    assert "no limit from outside" in grid.limits(capsys)
    await world.pass_s(6)
    await grid.switches("grid.k1", on=True)
    await world.until(lambda: grid.bench.offered_a() == 6.0, "4200 W", within_s=1)
    assert "receiver grid: k1 is on" in grid.why()
    shown = grid.limits(capsys)
    assert "SO limits the station: 4200 W" in shown
    assert "receiver grid for the station: k1 is on" in shown
    await world.pass_s(6)
    await grid.switches("grid.k1", on=False)
    await world.until(lambda: grid.bench.offered_a() == 32.0, "full current", within_s=1)
    assert "receiver" not in grid.why()
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")


@IN_2X
@pytest.mark.requirement(
    *("K11.FR.01", "K11.FR.02", "K11.FR.05", "K12.FR.02", "K12.FR.04", "K13.FR.01", "K13.FR.02")
)
async def test_the_csms_hears_of_the_relay_and_of_its_end(world: World, csms: Desk) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await grid.switches("grid.k1", on=True)
    call = await csms.sees("NotifyChargingLimit")
    assert call.payload == {
        "evseId": 0,
        "chargingLimit": {"chargingLimitSource": "SO", "isGridCritical": True},
    }
    await grid.switches("grid.k1", on=False)
    call = await csms.sees("ClearedChargingLimit")
    assert call.payload == {"chargingLimitSource": "SO", "evseId": 0}


@pytest.mark.parametrize("version", [V16])
async def test_1_6_has_no_word_for_the_relay(world: World, csms: Desk) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await grid.switches("grid.k1", on=True)
    await world.pass_s(5)
    assert not csms.calls("NotifyChargingLimit")


async def test_what_the_grid_gives_back_is_spread_and_what_it_takes_is_not(
    world: World, csms: Desk
) -> None:
    grid = Grid(world, ONE_RELAY + "\n[smart_charging]\nrandom_delay_s = 1800\n")
    await world.start()
    await world.charges()
    delays_s: list[int] = []
    grid.machine.station.smart_charging.outside._delay_s = lambda: delays_s.append(600) or 600
    await world.pass_s(6)
    await grid.switches("grid.k1", on=True)
    await world.until(lambda: grid.bench.offered_a() == 6.0, "the limit at once", within_s=1)
    await world.pass_s(6)
    await grid.switches("grid.k1", on=False)
    await world.pass_s(590)
    assert grid.bench.offered_a() == 6.0
    assert delays_s == [600]
    await world.until(lambda: grid.bench.offered_a() == 32.0, "full current", within_s=12)
    await grid.switches("grid.k1", on=True)
    await world.pass_s(6)
    await grid.switches("grid.k1", on=False)
    await world.pass_s(300)
    await grid.switches("grid.k1", on=True)
    await world.pass_s(600)
    assert grid.bench.offered_a() == 6.0
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.parametrize(("switched", "offered_a"), [(True, 6.0), (False, 32.0)])
async def test_after_a_restart_the_relay_tells_the_truth(
    world: World, csms: Desk, switched: bool, offered_a: float
) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await grid.switches("grid.k1", on=not switched)
    await world.pass_s(2)
    csms.station.expect_boot()
    await world.machine.stop()
    await grid.switches("grid.k1", on=switched)
    await world.machine.start()
    await csms.is_ready()
    await world.charges()
    await world.until(lambda: grid.bench.offered_a() == offered_a, "what the relay says")
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_relay_that_cannot_be_read_means_the_fail_safe_limit(
    world: World, csms: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await world.charges()
    await world.pass_s(6)
    await grid.switches("grid.k1", on=None)
    await world.until(lambda: grid.bench.offered_a() == 6.0, "the fail-safe limit", within_s=1)
    assert "receiver grid: cannot be read: the relay grid.k1 is broken" in grid.why()
    assert "! receiver grid for the station: cannot be read" in grid.limits(capsys)
    await world.pass_s(6)
    await grid.switches("grid.k1", on=False)
    await world.until(lambda: grid.bench.offered_a() == 32.0, "full current", within_s=1)
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_a_receiver_with_four_steps_and_what_it_cannot_mean(world: World, csms: Desk) -> None:
    grid = Grid(world, FOUR_STEPS)
    await world.start()
    await grid.steps_to("k1")
    await world.charges()
    await world.pass_s(6)
    for relay, offered_a in (("k2", 19.2), ("k3", 9.6), ("k1", 32.0), ("k4", 0.0), ("k2", 19.2)):
        await grid.steps_to(relay)
        await world.until(lambda a=offered_a: grid.bench.offered_a() == a, relay, within_s=1)
        await world.pass_s(6)
    await grid.switches("ripple.k4", on=True)
    await world.until(lambda: grid.bench.offered_a() == 9.6, "the fail-safe limit", within_s=1)
    assert "k2 and k4 are on, which means nothing" in grid.why()
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")


async def test_people_cannot_set_or_release_what_follows_a_relay(world: World, csms: Desk) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start()
    await grid.switches("grid.k1", on=True)
    await world.pass_s(2)
    for request in ({"amps": 32}, {"clear": True}):
        reply = await grid.bench.orders("limit", source="SO", **request)
        assert "follows the receiver grid" in str(reply["error"])
    await grid.bench.limits_on_site(10, source="EMS")
    await grid.bench.releases_on_site(source="EMS")


@IN_2X
@pytest.mark.requirement("K11.FR.07")
async def test_a_relay_counts_again_as_soon_as_the_csms_allows_it(world: World, csms: Desk) -> None:
    grid = Grid(world, ONE_RELAY)
    await world.start({SIGNALS: "false"})
    await world.charges()
    await grid.switches("grid.k1", on=True)
    await world.pass_s(6)
    assert grid.bench.offered_a() == 32.0
    assert not csms.calls("NotifyChargingLimit")
    assert await csms.sets(SIGNALS, "true") == "Accepted"
    await world.until(lambda: grid.bench.offered_a() == 6.0, "the relay's limit", within_s=6)
    await grid.bench.swipe(TOKEN)
    await csms.sees_end("Local")
