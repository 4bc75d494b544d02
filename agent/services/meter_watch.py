"""Looks at the meter of an EVSE all the time, for what is wrong with it and for what it betrays."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

from agent.core import astray, open_contactor, over_current, standing_register
from agent.core.astray import NOTHING_ASTRAY
from agent.core.metering import Reading
from agent.core.open_contactor import CLOSED
from agent.core.over_current import NOTHING_DRAWN
from agent.core.standing_register import MOVING
from agent.ports import Clock
from agent.services.evse_ports import EvseDescription
from agent.services.meter_reader import MeterReader
from hal.api import Fault, GuardStatus, PilotState

METER_POLL_S = 1.0
ASTRAY = (
    "current flows on L{} though L{} is connected; look for a contactor that stays closed, and for"
    " wires that were swapped at contactors or meter"
)
STANDS = "the register stands still while the meter shows that power flows; exchange the meter"


class TellFault(Protocol):
    """Takes note that a fault is there or gone, in somebody's words."""

    def __call__(self, fault: str, *, on: bool, sentence: str = "") -> None: ...


class MeterWatch:
    """What the readings of one meter and the statuses of the guard say together.

    An over-current, a current on a phase that is not connected, and a register that stands still
    last until the EV is unplugged.
    """

    def __init__(self, description: EvseDescription, *, over_current: bool = False) -> None:
        self._description = description
        self._contactor = CLOSED
        self._flow = NOTHING_ASTRAY
        self._astray = ""
        self._drawn = NOTHING_DRAWN
        self._register = MOVING
        self._over_current = over_current
        self._stands = False

    def look(
        self, reading: Reading, status: GuardStatus | None, now_s: float
    ) -> Iterator[tuple[Fault, bool, str]]:
        """Take a reading in; yield each fault, whether it is there, and in which words."""
        fresh = reading if reading.fresh else None
        if status is not None and status.contactor_closed:
            self._contactor = CLOSED
            self._while_closed(fresh, status, now_s)
        else:
            self._drawn, self._register, self._flow = NOTHING_DRAWN, MOVING, NOTHING_ASTRAY
            self._while_open(fresh, status, now_s)
        if status is not None and status.pilot_state is PilotState.A:
            self._over_current = self._stands = False
            self._astray = ""
        welded = self._contactor.leaks or bool(self._astray)
        yield Fault.CONTACTOR_WELDED, welded, self._astray
        yield Fault.OVER_CURRENT, self._over_current, ""
        yield Fault.METER_LOST, self._stands, STANDS

    def _while_closed(self, fresh: Reading | None, status: GuardStatus, now_s: float) -> None:
        drawn_a = max(fresh.current_a) if fresh is not None and fresh.current_a else None
        offered_a = Decimal(str(round(status.offered_a, 1)))
        self._drawn = over_current.watched(self._drawn, now_s, offered_a, drawn_a)
        self._over_current = self._over_current or self._drawn.tripped
        self._look_for_another_phase(fresh, status, now_s)
        if fresh is not None and fresh.power_w is not None:
            register_wh, power_w = fresh.register_wh, fresh.power_w
            self._register = standing_register.watched(self._register, now_s, register_wh, power_w)
            self._stands = self._stands or self._register.stands

    def _look_for_another_phase(
        self, fresh: Reading | None, status: GuardStatus, now_s: float
    ) -> None:
        connected = self._description.phase_of(status)
        currents_a = () if fresh is None else fresh.current_a
        self._flow = astray.watched(self._flow, now_s, connected, currents_a)
        if self._flow.found:
            self._astray = ASTRAY.format(self._flow.phase, connected)

    def _while_open(self, fresh: Reading | None, status: GuardStatus | None, now_s: float) -> None:
        """Look for a contactor that reads as open while the meter counts: it is welded."""
        if status is None or status.contactor_commanded:
            self._contactor = CLOSED
        elif fresh is not None:
            self._contactor = open_contactor.watched(
                self._contactor, fresh.register_wh, now_s, self._description.rated_power_w
            )


async def watch_meter(
    meter: MeterReader,
    clock: Clock,
    watch: MeterWatch,
    status: Callable[[], GuardStatus | None],
    tell: TellFault,
) -> None:
    """Read the meter and tell for ever what is wrong with it, and what it betrays."""
    while True:
        reading = await meter.read()
        for fault, on, sentence in watch.look(reading, status(), clock.monotonic_s()):
            if fault is Fault.METER_LOST and meter.trouble:
                tell(fault, on=True, sentence=meter.trouble)
            else:
                tell(fault, on=on, sentence=sentence)
        await asyncio.sleep(METER_POLL_S)
