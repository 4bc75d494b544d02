"""The guard on the simulated plant, in virtual time and without a process between them."""

from collections.abc import Callable, Mapping

from hal.api import EvseLines, GuardStatus, Lease, PilotMode
from hal.guard.evse import EvseSetup
from hal.guard.loop import PENDING_TICK_S
from hal.guard.station import Station
from hal.mock.plant import Evse, Fitting, Plant
from hal.mock.safety_board import Lines, wire_up
from hal.mock.wire import EvseSettings

TICK_S = 0.02
RESTED_S = 60.0


class PlantLines:
    """The lines of one EVSE of a plant (hal.api.SafetyBoard)."""

    def __init__(self, evse: Evse, clock: Callable[[], int]) -> None:
        self._evse = evse
        self._clock = clock
        self._lines = Lines()
        self._evses = {1: wire_up(self._lines, evse.settings)}

    @property
    def evses(self) -> Mapping[int, EvseLines]:
        return self._evses

    def fileno(self) -> int:
        return -1

    def refresh(self) -> None:
        self._evse.advance(self._clock())
        self._lines.inputs = self._evse.read_lines()

    def flush(self) -> None:
        self._evse.drive(self._lines.outputs, self._clock())

    def close(self) -> None:
        self._evse.release(self._clock())


class PlantRig:
    """One EVSE of copper with a car, and a guard that has been there for a while."""

    def __init__(
        self, *, has_shut_off: bool = False, per_phase: bool = False, **setup: object
    ) -> None:
        self.now_s = 1000.0
        built = EvseSettings(has_shut_off=has_shut_off, per_phase=per_phase)
        self.evse = Evse(built, 0, self.now_ns())
        plant = Plant()
        plant.add(1, self.evse, self.now_ns())
        setups = (EvseSetup(1, 32.0, **setup),)  # type: ignore[arg-type]
        board = PlantLines(self.evse, self.now_ns)
        self.guard = Station(setups, lambda: board, self.now_s - RESTED_S)
        self.lease = Lease(1, PilotMode.STANDBY)
        self.history: list[GuardStatus] = []
        self.run(0.5)

    def offer(self, limit_a: float = 16.0, phases: int = 3, phase: int = 1) -> None:
        self.lease = Lease(1, PilotMode.OFFER, limit_a, phases=phases, phase=phase)

    def fit(self, **fitting: bool) -> None:
        self.evse.fit_vehicle(Fitting(32.0, 3, 32, **fitting), self.now_ns())

    def plug(self, *, plugged: bool = True) -> None:
        self.evse.plug(self.now_ns(), plugged=plugged)

    def step(self) -> None:
        self.now_s += PENDING_TICK_S if self.guard.pending else TICK_S
        self.guard.grant(self.lease, self.now_s)
        self.guard.step(self.now_s)
        status = self.status
        if status is not None and self.history[-1:] != [status]:
            self.history.append(status)

    def run(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.step()

    def until(self, holds: Callable[[], bool], limit_s: float = 60.0) -> float:
        start_s = self.now_s
        while not holds():
            assert self.now_s - start_s < limit_s, "it never happened"
            self.step()
        return self.now_s - start_s

    @property
    def status(self) -> GuardStatus | None:
        return self.guard.statuses(self.now_s).get(1)

    @property
    def current_a(self) -> tuple[float, ...]:
        return self.evse.read_meter(self.now_ns()).current_a

    def now_ns(self) -> int:
        return round(self.now_s * 1e9)
