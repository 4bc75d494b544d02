"""What a vehicle tells and is told over ISO 15118, as far as charging schedules go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VehicleNeeds:
    """What the vehicle at an EVSE wants: energy until it leaves, and what its charger can take.

    `leaves_in_s` counts from when it is told; `max_schedules` is how many it can choose from. None
    is what it does not say.
    """

    evse: int
    energy_wh: int
    min_current_a: int
    max_current_a: int
    max_voltage_v: int
    phases: int = 3
    leaves_in_s: int | None = None
    max_schedules: int | None = None


@dataclass(frozen=True, slots=True)
class PowerStep:
    """A power from `start_s` seconds after the beginning of a schedule."""

    start_s: int
    power_w: float


@dataclass(frozen=True, slots=True)
class VehicleAnswer:
    """Which of the schedules the vehicle takes, counted from 0, and what it means to do.

    Without steps it follows the schedule.
    """

    choice: int = 0
    steps: tuple[PowerStep, ...] = ()


class VehicleLink(Protocol):
    """The conversation with vehicles; raises `HardwareLost` when it breaks."""

    def needs(self) -> AsyncIterator[VehicleNeeds]:
        """Yield what each vehicle tells, each time that it tells it."""

    async def negotiate(
        self, evse: int, schedules: tuple[tuple[PowerStep, ...], ...]
    ) -> VehicleAnswer | None:
        """Offer a vehicle up to three schedules; None if it does not answer."""

    async def close(self) -> None: ...
