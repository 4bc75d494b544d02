"""The guard's data about one EVSE: fixed setup, sampled inputs, remembered state, outputs."""

from dataclasses import dataclass, replace

from hal.api import Fault, Feed, GuardStatus, PilotSample
from hal.guard.contactor_check import ContactorTrack
from hal.guard.debounce import Debounced
from hal.guard.duty import STEADY_POSITIVE, DutyTrack
from hal.guard.fault_latch import NO_FAULTS, FaultLatch
from hal.guard.lease import LeaseTrack
from hal.guard.lock_control import LockTrack
from hal.guard.phases import PhaseTrack
from hal.guard.pilot_state import PilotTrack
from hal.guard.plug import PlugTrack
from hal.guard.residual_current import ResidualCurrentTrack
from hal.guard.wake_up import WakeUpTrack


@dataclass(frozen=True, slots=True)
class WakeUpSetup:
    """Whether and how a vehicle that does not answer the PWM is woken.

    State F for `state_f_s` after `after_s` in B2; at least 3 s by IEC 61851-1, 4 s by ISO 15118-3.
    """

    enabled: bool = False
    after_s: float = 30.0
    state_f_s: float = 4.0


@dataclass(frozen=True, slots=True)
class EvseSetup:
    """What never changes while the guard runs; `instance` is a number of this guard process.

    `phases` are those the EVSE is wired for. With `phase_switching` it may be told to use one
    only, with `phase_choice` one of choice, and a change takes `phase_pause_s` without PWM.
    `simplified_limit_a` caps the offer to a vehicle with a simplified pilot.
    """

    evse: int
    max_current_a: float
    ventilation: bool = False
    grace_s: float = 60.0
    fallback_limit_a: float = 6.0
    min_closing_interval_s: float = 10.0
    real_time: bool = True
    instance: int = 0
    phases: int = 3
    phase_switching: bool = False
    phase_choice: bool = False
    phase_pause_s: float = 5.0
    simplified_limit_a: float | None = None
    wake_up: WakeUpSetup = WakeUpSetup()

    def connection(self, plug_ins: int) -> int:
        """Return the number of a plug-in, which no other guard process gives."""
        return self.instance << 16 | plug_ins & 0xFFFF

    @property
    def full_feed(self) -> Feed:
        """Return the phases that the EVSE is wired for."""
        return Feed(self.phases)

    def connects(self, feed: Feed | None) -> bool:
        """Tell whether the board has the single phase that is named."""
        return feed is None or feed.phase == 1 or (self.phase_switching and self.phase_choice)


@dataclass(frozen=True, slots=True)
class EvseInputs:
    """One sample of every line; None where the EVSE does not have the device.

    `cable_rating_a` is 0 for a socket outlet without a valid cable. `has_shut_off` tells that
    there is a second path to cut the mains.
    """

    pilot: PilotSample
    contactor_closed: bool
    fault_inputs: frozenset[Fault] = NO_FAULTS
    residual_tripped: bool | None = None
    self_test_passed: bool | None = None
    cable_rating_a: int | None = None
    lock_engaged: bool | None = None
    tampered: bool | None = None
    has_shut_off: bool = False


@dataclass(frozen=True, slots=True)
class EvseState:
    """What the guard remembers between two decisions; times are monotonic seconds.

    `supplied` lasts from a closing to the end of its session, `shut_off` until a person resets it.
    """

    contactor: ContactorTrack
    pilot: PilotTrack
    cable_rating_a: Debounced[int | None]
    lock: LockTrack
    lease: LeaseTrack
    latch: FaultLatch
    residual_current: ResidualCurrentTrack
    duty: DutyTrack
    phases: PhaseTrack
    plug: PlugTrack
    wake_up: WakeUpTrack
    tampered: Debounced[bool]
    stopping_since_s: float | None = None
    supplied: bool = False
    shutting_down: bool = False
    shut_off: bool = False

    def updated(self, **changes: object) -> "EvseState":
        """Return a state with changes, this very one if nothing is new, as in most steps."""
        for name, value in changes.items():
            if getattr(self, name) is not value:
                return replace(self, **changes)  # type: ignore[arg-type]  # names and types as above
        return self


@dataclass(frozen=True, slots=True)
class EvseOutputs:
    """What the lines shall do; `start_self_test` and `select_phases` are requests, not levels."""

    duty: float = STEADY_POSITIVE
    contactor_closed: bool = False
    lock_engaged: bool = False
    start_self_test: bool = False
    select_phases: Feed | None = None
    shut_off: bool = False


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
