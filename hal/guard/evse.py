"""The guard's data about one EVSE: fixed setup, sampled inputs, remembered state, outputs."""

from dataclasses import dataclass

from hal.api import Fault, GuardStatus, PilotSample
from hal.guard.contactor_check import ContactorTrack
from hal.guard.debounce import Debounced
from hal.guard.duty import STEADY_POSITIVE, DutyTrack
from hal.guard.fault_latch import NO_FAULTS, FaultLatch
from hal.guard.lease import LeaseTrack
from hal.guard.lock_control import LockTrack
from hal.guard.pilot_state import PilotTrack
from hal.guard.residual_current import ResidualCurrentTrack


@dataclass(frozen=True, slots=True)
class EvseSetup:
    """What never changes while the guard runs; `instance` is a number of this guard process."""

    evse: int
    max_current_a: float
    ventilation: bool = False
    grace_s: float = 60.0
    fallback_limit_a: float = 6.0
    min_closing_interval_s: float = 10.0
    real_time: bool = True
    instance: int = 0

    def connection(self, plug_ins: int) -> int:
        """Return the number of a plug-in, which no other guard process gives."""
        return self.instance << 16 | plug_ins & 0xFFFF


@dataclass(frozen=True, slots=True)
class EvseInputs:
    """One sample of every line; None where the EVSE does not have the device.

    `cable_rating_a` is 0 for a socket outlet without a valid cable.
    """

    pilot: PilotSample
    contactor_closed: bool
    fault_inputs: frozenset[Fault] = NO_FAULTS
    residual_tripped: bool | None = None
    self_test_passed: bool | None = None
    cable_rating_a: int | None = None
    lock_engaged: bool | None = None


@dataclass(frozen=True, slots=True)
class EvseState:
    """What the guard remembers between two decisions; times are monotonic seconds."""

    contactor: ContactorTrack
    pilot: PilotTrack
    cable_rating_a: Debounced[int | None]
    lock: LockTrack
    lease: LeaseTrack
    latch: FaultLatch
    residual_current: ResidualCurrentTrack
    duty: DutyTrack
    stopping_since_s: float | None = None
    supplied: bool = False
    shutting_down: bool = False
    plugged: bool = False
    plug_ins: int = 0


@dataclass(frozen=True, slots=True)
class EvseOutputs:
    """What the lines shall do; `start_self_test` is a request, not a level."""

    duty: float = STEADY_POSITIVE
    contactor_closed: bool = False
    lock_engaged: bool = False
    start_self_test: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One step: the new state, the outputs and what the services may know.

    `pending` asks for another sample soon: something is being debounced or waited for. `calm` says
    that nothing is under way and nothing supplied, so that the next sample may come later.
    """

    state: EvseState
    outputs: EvseOutputs
    status: GuardStatus
    pending: bool
    calm: bool
