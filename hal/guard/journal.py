"""What the guard writes to its log: what changes rarely and matters to whoever reads it later."""

import logging
from collections.abc import Mapping

from hal.api import Fault, GuardStatus, Hindrance

# The order in which faults are told: what may kill comes first.
_GRAVEST_FIRST = (
    Fault.PROTECTIVE_EARTH,
    Fault.CONTACTOR_WELDED,
    Fault.RCD,
    Fault.EMERGENCY_STOP,
)

_log = logging.getLogger(__name__)


class Journal:
    """Logs faults, contactor, lease, shut-off, tampering, and what takes the pilot for itself."""

    def __init__(self) -> None:
        self._known: dict[int, GuardStatus] = {}

    def note(self, statuses: Mapping[int, GuardStatus]) -> None:
        """Compare with what was noted before."""
        for evse, status in statuses.items():
            known = self._known.get(evse)
            if status is known:
                continue
            self._known[evse] = status
            if known is not None:
                _compare(known, status)


def _compare(known: GuardStatus, status: GuardStatus) -> None:
    if status.faults != known.faults:
        _log.warning("EVSE %d: faults: %s", status.evse, _named(status.faults))
    if status.shut_off and not known.shut_off:
        _log.error(
            "EVSE %d: the contactor welded, the second shut-off is tripped; replace the contactor, "
            "then run `stationd-guard reset`",
            status.evse,
        )
    if status.contactor_commanded != known.contactor_commanded:
        word = "close" if status.contactor_commanded else "open"
        _log.info("EVSE %d: contactor told to %s", status.evse, word)
    if status.lease is not known.lease:
        _log.info("EVSE %d: lease is %s", status.evse, status.lease)
    _compare_sequences(known, status)


def _compare_sequences(known: GuardStatus, status: GuardStatus) -> None:
    if status.tampered != known.tampered:
        _log.warning("EVSE %d: housing %s", status.evse, "open" if status.tampered else "closed")
    if (status.phases, status.phase) != (known.phases, known.phase):
        fed = f"L{status.phase} alone" if status.phases == 1 else f"{status.phases} phases"
        _log.info("EVSE %d: fed by %s from now on", status.evse, fed)
    if Hindrance.WAKE_UP in status.hindrances - known.hindrances:
        _log.info("EVSE %d: the vehicle does not answer, waking it up", status.evse)


def _named(faults: frozenset[Fault]) -> str:
    grave = [fault for fault in _GRAVEST_FIRST if fault in faults]
    return ", ".join([*grave, *sorted(faults.difference(grave))]) or "none"
