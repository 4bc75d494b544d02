"""What an EV needs and what it makes of the schedules that it is offered (K15-K17).

An EV tells it over ISO 15118; this station hears it through a port.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from agent.core.records import dataclass
from agent.core.smart_charging.ceilings import ALL_PHASES
from agent.core.smart_charging.profiles import ChargingSchedule, SchedulePeriod
from agent.core.vocabulary import RateUnit


class EnergyTransfer(StrEnum):
    """EnergyTransferModeEnumType, as far as an AC station has it."""

    AC_SINGLE_PHASE = "AC_single_phase"
    AC_TWO_PHASE = "AC_two_phase"
    AC_THREE_PHASE = "AC_three_phase"


TRANSFER_BY_PHASES = {
    1: EnergyTransfer.AC_SINGLE_PHASE,
    2: EnergyTransfer.AC_TWO_PHASE,
    ALL_PHASES: EnergyTransfer.AC_THREE_PHASE,
}


def phases_of(transfer: EnergyTransfer) -> int:
    """Return the number of phases of a transfer."""
    return next(phases for phases, kind in TRANSFER_BY_PHASES.items() if kind is transfer)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingNeeds:
    """What an EV wants: energy until its departure, and the currents and voltage that it can take.

    `schedules` is how many it can choose from (None: it does not say).
    """

    energy_wh: int
    min_current_a: int
    max_current_a: int
    max_voltage_v: int
    transfer: EnergyTransfer = EnergyTransfer.AC_THREE_PHASE
    departure: datetime | None = None
    schedules: int | None = None


@dataclass(frozen=True, slots=True)
class EvPeriod:
    """A power that an EV intends to take from `start_s` seconds after it said so."""

    start_s: int
    power_w: Decimal
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class EvPlan:
    """What an EV makes of the schedules it was offered: which one it took, and what it will do.

    `choice` counts from 0; without `periods` it means to follow the schedule (K15.FR.19).
    """

    choice: int = 0
    periods: tuple[EvPeriod, ...] = ()


P = TypeVar("P", EvPeriod, SchedulePeriod)


class NeedsStatus(StrEnum):
    """NotifyEVChargingNeedsStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    PROCESSING = "Processing"
    NO_CHARGING_PROFILE = "NoChargingProfile"


def intended(plan: EvPlan, schedule_id: int) -> ChargingSchedule:
    """Return an EV's own plan as a schedule, which NotifyEVChargingSchedule tells (K15.FR.10)."""
    periods = tuple(SchedulePeriod(p.start_s, p.power_w, p.phases) for p in plan.periods)
    return ChargingSchedule(RateUnit.WATT, periods, id=schedule_id)


def followed(taken: ChargingSchedule) -> ChargingSchedule:
    """Return the schedule of an EV that follows what it was offered (K15.FR.19)."""
    return replace(taken, start=None)


def is_sound(plan: EvPlan) -> bool:
    """Tell whether a plan can be one: powers that are amounts, in the order of their start."""
    starts_s = [-1, *(period.start_s for period in plan.periods)]
    return all(p.power_w.is_finite() and p.power_w >= 0 for p in plan.periods) and all(
        one < other for one, other in pairwise(starts_s)
    )


def exceeds(plan: EvPlan, offered: ChargingSchedule) -> bool:
    """Tell whether an EV means to take more than it was offered (K15.FR.09); both are in W."""
    instants = {p.start_s for p in plan.periods} | {p.start_s for p in offered.periods}
    first_s = plan.periods[0].start_s if plan.periods else 0
    return any(
        _at(plan.periods, at_s).power_w > _at(offered.periods, at_s).limit
        for at_s in instants
        if at_s >= first_s
    )


def _at(periods: tuple[P, ...], at_s: int) -> P:
    return [period for period in periods if period.start_s <= at_s][-1]
