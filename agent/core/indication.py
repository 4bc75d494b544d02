"""What the status light of an EVSE has to say, the most important thing first.

=========================================================  ============
facts                                                      indication
=========================================================  ============
a fault that makes charging impossible                     FAULTED
the station is being updated                               UPDATING
inoperative, and nobody charges                            UNAVAILABLE
energy flows                                               CHARGING
authorized and plugged in, and the EVSE offers nothing     SUSPENDED_EVSE
authorized and plugged in, and the EV takes nothing        SUSPENDED_EV
authorized, and no EV yet                                  AUTHORIZED
plugged in after a transaction                             FINISHED
plugged in                                                 PREPARING
reserved                                                   RESERVED
free, but without connection to the CSMS                   OFFLINE
free                                                       AVAILABLE
=========================================================  ============

How bright it is and how often it blinks at a signal are the operator's to say (LightIntensity and
BlinkRepeat of 1.6); a fault is never darker than `FAULT_INTENSITY_PERCENT`, so that nobody takes a
faulty outlet for one that is switched off.
"""

from collections.abc import Callable
from enum import StrEnum

from agent.core.records import dataclass
from agent.core.snapshot import EvseSnapshot

FAULT_INTENSITY_PERCENT = 10


class Indication(StrEnum):
    """What a status light says."""

    FAULTED = "faulted"
    UPDATING = "updating"
    UNAVAILABLE = "unavailable"
    CHARGING = "charging"
    SUSPENDED_EVSE = "suspended_evse"
    SUSPENDED_EV = "suspended_ev"
    AUTHORIZED = "authorized"
    FINISHED = "finished"
    PREPARING = "preparing"
    RESERVED = "reserved"
    OFFLINE = "offline"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class LightSettings:
    """How bright a light is, in percent of what it can be, and how often it blinks at a signal."""

    intensity_percent: int = 100
    blink_repeat: int = 3

    @property
    def signals(self) -> bool:
        """Tell whether a signal can be seen at all."""
        return self.intensity_percent > 0 and self.blink_repeat > 0

    def intensity_for(self, said: Indication) -> int:
        """Return the brightness in percent for what the light says."""
        if said is Indication.FAULTED:
            return max(self.intensity_percent, FAULT_INTENSITY_PERCENT)
        return self.intensity_percent


def indication(
    snapshot: EvseSnapshot, *, online: bool = True, updating: bool = False
) -> Indication:
    """Return what the light says by the module's table."""
    if updating and not snapshot.faulted:
        return Indication.UPDATING
    found = next((said for holds, said in _FIRST_THAT_HOLDS if holds(snapshot)), None)
    return found or (Indication.AVAILABLE if online else Indication.OFFLINE)


_FIRST_THAT_HOLDS: tuple[tuple[Callable[[EvseSnapshot], bool | None], Indication], ...] = (
    (lambda s: s.faulted, Indication.FAULTED),
    (lambda s: not s.operative and not s.in_transaction, Indication.UNAVAILABLE),
    (lambda s: s.energy_flows, Indication.CHARGING),
    (lambda s: s.authorized and not s.plugged_in, Indication.AUTHORIZED),
    (lambda s: s.authorized and not s.offered, Indication.SUSPENDED_EVSE),
    (lambda s: s.authorized, Indication.SUSPENDED_EV),
    (lambda s: s.plugged_in and s.transaction_ended, Indication.FINISHED),
    (lambda s: s.plugged_in or s.cable_kept, Indication.PREPARING),
    (lambda s: s.reserved, Indication.RESERVED),
)
