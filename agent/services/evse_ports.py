"""What an EVSE's service is told of its EVSE, and everything that it talks to."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from agent.core.records import dataclass
from agent.core.session_state import SessionState, Stimulus
from agent.ports import Clock, Csms, Journal, MeterSigner
from agent.services.judging import Judge, Remember
from agent.services.meter_reader import MeterReader
from hal.api import GuardLink, GuardStatus

Guest = Callable[[SessionState, Stimulus], AbstractAsyncContextManager[Stimulus]]
"""Lets a token that was presented before its EVSE was known arrive with the EV (see `lobby`)."""


def _as_it_is(_state: SessionState, stimulus: Stimulus) -> AbstractAsyncContextManager[Stimulus]:
    return nullcontext(stimulus)


@dataclass(frozen=True, slots=True)
class EvseDescription:
    """What the configuration says of an EVSE.

    One with `phase_switching` can charge on one phase or on all, usually on `usual_phases`; with
    `phase_choice` a single phase may be any of the three.
    """

    evse: int
    phases: int = 3
    nominal_voltage_v: int = 230
    max_current_a: int = 32
    lockable: bool = False
    phase_switching: bool = False
    usual_phases: int = 3
    phase_choice: bool = False

    @property
    def rated_power_w(self) -> int:
        """Return the most power that may flow."""
        return self.max_current_a * self.phases * self.nominal_voltage_v

    def unusual_phases(self, named: int | None) -> int | None:
        """Return the phases that a profile has named if they are to be switched, None if not."""
        return named if self.phase_switching and named != self.usual_phases else None

    def phases_for(self, state: SessionState) -> int:
        """Return on how many phases a session is to charge."""
        if not self.phase_switching:
            return self.phases
        return self.usual_phases if state.wanted_phases is None else state.wanted_phases

    def phase_for(self, state: SessionState) -> int:
        """Return which phase a single one is to be: L1 where no profile chooses (K01.FR.47)."""
        if not self.phase_choice or self.phases_for(state) != 1:
            return 1
        return state.wanted_phase or 1

    def phases_of(self, status: GuardStatus | None) -> int:
        """Return the phases that are, or will next be, connected."""
        if not self.phase_switching or status is None:
            return self.phases
        return min(self.phases, status.phases)

    def phase_of(self, status: GuardStatus | None) -> int | None:
        """Return which one is connected where a single phase may be one of choice."""
        if not self.phase_choice or status is None or status.phases != 1:
            return None
        return status.phase


@dataclass(frozen=True, slots=True)
class EvsePorts:
    """Everything that an EVSE's service talks to."""

    guard: GuardLink
    meter: MeterReader
    journal: Journal
    csms: Csms
    clock: Clock
    signer: MeterSigner
    judge: Judge
    remember: Remember
    guest: Guest = _as_it_is
