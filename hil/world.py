"""Everything of one story in real time: course and judgement are those of virtual time."""

from hil.bench import DriverBench
from hil.csms import CsmsDriver
from hil.drivers import ClockDriver
from hil.machine import BenchMachine
from hil.target import Target
from tests.stories.world import World

CHARGE_S = 1.5
WATCH_S = 2.0


class BenchWorld(World):
    """A story's world on the bench under test; `machine` and `bench` are made of its drivers."""

    settled_s = 0.3
    last_words_s = 0.5
    machine: BenchMachine
    bench: DriverBench

    def __init__(self, version: str, target: Target) -> None:
        csms = target.driver(CsmsDriver).new()
        machine = BenchMachine(target)
        super().__init__(version, machine, DriverBench(target, machine), csms)
        self.target = target
        self.patience = self.csms.patience = target.bench.patience

    async def end(self) -> None:
        """Judge, with one message told twice allowed for each cut that took an unwritten word."""
        twice = [one.duplicates for one in self.csms.station.transactions.values()]
        if max(twice, default=0) <= self.machine.forgetful_cuts:
            self.may_tell_twice = max(twice, default=0)
        await super().end()

    def now_s(self) -> float:
        for clock in self.target.drivers(ClockDriver):
            return clock.elapsed_s()
        return super().now_s()

    async def pass_s(self, seconds: float) -> None:
        clocks = self.target.drivers(ClockDriver)
        await (clocks[0].pass_s(seconds) if clocks else super().pass_s(seconds))

    async def charge_s(self, seconds: float) -> None:
        await self.pass_s(min(seconds, CHARGE_S))

    async def watch_s(self, seconds: float) -> None:
        slowly = 1.0 if self.target.drivers(ClockDriver) else self.patience
        await self.pass_s(min(seconds, WATCH_S * slowly))
