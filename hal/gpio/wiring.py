"""How the safety lines of one EVSE are wired, as data: what the tables of a board file say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hal.api import Fault
from hal.gpio.adc import AdcPlace
from hal.gpio.contactor import Strategy
from hal.gpio.lock import LockTiming
from hal.gpio.pwm import PwmPlace
from hal.gpio.sampler import PeakTiming, Sampling
from hal.gpio.self_test import SelfTestPlan
from hal.line_place import LinePlace


@dataclass(frozen=True, slots=True)
class SampledWiring:
    """The pilot at a converter that samples it."""

    adc: AdcPlace
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class PeakWiring:
    """The pilot at two peak detectors with one reset line."""

    high: AdcPlace
    low: AdcPlace
    reset: LinePlace
    timing: PeakTiming = field(default_factory=PeakTiming)


@dataclass(frozen=True, slots=True)
class PilotWiring:
    """Generator and sampler of the control pilot."""

    pwm: PwmPlace
    sampler: SampledWiring | PeakWiring
    disconnect: LinePlace | None = None


@dataclass(frozen=True, slots=True)
class MirrorWiring:
    """A mirror contact and which kind of contact it is."""

    line: LinePlace
    normally_closed: bool = True


@dataclass(frozen=True, slots=True)
class CoilWiring:
    """One contactor."""

    coil: LinePlace
    mirrors: tuple[MirrorWiring, ...]


@dataclass(frozen=True, slots=True)
class MonostableWiring:
    """The line that keeps a hardware monostable up, and how often it is toggled."""

    line: LinePlace
    interval_s: float


@dataclass(frozen=True, slots=True)
class ContactorWiring:
    """All contactors of an EVSE by the names of their coils; `phases` are those at first."""

    strategy: Strategy
    coils: Mapping[str, CoilWiring]
    monostable: MonostableWiring | None = None
    phases: int = 3


@dataclass(frozen=True, slots=True)
class ProximityWiring:
    """The coding resistor against its pull-up."""

    adc: AdcPlace
    pull_up_ohm: float
    pull_up_v: float


@dataclass(frozen=True, slots=True)
class MonitorWiring:
    """A residual-current monitor: its outputs by name, its test input, and how it is tested."""

    outputs: Mapping[str, LinePlace]
    test: LinePlace
    plan: SelfTestPlan


@dataclass(frozen=True, slots=True)
class FeedbackWiring:
    """A voltage that tells whether the bolt is engaged."""

    adc: AdcPlace
    engaged_v: tuple[float, float]


@dataclass(frozen=True, slots=True)
class LockWiring:
    """A lock motor on an H-bridge."""

    engage: LinePlace
    release: LinePlace
    feedback: LinePlace | FeedbackWiring
    timing: LockTiming = field(default_factory=LockTiming)
    ready: LinePlace | None = None


@dataclass(frozen=True, slots=True)
class ShutOffWiring:
    """The second shut-off path; `pulse_s` None is a relay in series."""

    line: LinePlace
    pulse_s: float | None


@dataclass(frozen=True, slots=True)
class EvseWiring:
    """Everything that the guard drives and reads of one EVSE."""

    pilot: PilotWiring
    contactor: ContactorWiring
    proximity: ProximityWiring | None = None
    monitor: MonitorWiring | None = None
    lock: LockWiring | None = None
    fault_inputs: Mapping[Fault, LinePlace] = field(default_factory=dict)
    shut_off: ShutOffWiring | None = None
    tamper: LinePlace | None = None
