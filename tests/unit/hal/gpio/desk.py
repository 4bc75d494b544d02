"""A desk with the reference circuit: what copper, converters and a vehicle make of the lines.

The product's drivers stand on one side of a kernel in memory, this circuit on the other.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hal.gpio.assembly import open_board
from hal.gpio.pwm import PERIOD_NS
from hal.gpio.safety_board import GpioSafetyBoard, Machine
from hal.mock.pilot_circuit import Load, PilotDefects, plateaus
from tests.unit.hal.fake_gpio import FakeGpio, chip_of
from tests.unit.hal.fake_sysfs import FakeIioDevice, FakePwmChip, FakeSysfs

LABEL = "pinctrl-test"
PWM = {"device": "fe20c000.pwm", "channel": 0}
# The divider lifts -15..+15 V to 0..3 V.
CALIBRATION = [[0.3, -12.0], [2.7, 12.0]]
PILOT_ADC = {"kind": "iio", "device": "mcp3208", "channel": 0, "calibration": CALIBRATION}
COIL, MIRROR, COIL_2, MIRROR_2 = 0, 1, 2, 3
TRIP, TEST, ESTOP, TAMPER = 4, 5, 6, 7
ENGAGE, RELEASE, BOLT, READY = 8, 9, 10, 11
SHUNT, HEART, RESET, DISCONNECT = 12, 13, 14, 15
COIL_3, MIRROR_3, COIL_4, MIRROR_4 = 16, 17, 18, 19
MIRRORS = {COIL: MIRROR, COIL_2: MIRROR_2, COIL_3: MIRROR_3, COIL_4: MIRROR_4}
CONVERSION_S = 60e-6
CONTACT_S = 0.030

Table = dict[str, object]


def line(number: int, **more: object) -> Table:
    return {"chip": LABEL, "line": number, **more}


PILOT: Table = {"backend": "gpio", "pwm": PWM, "adc": PILOT_ADC}
PEAK_PILOT: Table = {
    "backend": "gpio",
    "pwm": PWM,
    "peak": {
        "high": {"kind": "iio", "device": "mcp3208", "channel": 3, "calibration": CALIBRATION},
        "low": {"kind": "iio", "device": "mcp3208", "channel": 4, "calibration": CALIBRATION},
        "reset": line(RESET),
    },
}
CONTACTOR: Table = {"backend": "gpio", "coil": line(COIL), "mirror": line(MIRROR)}
SERIES: Table = {
    "backend": "gpio",
    "strategy": "series",
    "coil": line(COIL),
    "mirror": line(MIRROR),
    "coil_l2_l3": line(COIL_2),
    "mirror_l2_l3": line(MIRROR_2),
}
EXCLUSIVE: Table = {
    "backend": "gpio",
    "strategy": "exclusive",
    "coil_1ph": line(COIL),
    "mirror_1ph": line(MIRROR),
    "coil_3ph": line(COIL_2),
    "mirror_3ph": line(MIRROR_2),
}
CHOICE: Table = {
    "backend": "gpio",
    "strategy": "per_phase",
    "coil_l1": line(COIL),
    "mirror_l1": line(MIRROR),
    "coil_l2": line(COIL_2),
    "mirror_l2": line(MIRROR_2),
    "coil_l3": line(COIL_3),
    "mirror_l3": line(MIRROR_3),
    "coil_3ph": line(COIL_4),
    "mirror_3ph": line(MIRROR_4),
}
RCM: Table = {"backend": "gpio", "fault": line(TRIP), "test": line(TEST)}
ESTOP_TABLE: Table = {"backend": "gpio", **line(ESTOP)}
TAMPER_TABLE: Table = {"backend": "gpio", **line(TAMPER)}
LOCK: Table = {
    "backend": "gpio",
    "engage": line(ENGAGE),
    "release": line(RELEASE),
    "feedback": line(BOLT),
}
PROXIMITY: Table = {
    "backend": "gpio",
    "adc": {"kind": "iio", "device": "mcp3208", "channel": 1},
    "pull_up_ohm": 1000,
    "pull_up_v": 3.3,
}
SHUT_OFF: Table = {"backend": "gpio", "kind": "shunt_trip", "output": line(SHUNT)}


class DeskClock:
    """A monotonic clock that only the desk moves, by a tick each time it is asked."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.tick_s = 1e-6

    def __call__(self) -> float:
        self.now_s += self.tick_s
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Desk:
    """The circuit; its fields are what a tester may turn."""

    load: Load = Load.NONE
    diode_shorted: bool = False
    shorted: bool = False
    welded: set[int] = field(default_factory=set)
    stuck: set[int] = field(default_factory=set)
    cable_ohm: float = 1e6
    noise_v: float = 0.02
    conversion_s: float = CONVERSION_S
    edges_s: float = 10e-6
    monitor_works: bool = True

    def __post_init__(self) -> None:
        self.clock = DeskClock()
        self.chip = chip_of(20)
        self.sysfs = FakeSysfs()
        self.pwm = FakePwmChip(self.sysfs, 0, "soc/fe20c000.pwm")
        self.converter = FakeIioDevice(self.sysfs, 0, "mcp3208", self.measure)
        self.machine = Machine(
            gpio=FakeGpio(self.chip),
            sysfs=self.sysfs,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        self._dice = random.Random(4711)  # noqa: S311 -- a test's dice
        self._due: list[tuple[float, Callable[[], None]]] = []
        for coil in MIRRORS:
            self._contact(coil)
        self.chip.watchers.append(self._moved)

    def board(self, tables: Mapping[str, Table] | None = None, **more: Table) -> GpioSafetyBoard:
        """Open the product's board on this desk."""
        ports = dict(tables or {"pilot": PILOT, "contactor": CONTACTOR}) | more
        return open_board({1: ports}, self.machine)

    def run(self, seconds: float, board: GpioSafetyBoard, step_s: float = 0.02) -> None:
        """Let the guard's ticks pass: refresh and flush."""
        until_s = self.clock.now_s + seconds
        while self.clock.now_s < until_s:
            self.clock.sleep(step_s)
            self.settle()
            board.refresh()
            board.flush()

    def settle(self) -> None:
        """Let everything arrive that is due."""
        due = [each for each in self._due if each[0] <= self.clock.now_s]
        self._due = [each for each in self._due if each[0] > self.clock.now_s]
        for _, action in due:
            action()

    def high(self, offset: int) -> bool:
        """The level of a wire."""
        return self.chip.wires[offset].high

    @property
    def duty(self) -> float | None:
        state = self.pwm.channels.get(0)
        if state is None or not state.enable:
            return None
        return state.duty_cycle / PERIOD_NS

    def measure(self, channel: int) -> float:
        """Convert: volts at the pin of a channel."""
        self.clock.sleep(self.conversion_s * self._dice.uniform(0.9, 1.3))
        if channel == 0:
            return self._lifted(self._pilot_v() + self._dice.gauss(0, self.noise_v))
        if channel == 1:
            return 3.3 * self.cable_ohm / (self.cable_ohm + 1000)
        if channel == 2:
            return 0.5 if self.high(BOLT) else 3.1
        high_v, low_v = self._extremes()
        return self._lifted(high_v if channel == 3 else low_v)

    def _lifted(self, volts: float) -> float:
        return (volts + 15.0) / 10.0

    def _extremes(self) -> tuple[float, float]:
        sample = plateaus(
            self.duty,
            self.load,
            PilotDefects(diode_shorted=self.diode_shorted, shorted=self.shorted),
        )
        return sample.high_v, sample.low_v

    def _pilot_v(self) -> float:
        duty = self.duty
        high_v, low_v = self._extremes()
        if duty is None or duty <= 0.0 or duty >= 1.0:
            return high_v
        phase_s = self.clock.now_s % 0.001
        if phase_s < self.edges_s:
            return low_v + (high_v - low_v) * phase_s / self.edges_s
        after_s = phase_s - duty * 0.001
        if after_s < 0:
            return high_v
        return max(low_v, high_v - (high_v - low_v) * after_s / self.edges_s)

    def _moved(self, offset: int, high: bool) -> None:
        if offset in MIRRORS:
            self.after(CONTACT_S, lambda: self._contact(offset))
        if offset == TEST and high and self.monitor_works:
            self.after(0.1, lambda: self.chip.set_outside(TRIP, high=True))
            self.after(0.4, lambda: self.chip.set_outside(TRIP, high=False))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen later."""
        self._due.append((self.clock.now_s + seconds, action))

    def _contact(self, coil: int) -> None:
        """The mirror contact is normally closed: its line is on while the main ones are open."""
        closed = (self.high(coil) and coil not in self.stuck) or coil in self.welded
        self.chip.set_outside(MIRRORS[coil], high=not closed)

    def weld(self, coil: int) -> None:
        """Weld a contactor as it is, closed."""
        self.welded.add(coil)
        self._contact(coil)
