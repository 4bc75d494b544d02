"""Everything of one story in real time: course and judgement are those of virtual time."""

from hil.bench import DriverBench
from hil.csms import CsmsDriver
from hil.machine import BenchMachine
from hil.target import Target
from tests.stories.world import World


class BenchWorld(World):
    """A story's world on the bench under test; `machine` and `bench` are made of its drivers."""

    settled_s = 0.3
    last_words_s = 0.5
    machine: BenchMachine
    bench: DriverBench

    def __init__(self, version: str, target: Target) -> None:
        csms = target.driver(CsmsDriver).new()
        super().__init__(version, BenchMachine(target), DriverBench(target), csms)
        self.target = target
        self.patience = self.csms.patience = target.bench.patience
